//! Volumes: directories, Docker's own, and those of other containers.

use bollard::query_parameters::RemoveVolumeOptions;
use longshore_engine::runtime::Runtime as _;
use serde_json::json;

use crate::support::{docker, key, shell, task, task_with, unique, with_engine};

#[tokio::test]
async fn a_directory_is_shared_by_the_containers_of_a_task() {
    with_engine(async |engine| {
        let (shared, host) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let mut writer = shell("echo written > /out/file");
        writer["name"] = json!("writer");
        writer["mountPoints"] = json!([{"sourceVolume": "work", "containerPath": "/out"}]);
        let mut reader = shell("cat /in/file; touch /in/other || touch /host/seen");
        reader["mountPoints"] = json!([
            {"sourceVolume": "work", "containerPath": "/in", "readOnly": true},
            {"sourceVolume": "host", "containerPath": "/host"},
        ]);
        let volumes = json!([{"name": "work"}, {"name": "host", "host": {"sourcePath": host.path()}}]);
        let task = task_with(json!({"volumes": volumes, "containerDefinitions": [writer, reader]}), |plan| {
            plan.directories.insert("work".into(), shared.path().into());
        });
        engine.runtime.prepare(&task).await.expect("prepared");
        engine.start(&task, "writer").await.expect("started");
        assert_eq!(engine.end(&key(&task, "writer")).await.exit_code, Some(0));
        engine.start(&task, "app").await.expect("started");
        let ended = engine.end(&key(&task, "app")).await;
        assert!(ended.lines.contains(&"written".to_owned()), "{ended:?}");
        assert_eq!(fs_err::read_to_string(shared.path().join("file")).expect("a file"), "written\n");
        assert!(host.path().join("seen").exists(), "a read-only mount was written to");
    })
    .await;
}

#[tokio::test]
async fn a_volume_of_the_task_goes_with_it_and_a_shared_one_stays() {
    with_engine(async |engine| {
        let shared = format!("longshore-test-{}", unique());
        let mut writer = shell("echo one > /task/file; echo two > /shared/file");
        writer["name"] = json!("writer");
        writer["mountPoints"] = json!([
            {"sourceVolume": "scratch", "containerPath": "/task"}, {"sourceVolume": shared, "containerPath": "/shared"},
        ]);
        let mut reader = shell("cat /task/file /shared/file; touch /task/other 2>/dev/null || echo read-only");
        reader["volumesFrom"] = json!([{"sourceContainer": "writer", "readOnly": true}]);
        let volumes = json!([
            {"name": "scratch", "dockerVolumeConfiguration": {"scope": "task"}},
            {"name": shared, "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": true}},
        ]);
        let task = task(json!({"volumes": volumes, "containerDefinitions": [writer, reader]}));
        engine.runtime.prepare(&task).await.expect("prepared");
        engine.start(&task, "writer").await.expect("started");
        assert_eq!(engine.end(&key(&task, "writer")).await.exit_code, Some(0));
        engine.start(&task, "app").await.expect("started");
        assert_eq!(engine.end(&key(&task, "app")).await.lines, ["one", "two", "read-only"]);
        let of_task = format!("longshore-scratch-{}", task.key.task);
        assert!(docker().inspect_volume(&of_task).await.is_ok());
        engine.runtime.release(&task.key).await;
        assert!(docker().inspect_volume(&of_task).await.is_err());
        docker().remove_volume(&shared, None::<RemoveVolumeOptions>).await.expect("the shared volume stayed");
    })
    .await;
}

#[tokio::test]
async fn a_shared_volume_that_nobody_made_is_told() {
    with_engine(async |engine| {
        let shared = format!("longshore-test-{}", unique());
        let volumes = json!([{"name": shared, "dockerVolumeConfiguration": {"scope": "shared"}}]);
        let task = task(json!({"volumes": volumes, "containerDefinitions": [shell("true")]}));
        let error = engine.runtime.prepare(&task).await.expect_err("there is none").to_string();
        assert!(error.starts_with("CannotCreateVolumeError: Error response from daemon: "), "{error}");
    })
    .await;
}
