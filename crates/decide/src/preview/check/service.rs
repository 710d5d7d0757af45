//! What services and their health checks cannot be.

use longshore_model::preview::{Health, Policy, Route, ServicePolicy};

use super::{Findings, twice};

/// Characters of a service's name: with app and label it fits an ECS service's.
const NAME_LIMIT: usize = 63;
/// Values of all conditions of a rule (quotas of Application Load Balancers).
const RULE_VALUES: usize = 5;
/// Characters of a path pattern (API reference of CreateRule).
const PATTERN_LIMIT: usize = 128;
/// What images and environment variables may hold.
const PLACEHOLDERS: [&str; 4] = ["branch", "sha", "pr", "name"];

pub(super) fn services(policy: &Policy, found: &mut Findings<'_>) {
    found.add_if(policy.services.is_empty(), "it has no service");
    let names: Vec<String> = policy.services.iter().map(|service| service.name.clone()).collect();
    for name in twice(&names) {
        found.add(format!("two services are called `{name}`"));
    }
    for (index, one) in policy.services.iter().enumerate() {
        service(one, found);
        paths(policy, one, index, found);
        health(one, found);
    }
}

fn service(service: &ServicePolicy, found: &mut Findings<'_>) {
    let name = &service.name;
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    found.add_if(
        !(1..=NAME_LIMIT).contains(&name.len()) || !name.bytes().all(is_legal),
        format!("the service `{name}` needs a name of letters, digits, hyphens and underscores, at most {NAME_LIMIT}"),
    );
    found
        .add_if(service.task_definition.is_empty(), format!("the service `{name}` names no task definition"));
    found.add_if(service.port == 0, format!("the service `{name}` answers on no port"));
    found.add_if(service.count == 0, format!("the service `{name}` has a count of 0: nothing would answer"));
    found.add_if(
        service.launch_type.is_some() && !service.capacity_providers.is_empty(),
        format!("the service `{name}` has a launch type and capacity providers: it is one or the other"),
    );
    found.add_if(
        service.network.as_ref().is_some_and(|network| network.subnets.is_empty()),
        format!("the network of the service `{name}` has no subnet"),
    );
    let image = service.image.iter().map(|image| ("the image".to_owned(), image));
    let variables = service.environment.iter().map(|(key, value)| (format!("the variable `{key}`"), value));
    for (what, text) in image.chain(variables) {
        if let Err(why) = placeholders(text) {
            found.add(format!("{what} of the service `{name}` {why}"));
        }
    }
    let is_variable = |key: &String| !key.is_empty() && !key.contains(['=', '\0']);
    found.add_if(
        !service.environment.keys().all(is_variable),
        format!("the service `{name}` has a variable without a name, or with `=` in it"),
    );
    found.add_if(service.image.as_deref() == Some(""), format!("the image of the service `{name}` is empty"));
}

/// Whether all that is written in double braces is known.
fn placeholders(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some((_, inner)) = rest.split_once("{{") {
        let Some((name, after)) = inner.split_once("}}") else {
            return Err("has a `{{` without `}}`".to_owned());
        };
        let name = name.trim();
        if !PLACEHOLDERS.contains(&name) {
            let known = PLACEHOLDERS.map(|known| format!("`{{{{ {known} }}}}`")).join(", ");
            return Err(format!("has `{{{{ {name} }}}}`, which stands for nothing: there are {known}"));
        }
        rest = after;
    }
    Ok(())
}

fn paths(policy: &Policy, service: &ServicePolicy, index: usize, found: &mut Findings<'_>) {
    let name = &service.name;
    let paths = &service.paths;
    found.add_if(
        index > 0 && paths.is_empty(),
        format!("the service `{name}` has no `paths`: only the first one gets what is left"),
    );
    found.add_if(
        index == 0 && !paths.is_empty(),
        format!("the service `{name}` has `paths`, but the first one gets all that no other's fit"),
    );
    for path in paths {
        let is_pattern = path.starts_with('/') && path.len() <= PATTERN_LIMIT;
        found.add_if(
            !is_pattern || path.contains(char::is_whitespace),
            format!("`{path}` of the service `{name}` is no path: it begins with `/` and has at most {PATTERN_LIMIT} characters"),
        );
    }
    let room = match policy.route {
        Route::Proxy { .. } => usize::MAX,
        Route::Port { .. } => RULE_VALUES,
        // One of the values is the host.
        Route::Host { .. } => RULE_VALUES - 1,
    };
    found.add_if(
        paths.len() > room,
        format!("the service `{name}` has {} paths, and a load balancer's rule takes {room}", paths.len()),
    );
}

/// The bounds of CreateTargetGroup (API reference), which our own proxy keeps, too.
fn health(service: &ServicePolicy, found: &mut Findings<'_>) {
    let health: &Health = &service.health;
    let of = format!("the health check of the service `{}`", service.name);
    let is_protocol = matches!(health.protocol.as_str(), "HTTP" | "HTTPS");
    found.add_if(!is_protocol, format!("{of} is over `HTTP` or `HTTPS`, not `{}`", health.protocol));
    let is_path = health.path.starts_with('/') && health.path.len() <= 1024;
    found.add_if(!is_path, format!("{of} needs a path that begins with `/`, of at most 1024 characters"));
    found.add_if(health.port == Some(0), format!("{of} has the port 0"));
    for (name, value, least, most) in [
        ("interval", health.interval_s, 5, 300),
        ("timeout", health.timeout_s, 2, 120),
        ("healthy", health.healthy, 2, 10),
        ("unhealthy", health.unhealthy, 2, 10),
    ] {
        found.add_if(
            !(least..=most).contains(&value),
            format!("`{name}` of {of} is {value}: it can be {least} to {most}"),
        );
    }
    found.add_if(
        health.timeout_s >= health.interval_s,
        format!("`timeout` of {of} must be less than its `interval`"),
    );
    found.add_if(
        !is_matcher(&health.matcher),
        format!(
            "`{}` of {of} are no status codes: write `200`, `200,204` or `200-399`, from 200 to 499",
            health.matcher
        ),
    );
}

fn is_matcher(matcher: &str) -> bool {
    let code = |text: &str| {
        let code: u16 = text.parse().ok()?;
        (text.len() == 3 && (200..=499).contains(&code)).then_some(code)
    };
    matcher.split(',').all(|part| match part.split_once('-') {
        Some((first, last)) => code(first).zip(code(last)).is_some_and(|(first, last)| first <= last),
        None => code(part).is_some(),
    })
}
