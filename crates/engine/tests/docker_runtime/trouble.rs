//! What goes wrong, in ECS's words.

use std::net::Ipv4Addr;

use longshore_engine::runtime::Runtime as _;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::support::{LIMIT, shell, task, with_engine};

#[tokio::test]
async fn too_much_memory_is_told_apart() {
    with_engine(async |engine| {
        let mut container = shell("x=xxxxxxxxxxxxxxxx; while true; do x=$x$x; done");
        container["memory"] = json!(16);
        let app = engine.run(container).await;
        let ended = engine.end(&app).await;
        assert_eq!(ended.exit_code, Some(137));
        assert_eq!(ended.reason.as_deref(), Some("OutOfMemoryError: Container killed due to memory usage"));
    })
    .await;
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_told_without_hanging() {
    with_engine(async |engine| {
        // Nothing listens on port 1: the refusal comes at once, whatever the machine's network.
        let containers = json!([{"name": "app", "image": "127.0.0.1:1/longshore-test/absent:1"}]);
        let task = task(json!({"networkMode": "awsvpc", "containerDefinitions": containers}));
        let prepared = timeout(LIMIT, engine.runtime.prepare(&task)).await.expect("in time");
        let error = prepared.expect_err("no such image").to_string();
        assert!(error.starts_with("CannotPullContainerError: Error response from daemon: "), "{error}");
        assert!(error.contains("connection refused"), "{error}");
        engine.runtime.release(&task.key).await;
        assert_eq!(engine.container_count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_told() {
    with_engine(async |engine| {
        let task = task(json!({"containerDefinitions": [
            {"name": "app", "command": ["/bin/absent"]}, {"name": "silent"},
        ]}));
        engine.runtime.prepare(&task).await.expect("prepared");
        let error = engine.start(&task, "app").await.expect_err("no such program").to_string();
        assert!(error.starts_with("CannotStartContainerError: Error response from daemon: "), "{error}");
        assert!(error.contains("/bin/absent"), "{error}");
        let error = engine.start(&task, "silent").await.expect_err("no command at all").to_string();
        assert_eq!(error, "CannotCreateContainerError: Error response from daemon: No command specified");
    })
    .await;
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    with_engine(async |engine| {
        let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("a port");
        let port = taken.local_addr().expect("an address").port();
        let mut container = shell("sleep 30");
        container["portMappings"] = json!([{"containerPort": 80, "hostPort": port}]);
        let task = task(json!({"containerDefinitions": [container]}));
        engine.runtime.prepare(&task).await.expect("prepared");
        let error = engine.start(&task, "app").await.expect_err("the port is taken").to_string();
        assert!(error.starts_with("CannotStartContainerError: Error response from daemon: "), "{error}");
        assert!(error.contains(&port.to_string()) && error.contains("already"), "{error}");
    })
    .await;
}
