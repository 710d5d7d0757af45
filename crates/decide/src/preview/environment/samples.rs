//! A policy and a record for tests.

use longshore_model::Timestamp;
use longshore_model::preview::{
    Access, Environment, Names, Policy, Presence, Progress, Revision, Route, ServicePolicy, Sleep, State,
    Subject, Wish,
};

pub(super) fn policy() -> Policy {
    let route = Route::Proxy {
        domain: "preview.test".into(),
        scheme: "http".into(),
        port: Some(8080),
        access: Access::Public,
    };
    Policy::new("octo/shop", "previews", vec![service("web")], route)
}

pub(super) fn service(name: &str) -> ServicePolicy {
    ServicePolicy { image: Some("shop:{{ sha }}".into()), ..ServicePolicy::new(name, "base", 80) }
}

pub(super) fn port_route() -> Route {
    Route::Port { load_balancer: "arn:lb".into(), first: 8000, last: 8002 }
}

pub(super) fn host_route() -> Route {
    Route::Host { listener: "arn:listener".into(), domain: "preview.test".into() }
}

pub(super) fn record() -> Environment {
    Environment {
        names: Names {
            id: "x.shop".into(),
            label: "x".into(),
            services: vec!["shop-x".into()],
            target_groups: vec!["shop-x-tg".into()],
        },
        repository: "octo/shop".into(),
        subject: Subject::Branch("feature/x".into()),
        life: 1,
        wish: Wish {
            presence: Presence::Up { by: "github".into() },
            revision: Revision { sha: "a".repeat(40), branch: "feature/x".into(), pull_request: None },
            pinned: false,
            keep_until: None,
            sleep: Sleep::Auto,
            attempt: 0,
        },
        progress: Progress { created_at: Timestamp(1_000), ..Progress::default() },
        state: State::Queued,
        held: None,
        waiting: Vec::new(),
    }
}
