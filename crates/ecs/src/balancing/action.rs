//! What a listener or a rule does with a request: read from ELB's shape, checked, and shown again.

use serde::{Deserialize, Serialize};

use super::check;
use super::fault::{Fault, FaultKind};
use super::limit::TARGET_GROUPS_OF_ACTION;
use super::shape::{
    self, FixedResponseConfig, ForwardConfig, GroupStickiness, RedirectConfig, TargetGroupTuple,
};

/// The longest host, path or query of a redirect.
const REDIRECT_CHARACTERS: usize = 128;
/// The longest body of a fixed response.
const BODY_CHARACTERS: usize = 1024;
/// The content types that ELB knows.
const CONTENT_TYPES: [&str; 5] =
    ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];
/// The heaviest share.
const WEIGHT_MOST: i32 = 999;
/// The longest that a client stays with its target group: a week.
const STICKY_SECONDS_MOST: i32 = 604_800;
const ORDER_MOST: i32 = 50_000;

/// What is done with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// One of the target groups answers it.
    Forward {
        /// The groups and their shares.
        groups: Vec<Share>,
        /// For how long a client stays with its group; not at all when there is nothing.
        sticky_seconds: Option<u32>,
    },
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// The client gets this answer.
    FixedResponse {
        /// 2xx, 4xx or 5xx.
        status: u16,
        /// One of ELB's five.
        content_type: Option<String>,
        /// At most 1024 characters.
        body: Option<String>,
    },
}

/// A target group's share of the requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The target group's ARN.
    pub group_arn: String,
    /// 0-999, in proportion to those of the other groups.
    pub weight: u16,
}

/// Where a client is sent. `#{protocol}`, `#{host}`, `#{port}`, `#{path}` (without its leading slash) and `#{query}` stand
/// for the parts of the request's own URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the parts of a URL")]
pub struct Redirect {
    pub protocol: String,
    pub host: String,
    pub port: String,
    pub path: String,
    pub query: String,
    /// 301 or 302.
    pub status: u16,
}

/// The one action of a listener or a rule, and the number that its caller gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Actions {
    order: Option<i32>,
    pub(crate) action: Action,
}

/// Reads actions. ELB lets several follow each other only when the first ones log somebody in, which is not offered here.
pub(super) fn read(shapes: &[shape::Action]) -> Result<Actions, Fault> {
    let [shape] = shapes else {
        return Err(match shapes.is_empty() {
            true => Fault::invalid("An action must be specified"),
            false => Fault::new(
                FaultKind::TooManyActions,
                "A listener or a rule has one action here: 'forward', 'redirect' or 'fixed-response'",
            ),
        });
    };
    let order = shape.order.map(|order| check::number("order", order, 1, ORDER_MOST)).transpose()?;
    let action = match shape.kind.as_str() {
        "forward" => read_forward(shape)?,
        "redirect" => read_redirect(shape.redirect_config.as_ref())?,
        "fixed-response" => read_fixed(shape.fixed_response_config.as_ref())?,
        known @ ("authenticate-oidc" | "authenticate-cognito" | "jwt-validation") => {
            let message = format!(
                "The local engine has no '{known}' actions: it has 'forward', 'redirect' and 'fixed-response'"
            );
            return Err(invalid(message));
        }
        other => {
            return Err(Fault::invalid(format!(
                "1 validation error detected: Value '{other}' at 'actions.1.member.type' failed to satisfy constraint: \
                 Member must satisfy enum value set: [forward, authenticate-oidc, authenticate-cognito, redirect, \
                 fixed-response, jwt-validation]"
            )));
        }
    };
    Ok(Actions { order, action })
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::InvalidLoadBalancerAction, message)
}

fn read_forward(shape: &shape::Action) -> Result<Action, Fault> {
    let single = shape.target_group_arn.as_ref().filter(|arn| !arn.is_empty());
    let config = shape.forward_config.clone().unwrap_or_default();
    let groups = match (single, config.target_groups.as_slice()) {
        (None, []) => {
            return Err(Fault::invalid("A target group ARN must be specified for a 'forward' action"));
        }
        (Some(arn), []) => vec![Share { group_arn: arn.clone(), weight: 1 }],
        (single, tuples) => {
            let shares = tuples.iter().map(read_share).collect::<Result<Vec<_>, _>>()?;
            let same = single.is_none_or(|arn| shares.len() == 1 && shares[0].group_arn == *arn);
            if !same {
                let message =
                    "You cannot specify both a target group ARN and a forward configuration that differ";
                return Err(Fault::invalid(message));
            }
            shares
        }
    };
    if groups.len() > TARGET_GROUPS_OF_ACTION {
        let message = format!("An action can only have '{TARGET_GROUPS_OF_ACTION}' target groups");
        return Err(Fault::new(FaultKind::TooManyTargetGroups, message));
    }
    let twice = groups
        .iter()
        .enumerate()
        .any(|(at, share)| groups[..at].iter().any(|other| other.group_arn == share.group_arn));
    if twice {
        return Err(Fault::invalid("A target group can only be specified once in an action"));
    }
    let sticky_seconds = read_stickiness(config.target_group_stickiness_config.as_ref())?;
    Ok(Action::Forward { groups, sticky_seconds })
}

fn read_share(tuple: &TargetGroupTuple) -> Result<Share, Fault> {
    let group_arn = check::required("targetGroupArn", tuple.target_group_arn.as_ref())?.to_owned();
    let weight = check::number("weight", tuple.weight.unwrap_or(1), 0, WEIGHT_MOST)?;
    Ok(Share { group_arn, weight })
}

fn read_stickiness(config: Option<&GroupStickiness>) -> Result<Option<u32>, Fault> {
    let Some(config) = config.filter(|config| config.enabled == Some(true)) else { return Ok(None) };
    let missing =
        || Fault::invalid("'DurationSeconds' must be specified when target group stickiness is enabled");
    let seconds = config.duration_seconds.ok_or_else(missing)?;
    check::number("durationSeconds", seconds, 1, STICKY_SECONDS_MOST).map(Some)
}

fn read_redirect(config: Option<&RedirectConfig>) -> Result<Action, Fault> {
    let config =
        config.ok_or_else(|| Fault::invalid("A 'RedirectConfig' must be specified with type 'redirect'"))?;
    let part = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
    let redirect = Redirect {
        protocol: part(&config.protocol, "#{protocol}"),
        host: part(&config.host, "#{host}"),
        port: part(&config.port, "#{port}"),
        path: part(&config.path, "/#{path}"),
        query: part(&config.query, "#{query}"),
        status: match config.status_code.as_deref() {
            Some("HTTP_301") => 301,
            Some("HTTP_302") => 302,
            other => {
                let other = other.unwrap_or_default();
                return Err(Fault::invalid(format!(
                    "Redirect status code '{other}' must be HTTP_301 or HTTP_302"
                )));
            }
        },
    };
    if !matches!(redirect.protocol.as_str(), "HTTP" | "HTTPS" | "#{protocol}") {
        let message =
            format!("Redirect protocol '{}' must be HTTP, HTTPS or #{{protocol}}", redirect.protocol);
        return Err(Fault::invalid(message));
    }
    if redirect.port != "#{port}" && !redirect.port.parse().is_ok_and(|port: u16| port > 0) {
        let message = format!("Redirect port '{}' must be 1-65535 or #{{port}}", redirect.port);
        return Err(Fault::invalid(message));
    }
    if redirect.host.is_empty() || !redirect.path.starts_with('/') {
        return Err(Fault::invalid("A redirect's host cannot be empty, and its path must begin with '/'"));
    }
    for (member, value) in [("host", &redirect.host), ("path", &redirect.path), ("query", &redirect.query)] {
        check::longest(&format!("redirectConfig.{member}"), value, REDIRECT_CHARACTERS)?;
    }
    let unchanged = [&redirect.protocol, &redirect.host, &redirect.port, &redirect.path];
    if unchanged == ["#{protocol}", "#{host}", "#{port}", "/#{path}"] {
        return Err(invalid("The redirect configuration is not valid because it creates a loop."));
    }
    Ok(Action::Redirect(redirect))
}

fn read_fixed(config: Option<&FixedResponseConfig>) -> Result<Action, Fault> {
    let missing = || Fault::invalid("A 'FixedResponseConfig' must be specified with type 'fixed-response'");
    let config = config.ok_or_else(missing)?;
    let code = config.status_code.as_deref().unwrap_or_default();
    let status = match code.as_bytes() {
        [b'2' | b'4' | b'5', b'0'..=b'9', b'0'..=b'9'] => code.parse().unwrap_or_default(),
        _ => {
            return Err(Fault::invalid(format!(
                "1 validation error detected: Value '{code}' at 'actions.1.member.fixedResponseConfig.statusCode' failed \
                 to satisfy constraint: Member must satisfy regular expression pattern: ^(2|4|5)\\d\\d$"
            )));
        }
    };
    let content_type = config.content_type.clone().filter(|kind| !kind.is_empty());
    if let Some(kind) = &content_type
        && !CONTENT_TYPES.contains(&kind.as_str())
    {
        let message = format!("The ContentType '{kind}' must be one of: {}", CONTENT_TYPES.join(", "));
        return Err(Fault::invalid(message));
    }
    let body = config.message_body.clone();
    check::longest("messageBody", body.as_deref().unwrap_or_default(), BODY_CHARACTERS)?;
    Ok(Action::FixedResponse { status, content_type, body })
}

impl Actions {
    /// The target groups that it names.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &String> {
        let shares = match &self.action {
            Action::Forward { groups, .. } => groups.as_slice(),
            Action::Redirect(_) | Action::FixedResponse { .. } => &[],
        };
        shares.iter().map(|share| &share.group_arn)
    }

    /// As ELB shows it: one target group in both forms, and a redirect with all of its parts.
    pub(super) fn shapes(&self) -> Vec<shape::Action> {
        let mut shape = shape::Action { order: self.order, ..shape::Action::default() };
        match &self.action {
            Action::Forward { groups, sticky_seconds } => {
                shape.kind = "forward".into();
                if let [only] = groups.as_slice() {
                    shape.target_group_arn = Some(only.group_arn.clone());
                }
                let tuple = |share: &Share| TargetGroupTuple {
                    target_group_arn: Some(share.group_arn.clone()),
                    weight: Some(i32::from(share.weight)),
                };
                shape.forward_config = Some(ForwardConfig {
                    target_groups: groups.iter().map(tuple).collect(),
                    target_group_stickiness_config: Some(GroupStickiness {
                        enabled: Some(sticky_seconds.is_some()),
                        duration_seconds: sticky_seconds.and_then(|it| i32::try_from(it).ok()),
                    }),
                });
            }
            Action::Redirect(redirect) => {
                shape.kind = "redirect".into();
                shape.redirect_config = Some(RedirectConfig {
                    protocol: Some(redirect.protocol.clone()),
                    port: Some(redirect.port.clone()),
                    host: Some(redirect.host.clone()),
                    path: Some(redirect.path.clone()),
                    query: Some(redirect.query.clone()),
                    status_code: Some(format!("HTTP_{}", redirect.status)),
                });
            }
            Action::FixedResponse { status, content_type, body } => {
                shape.kind = "fixed-response".into();
                shape.fixed_response_config = Some(FixedResponseConfig {
                    message_body: body.clone(),
                    status_code: Some(status.to_string()),
                    content_type: content_type.clone(),
                });
            }
        }
        vec![shape]
    }
}

#[cfg(test)]
#[path = "action_tests.rs"]
mod tests;
