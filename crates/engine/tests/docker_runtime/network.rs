//! The four network modes, seen from both ends.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use longshore_engine::runtime::Runtime as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::{LIMIT, key, shell, task, with_engine};

const SERVE: &str = "echo hello > /index.html; echo ready; exec httpd -f -h / -p 8080";

/// Asks a web server that may still be starting for its page.
async fn page(ip: IpAddr, port: u16) -> String {
    let ask = async {
        loop {
            if let Ok(mut connection) = TcpStream::connect((ip, port)).await {
                let mut answer = String::new();
                let asked = connection.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").await;
                // Docker's proxy takes connections before the server does, and then drops them.
                if asked.is_ok() && connection.read_to_string(&mut answer).await.is_ok() && !answer.is_empty()
                {
                    return answer;
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, ask).await.expect("the server answers")
}

#[tokio::test]
async fn in_bridge_mode_a_port_of_the_host_leads_to_the_container() {
    with_engine(async |engine| {
        let mut server = shell(SERVE);
        server["portMappings"] = json!([{"containerPort": 8080}, {"containerPortRange": "9000-9001"}]);
        let task = task(json!({"containerDefinitions": [server]}));
        let prepared = engine.runtime.prepare(&task).await.expect("prepared");
        assert_eq!((prepared.ip, prepared.pulled), (None, false));
        let started = engine.start(&task, "app").await.expect("started");
        let containers: Vec<_> = started.bindings.iter().map(|one| one.container_port).collect();
        assert_eq!(containers, [Some(8080), Some(9000), Some(9001)]);
        assert!(started.bindings.iter().all(|one| one.bind_ip == "0.0.0.0"));
        let port = started.bindings[0].host_port.and_then(|port| u16::try_from(port).ok()).expect("a port");
        assert!(page(Ipv4Addr::LOCALHOST.into(), port).await.ends_with("hello\n"));
    })
    .await;
}

#[tokio::test]
async fn in_bridge_mode_links_resolve() {
    with_engine(async |engine| {
        let mut server = shell(SERVE);
        server["name"] = json!("web");
        let mut client =
            shell("until wget -q -O - http://site:8080/index.html 2>/dev/null; do sleep 0.05; done");
        client["links"] = json!(["web:site"]);
        let task = task(json!({"containerDefinitions": [server, client]}));
        engine.runtime.prepare(&task).await.expect("prepared");
        engine.start(&task, "web").await.expect("started");
        engine.start(&task, "app").await.expect("started");
        assert_eq!(engine.end(&key(&task, "app")).await.lines, ["hello"]);
    })
    .await;
}

#[tokio::test]
async fn in_host_mode_the_network_is_the_hosts() {
    with_engine(async |engine| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mut client = shell(&format!("echo from the container | nc 127.0.0.1 {port}"));
        client["portMappings"] = json!([{"containerPort": 7000}]);
        let task = task(json!({"networkMode": "host", "containerDefinitions": [client]}));
        engine.runtime.prepare(&task).await.expect("prepared");
        let started = engine.start(&task, "app").await.expect("started");
        assert_eq!(started.bindings.iter().map(|one| one.host_port).collect::<Vec<_>>(), [Some(7000)]);
        let (mut connection, _) =
            timeout(LIMIT, listener.accept()).await.expect("in time").expect("a connection");
        let mut heard = [0; 18];
        connection.read_exact(&mut heard).await.expect("a line");
        assert_eq!(&heard, b"from the container");
    })
    .await;
}

#[tokio::test]
async fn in_mode_none_there_is_no_network() {
    with_engine(async |engine| {
        let task = task(json!({"networkMode": "none", "containerDefinitions": [shell("ls /sys/class/net")]}));
        engine.runtime.prepare(&task).await.expect("prepared");
        let started = engine.start(&task, "app").await.expect("started");
        assert_eq!(started.bindings, []);
        let interfaces = engine.end(&key(&task, "app")).await.lines;
        assert!(
            interfaces.contains(&"lo".to_owned()) && !interfaces.contains(&"eth0".to_owned()),
            "{interfaces:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn in_awsvpc_mode_containers_share_an_address_and_localhost() {
    with_engine(async |engine| {
        let mut server = shell(SERVE);
        server["name"] = json!("web");
        server["portMappings"] = json!([{"containerPort": 8080}]);
        let ask = "cat /proc/sys/net/core/somaxconn; grep() { while read a b; do [ \"$b\" = db.local ] && echo $a; done; }; \
                   grep < /etc/hosts; until wget -q -O - http://127.0.0.1:8080/index.html 2>/dev/null; do sleep 0.05; done";
        let mut client = shell(ask);
        client["systemControls"] = json!([{"namespace": "net.core.somaxconn", "value": "321"}]);
        client["extraHosts"] = json!([{"hostname": "db.local", "ipAddress": "10.1.2.3"}]);
        let task = task(json!({"networkMode": "awsvpc", "containerDefinitions": [server, client]}));
        let prepared = engine.runtime.prepare(&task).await.expect("prepared");
        let ip: IpAddr = prepared.ip.expect("an address").parse().expect("an address");
        let started = engine.start(&task, "web").await.expect("started");
        assert_eq!(started.bindings, [], "the task has its own address");
        engine.start(&task, "app").await.expect("started");
        assert_eq!(engine.end(&key(&task, "app")).await.lines, ["321", "10.1.2.3", "hello"]);
        assert!(page(ip, 8080).await.ends_with("hello\n"));
        engine.runtime.release(&task.key).await;
        assert_eq!(engine.container_count().await, 0, "what owned the network is gone too");
    })
    .await;
}
