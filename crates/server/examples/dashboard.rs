//! The dashboard over sample data, to be looked at in a browser. It prints its address and a token for the login.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "an example")]

#[path = "../tests/http/samples.rs"]
mod samples;

use std::sync::Arc;

use async_trait::async_trait;
use longshore_control::book::Book;
use longshore_control::preview::Desk;
use longshore_model::preview::view::Role;
use longshore_model::preview::{Delivery, DeliveryState, Source};
use longshore_model::{Error, Timestamp};
use longshore_server::{App, Reply, Secrets, people, serve};
use longshore_world::Clock;

#[derive(Debug)]
struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// Nobody who is answered later.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Reply for Nowhere {
    async fn reply(&self, _response_url: &str, _text: &str) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let book = Book::new(Arc::new(longshore_store::Memory::new()));
    let desk = Desk::new(book.clone(), samples::policies(), Arc::new(Wall));
    // `cargo run ... -- empty` shows what somebody sees who has just begun.
    if std::env::args().nth(1).as_deref() != Some("empty") {
        samples::fill(&book, Wall.now()).await;
        samples::wait(&book, "octo/shop", "2 environments wait for room: there may be 20 at once").await;
        deliver(&desk).await;
    }
    let token = people::tokens::make(&book, "octocat", Role::Operator, "example", Wall.now()).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public_url = format!("http://{}", listener.local_addr().unwrap());
    println!("{public_url}\n{token}");
    let app = App {
        desk: Arc::new(desk),
        secrets: Secrets { github: None, slack: None, slack_token: None, key: [7; 32] },
        login: None,
        public_url,
        repositories_url: Some("https://github.com".to_owned()),
        trusted_proxies: Vec::new(),
        glance: Arc::new(samples::Cluster { text: String::new() }),
        reply: Arc::new(Nowhere),
        sign_link: Arc::new(|_, site, to| format!("{site}{to}")),
    };
    serve(listener, app, async { tokio::signal::ctrl_c().await.unwrap() }).await;
}

async fn deliver(desk: &Desk) {
    let branch = |name: &str| Some(format!("branch `{name}`"));
    let moved = DeliveryState::Done("it is updated to commit 77aa00f".to_owned());
    let tag = DeliveryState::Ignored("`refs/tags/v1.4.0` is no branch".to_owned());
    let ping = DeliveryState::Done("GitHub reaches this server".to_owned());
    let all = [
        ("push", branch("feature/login-with-passkeys"), DeliveryState::Accepted),
        ("push", branch("feature/cart-rounding"), moved),
        ("push", None, tag),
        ("ping", None, ping),
    ];
    for (index, (event, about, state)) in (0..).zip(all) {
        let delivery = Delivery {
            id: format!("72d3162e-cc78-11e3-81ab-{index:012}"),
            source: Source::Github,
            event: event.to_owned(),
            repository: Some("octo/shop".to_owned()),
            about,
            at: Wall.now().plus_seconds(-60 * index),
            state,
        };
        let _accepted = desk.deliver(delivery, b"{}".to_vec()).await.unwrap();
    }
}
