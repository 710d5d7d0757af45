//! Policies for stories and properties.

use longshore_model::preview::{
    Access, Health, Hook, HookAction, Hooks, Limits, Policy, Route, ServicePolicy, Trigger,
};

pub(crate) fn service(name: &str, paths: &[&str]) -> ServicePolicy {
    ServicePolicy {
        name: name.into(),
        task_definition: "base".into(),
        like: None,
        container: None,
        port: 80,
        image: Some("shop:{{ sha }}".into()),
        environment: [("PR".to_owned(), "{{ pr }}".to_owned())].into(),
        cpu: None,
        memory: None,
        count: 1,
        launch_type: None,
        capacity_providers: Vec::new(),
        network: None,
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        health: Health::default(),
    }
}

pub(crate) fn hook(name: &str) -> Hook {
    Hook { name: name.into(), action: HookAction::Lambda { function: name.into() }, timeout_s: 60 }
}

pub(crate) fn proxy() -> Route {
    Route::Proxy { domain: "preview.test".into(), scheme: "http".into(), port: None, access: Access::Public }
}

pub(crate) fn port() -> Route {
    Route::Port { load_balancer: "arn:lb".into(), first: 8000, last: 8002 }
}

pub(crate) fn host() -> Route {
    Route::Host { listener: "arn:listener/app/lb/1/shared".into(), domain: "preview.test".into() }
}

pub(crate) fn policy(route: Route, services: usize) -> Policy {
    let second = || service("api", &["/api/*"]);
    let services = [service("web", &[])].into_iter().chain((1..services).map(|_| second()));
    Policy {
        repository: "octo/shop".into(),
        app: "shop".into(),
        trigger: Trigger::default(),
        cluster: "previews".into(),
        services: services.collect(),
        route,
        limits: Limits::default(),
        hooks: Hooks::default(),
    }
}
