//! A policy and a record for tests.

use longshore_model::Timestamp;
use longshore_model::preview::{
    Access, Deployed, Environment, Hook, HookAction, Names, Policy, Presence, Progress, Revision, Route,
    ServicePolicy, Sleep, State, Subject, Wish,
};
use serde_json::json;

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

fn hook(name: &str) -> Hook {
    let action = HookAction::Https { url: "https://hooks.test".into(), secret_env: "HOOK_KEY".into() };
    Hook { name: name.into(), action, timeout_s: 60 }
}

/// A deploy that goes on, with a hook after it and one before the removal.
pub(super) fn with_hooks() -> (Environment, Policy) {
    let mut policy = policy();
    policy.hooks.after_create = vec![hook("load/data")];
    policy.hooks.before_destroy = vec![hook("drop")];
    let mut record = record();
    record.progress.deploying = Some(Deployed {
        revision: record.wish.revision.clone(),
        task_definitions: vec!["arn:td:3".into()],
        at: Timestamp(900),
        ..Deployed::default()
    });
    record.progress.resources.target_groups = [("web".to_owned(), "arn:tg".to_owned())].into();
    record.progress.resources.placement = Some(json!({"launchType": "FARGATE"}));
    (record, policy)
}
