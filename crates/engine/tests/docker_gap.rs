//! A Docker daemon that cannot list its containers: nothing is taken for lost, and nothing is removed.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers, too")]

use std::sync::{Arc, Mutex};

use longshore_engine::reports;
use longshore_engine::runtime::docker::{DockerOptions, DockerRuntime};
use longshore_engine::runtime::{ContainerKey, Known, Runtime, TaskKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A daemon that is there, and fails whatever it is asked about containers; gives its address and what it was asked.
async fn broken_daemon() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let size = stream.read(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request[..size]).into_owned();
            let line = text.lines().next().unwrap_or_default().to_owned();
            let (status, body) = if line.contains("_ping") {
                ("200 OK", "OK")
            } else if line.contains("/info") {
                ("200 OK", "{}")
            } else {
                ("500 Internal Server Error", r#"{"message": "the database is locked"}"#)
            };
            heard.lock().unwrap().push(line);
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n");
            let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, asked)
}

#[tokio::test]
async fn what_cannot_be_listed_is_not_lost() {
    let (address, asked) = broken_daemon().await;
    let (sender, _receiver) = reports();
    let options = DockerOptions { engine: "gap".into(), host: Some(address) };
    let docker = DockerRuntime::connect(options, sender).await.unwrap();
    let task = TaskKey { account: "123456789012".into(), region: "eu-west-1".into(), task: "0af3".into() };
    let key = ContainerKey { task, name: "main".into(), attempt: 0 };
    let error = docker.recover(vec![Known { key, lines_stored: 0 }]).await.unwrap_err();
    assert!(error.to_string().contains("the database is locked"), "{error}");
    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|line| !line.starts_with("DELETE")), "{asked:?}");
}
