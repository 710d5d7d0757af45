//! Policies for stories and properties.

use longshore_model::preview::{Access, Hook, HookAction, Policy, Route, ServicePolicy};

pub(crate) fn service(name: &str, paths: &[&str]) -> ServicePolicy {
    ServicePolicy {
        image: Some("shop:{{ sha }}".into()),
        environment: [("PR".to_owned(), "{{ pr }}".to_owned())].into(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        ..ServicePolicy::new(name, "base", 80)
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
    Policy::new("octo/shop", "previews", services.collect(), route)
}
