//! An engine that ends and begins anew on the same daemon.

use longshore_engine::runtime::{Known, Runtime as _};
use serde_json::json;

use crate::support::{Engine, is_present, key, shell, task, unique, with_engine};

const COUNT: &str = "i=0; while true; do echo $i; i=$((i+1)); sleep 0.01; done";

/// Ends this engine as a crash would: nothing is told to the daemon. Gives a new one with the same id.
async fn restart(engine: &mut Engine) {
    let anew = Engine::connect(engine.id.clone()).await.expect("the daemon answered before");
    drop(std::mem::replace(engine, anew));
}

#[tokio::test]
async fn what_ran_is_taken_up_without_a_line_lost_or_doubled() {
    with_engine(async |engine| {
        let runs = engine.run(shell(COUNT)).await;
        let ends = engine.run(shell("echo first; sleep 0.3; echo last; exit 5")).await;
        engine.line(&ends, "first").await;
        engine.line(&runs, "20").await;
        // As if the last ones had not been stored.
        let stored = engine.lines(&runs)[..15].to_vec();
        restart(engine).await;
        let known = |key: &_, lines_stored| Known { key: Clone::clone(key), lines_stored };
        let mut gone = runs.clone();
        gone.task.task = unique();
        let found =
            engine.runtime.recover(vec![known(&runs, 15), known(&ends, 1), known(&gone, 0)]).await.unwrap();
        let mut keys: Vec<_> = found.iter().map(|found| found.key.clone()).collect();
        keys.sort();
        let mut expected = vec![runs.clone(), ends.clone()];
        expected.sort();
        assert_eq!(keys, expected, "what is not found is lost");
        assert!(found.iter().all(|found| found.runtime_id.len() == 64));
        let ended = engine.end(&ends).await;
        assert_eq!((ended.exit_code, ended.lines), (Some(5), vec!["last".to_owned()]));
        engine.line(&runs, "60").await;
        let all: Vec<_> = stored.iter().chain(engine.lines(&runs)).collect();
        for (at, line) in all.iter().enumerate() {
            assert_eq!((line.number, line.text.as_str()), (at as u64, at.to_string().as_str()));
        }
        engine.runtime.kill(&runs).await;
        assert_eq!(engine.end(&runs).await.exit_code, Some(137));
    })
    .await;
}

#[tokio::test]
async fn what_nobody_knows_is_removed_and_what_is_anothers_stays() {
    with_engine(async |engine| {
        let other = Engine::connect(unique()).await.expect("the daemon answered before");
        let foreign = other.run(shell(COUNT)).await;
        let volumes = json!([{"name": "scratch", "dockerVolumeConfiguration": {}}]);
        let spec =
            json!({"networkMode": "awsvpc", "volumes": volumes, "containerDefinitions": [shell(COUNT)]});
        let (known, unknown) = (task(spec.clone()), task(spec));
        let mut ids = Vec::new();
        for task in [&known, &unknown] {
            engine.runtime.prepare(task).await.expect("prepared");
            ids.push(engine.start(task, "app").await.expect("started").runtime_id);
        }
        restart(engine).await;
        let found =
            engine.runtime.recover(vec![Known { key: key(&known, "app"), lines_stored: 0 }]).await.unwrap();
        assert_eq!(found.iter().map(|found| &found.runtime_id).collect::<Vec<_>>(), [&ids[0]]);
        assert!(is_present(&ids[0]).await && !is_present(&ids[1]).await);
        assert_eq!(engine.container_count().await, 2, "the task's container and what owns its network");
        let volume = async |task: &longshore_engine::runtime::TaskPlan| {
            let name = format!("longshore-scratch-{}", task.key.task);
            crate::support::docker().inspect_volume(&name).await.is_ok()
        };
        assert!(volume(&known).await && !volume(&unknown).await);
        assert_eq!(other.container_count().await, 1);
        engine.runtime.shutdown().await;
        assert_eq!(engine.container_count().await, 0);
        assert!(!volume(&known).await);
        assert_eq!(other.container_count().await, 1);
        other.runtime.kill(&foreign).await;
        other.runtime.shutdown().await;
        assert_eq!(other.container_count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_container_that_was_made_but_not_started_is_lost() {
    with_engine(async |engine| {
        let task = task(json!({"containerDefinitions": [{"name": "app", "command": ["/bin/absent"]}]}));
        engine.runtime.prepare(&task).await.expect("prepared");
        engine.start(&task, "app").await.expect_err("no such program");
        assert_eq!(engine.container_count().await, 1);
        restart(engine).await;
        let found =
            engine.runtime.recover(vec![Known { key: key(&task, "app"), lines_stored: 0 }]).await.unwrap();
        assert!(found.is_empty());
        assert_eq!(engine.container_count().await, 0);
    })
    .await;
}
