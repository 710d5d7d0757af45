//! A proxy to measure: `bench_proxy LISTEN TARGET [RULES [WORKERS]]`, two addresses and the number of host rules (1).
//!
//! It prints `ready`. For each line on its input it swaps the table for another, and prints `swapped`. It ends with its
//! input.
#![expect(clippy::print_stdout, reason = "this is how it speaks to the one who measures")]

use std::net::SocketAddr;
use std::time::Duration;

use longshore_proxy::{
    Action, Balance, Condition, Fixed, Forward, Group, Listener, Options, Protocol, Proxy, Rule, Table,
    Target,
};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

/// Requests for `host-0.example.com` to one target; the others answer here. `version` makes tables differ.
fn table(listen: SocketAddr, target: SocketAddr, rules: u32, version: usize) -> Table {
    let rule = |number: u32| Rule {
        priority: number,
        conditions: vec![Condition::Host(vec![format!("host-{number}.example.com")])],
        action: Action::Forward(Forward::to("targets")),
    };
    let nothing =
        Fixed { status: 404, content_type: "text/plain".into(), body: format!("version {version}") };
    let targets = vec![Target { key: format!("target-{}", version % 2), address: target }];
    Table {
        listeners: vec![Listener {
            id: "web".into(),
            addresses: vec![listen],
            tls: None,
            rules: (0..rules).map(rule).collect(),
            default: Action::Fixed(nothing),
            idle_timeout: Duration::from_secs(60),
        }],
        groups: vec![Group {
            id: "targets".into(),
            targets,
            protocol: Protocol::Http1,
            balance: Balance::RoundRobin,
            stickiness: None,
        }],
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [listen, target, more @ ..] = arguments.as_slice() else {
        return Err("LISTEN and TARGET are needed".into());
    };
    let (listen, target) = (listen.parse()?, target.parse()?);
    let rules = more.first().map_or(Ok(1), |rules| rules.parse())?;
    let mut options = Options::default();
    if let Some(workers) = more.get(1) {
        options.workers = workers.parse()?;
    }
    let proxy = Proxy::start(options)?;
    for (_, bound) in proxy.swap(table(listen, target, rules, 0)).await? {
        bound?;
    }
    println!("ready");
    let (mut lines, mut version) = (BufReader::new(stdin()).lines(), 0);
    while lines.next_line().await?.is_some() {
        version += 1;
        proxy.swap(table(listen, target, rules, version)).await?;
        println!("swapped");
    }
    proxy.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
