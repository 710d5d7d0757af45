//! Times changes of one site among many: `bench_sites [SITES [ROUNDS]]` (5000 and 100).
//!
//! It prints how long it took to set all of them at once, and then, in milliseconds, the shortest, the median and the
//! longest time of `Routes::set` for one of them. All targets are one server, which the health checks ask as often as the
//! usual policy says.
#![expect(clippy::print_stdout, reason = "this is how it speaks to the one who measures")]

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use longshore_model::Timestamp;
use longshore_model::preview::{Access, Entrance, Policy, Route, ServicePolicy};
use longshore_proxy::sites::{Key, SiteOptions, Sites};
use longshore_world::{Clock, Routes as _, Site, SiteService, SiteTarget};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp(1)
    }
}

fn policy() -> Arc<Policy> {
    let route = Route::Proxy {
        domain: "example.com".into(),
        scheme: "http".into(),
        port: None,
        access: Access::Login,
    };
    let web = ServicePolicy::new("web", "web", 80);
    Arc::new(Policy::new("octo/shop", "default", vec![web], route))
}

fn site(number: usize, life: usize, target: SocketAddr, policy: &Arc<Policy>) -> Site {
    let key = format!("arn:aws:ecs:eu-west-1:123456789012:task/default/{number:024}{life:08}");
    let active = vec![SiteTarget { key, address: target }];
    Site {
        environment: format!("branch-{number}.shop"),
        host: format!("branch-{number}.shop.example.com"),
        entrance: Entrance { is_secure: false, port: 80, access: Access::Login },
        services: vec![SiteService { active, probed: Vec::new() }],
        policy: policy.clone(),
        closed: None,
    }
}

/// Answers whatever comes.
async fn serve(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut room = [0; 1024];
            if stream.read(&mut room).await.is_ok_and(|read| read > 0) {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                // Who has gone needs no answer.
                drop(stream.write_all(answer).await);
            }
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|it| it.parse::<usize>());
    let count = arguments.next().transpose()?.unwrap_or(5000);
    let rounds = arguments.next().transpose()?.unwrap_or(100).max(1);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let target = listener.local_addr()?;
    tokio::spawn(serve(listener));
    let options = SiteOptions::new(vec!["127.0.0.1:0".parse()?], Key::new(&[1; 32]), "http://localhost");
    let sites = Arc::new(Sites::start(options, Arc::new(Stopped)).await?);
    let policy = policy();
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for number in 0..count {
        let (sites, site) = (sites.clone(), site(number, 0, target, &policy));
        all.spawn(async move { sites.set(site).await });
    }
    while let Some(set) = all.join_next().await {
        set??;
    }
    println!("{count} sites at once: {:.1} ms", begun.elapsed().as_secs_f64() * 1000.0);
    // Until their first checks are over.
    let id = |number| format!("branch-{number}.shop");
    while (0..count).any(|number| sites.health(&id(number)).is_empty()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut times = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let begun = Instant::now();
        sites.set(site(round % count, round + 1, target, &policy)).await?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let (first, median, last) = (times[0], times[rounds / 2], times[rounds - 1]);
    println!("one of {count}: {first:.2} {median:.2} {last:.2} ms");
    sites.shutdown(Duration::from_secs(1)).await;
    Ok(())
}
