//! Where an environment is: its cluster, its route, its address.

use std::collections::BTreeSet;

use longshore_model::preview::{Entrance, Environment, Policy, Presence, Route};

/// The cluster of its services: the one that it was made in, or will be.
#[must_use]
pub fn cluster<'a>(record: &'a Environment, policy: Option<&'a Policy>) -> Option<&'a str> {
    let made = record.progress.resources.cluster.as_deref();
    made.or(policy.map(|policy| policy.cluster.as_str()))
}

/// How requests get there: the route that it was made with, or will be. Our own proxy keeps nothing of an environment in
/// AWS, so that its port and its door are always those of now.
#[must_use]
pub fn route<'a>(record: &'a Environment, policy: Option<&'a Policy>) -> Option<&'a Route> {
    let made = record.progress.resources.route.as_ref();
    match (made, policy.map(|policy| &policy.route)) {
        // Our own proxy may have another port, and let others in, since this was made.
        (Some(Route::Proxy { domain: made, .. }), Some(now @ Route::Proxy { domain, .. }))
            if made == domain =>
        {
            Some(now)
        }
        (made, now) => made.or(now),
    }
}

/// The names of all ECS services that it has or may have.
#[must_use]
pub fn service_names(record: &Environment) -> Vec<String> {
    let names: BTreeSet<&String> = services(record).collect();
    names.into_iter().cloned().collect()
}

/// The same, some of them more than once.
pub(crate) fn services(record: &Environment) -> impl Iterator<Item = &String> {
    let resources = &record.progress.resources;
    record.names.services.iter().chain(&resources.families).chain(resources.services.keys())
}

/// Its host name, where it has one of its own.
#[must_use]
pub fn host(record: &Environment, policy: Option<&Policy>) -> Option<String> {
    match route(record, policy)? {
        Route::Proxy { domain, .. } | Route::Host { domain, .. } => {
            Some(format!("{}.{domain}", record.names.id))
        }
        Route::Port { .. } => None,
    }
}

/// How clients come to it behind our own proxy; `None` where another way leads to it.
#[must_use]
pub fn entrance(record: &Environment, policy: Option<&Policy>) -> Option<Entrance> {
    let Route::Proxy { scheme, port, access, .. } = route(record, policy)? else { return None };
    let is_secure = scheme == "https";
    Some(Entrance { is_secure, port: port.unwrap_or(usual_port(scheme)), access: *access })
}

fn usual_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

/// The host name of an environment that has answered behind our own proxy, and should.
#[must_use]
pub fn host_of_answering(record: &Environment, policy: &Policy) -> Option<String> {
    let is_wanted = matches!(record.wish.presence, Presence::Up { .. });
    let is_behind_proxy = matches!(route(record, Some(policy)), Some(Route::Proxy { .. }));
    (is_wanted && is_behind_proxy && record.progress.deployed.is_some())
        .then(|| host(record, Some(policy)))
        .flatten()
}

/// Where it answers, or will; `None` while that is not known. It is announced only once it answers.
#[must_use]
pub fn url(record: &Environment, policy: Option<&Policy>) -> Option<String> {
    let resources = &record.progress.resources;
    let (scheme, host, port) = match route(record, policy)? {
        Route::Proxy { scheme, port, .. } => (scheme.as_str(), host(record, policy)?, *port),
        Route::Port { .. } => ("http", resources.dns_name.clone()?, Some(resources.port?)),
        Route::Host { .. } => {
            (resources.scheme.as_deref().unwrap_or("https"), host(record, policy)?, resources.port)
        }
    };
    let port = port.filter(|port| *port != usual_port(scheme));
    Some(match port {
        Some(port) => format!("{scheme}://{host}:{port}/"),
        None => format!("{scheme}://{host}/"),
    })
}

#[cfg(test)]
mod tests {
    use longshore_model::preview::Access;

    use super::super::samples;
    use super::*;

    #[test]
    fn the_address_is_that_of_the_route() {
        let mut record = samples::record();
        let mut policy = samples::policy();
        let address = |record: &Environment, policy: &Policy| url(record, Some(policy)).unwrap_or_default();
        assert_eq!(address(&record, &policy), "http://x.shop.preview.test:8080/");
        record.progress.resources.route = Some(policy.route.clone());
        if let Route::Proxy { port, .. } = &mut policy.route {
            *port = Some(9090);
        }
        assert_eq!(address(&record, &policy), "http://x.shop.preview.test:9090/", "the proxy has moved");
        record.progress.resources.route = None;
        policy.route = samples::port_route();
        assert_eq!(address(&record, &policy), "", "there is no listener yet");
        record.progress.resources.port = Some(8004);
        record.progress.resources.dns_name = Some("lb.test".into());
        assert_eq!(address(&record, &policy), "http://lb.test:8004/");
        policy.route = samples::host_route();
        record.progress.resources.port = Some(443);
        record.progress.resources.scheme = Some("https".into());
        assert_eq!(address(&record, &policy), "https://x.shop.preview.test/");
        record.progress.resources.route = Some(samples::port_route());
        assert_eq!(
            address(&record, &policy),
            "http://lb.test:443/",
            "it keeps the route that it was made with"
        );
    }

    #[test]
    fn the_entrance_is_that_of_the_route_that_it_was_made_with() {
        let mut record = samples::record();
        let mut policy = samples::policy();
        let made = Entrance { is_secure: false, port: 8080, access: Access::Public };
        assert_eq!(entrance(&record, Some(&policy)), Some(made));
        record.progress.resources.route = Some(policy.route.clone());
        policy.route = samples::port_route();
        assert_eq!(entrance(&record, Some(&policy)), Some(made));
        assert_eq!(entrance(&record, None), Some(made), "whatever longshore.toml says by now");
        let (domain, scheme) = ("preview.test".into(), "https".into());
        policy.route = Route::Proxy { domain, scheme, port: None, access: Access::Login };
        let now = Entrance { is_secure: true, port: 443, access: Access::Login };
        assert_eq!(entrance(&record, Some(&policy)), Some(now), "at the same domain its door is that of now");
        record.progress.resources.route = Some(samples::host_route());
        assert_eq!(entrance(&record, Some(&policy)), None, "requests do not pass our proxy");
    }
}
