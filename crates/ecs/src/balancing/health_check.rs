//! How the targets of a group are checked: settings, defaults, and what does not go together.

use longshore_model::words;
use serde::{Deserialize, Serialize};

use super::check;
use super::fault::Fault;
use super::shape::shape;

words! {
    /// What a target group's targets speak.
    GroupProtocol {
        /// HTTP.
        Http = "HTTP",
        /// HTTP in TLS.
        Https = "HTTPS",
    }
}

words! {
    /// Which HTTP a target group's targets speak.
    ProtocolVersion {
        /// HTTP/1.1.
        Http1 = "HTTP1",
        /// HTTP/2.
        Http2 = "HTTP2",
        /// gRPC.
        Grpc = "GRPC",
    }
}

/// How often, where and for what a target is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// With or without TLS.
    pub protocol: GroupProtocol,
    /// Another port than that of the target's traffic.
    pub port: Option<u16>,
    /// What is asked for.
    pub path: String,
    /// From one check to the next, 5-300 s.
    pub interval_seconds: u16,
    /// When no answer is a failure, 2-120 s.
    pub timeout_seconds: u16,
    /// How many successes in a row make a target healthy.
    pub healthy_threshold: u8,
    /// How many failures in a row make it unhealthy.
    pub unhealthy_threshold: u8,
    /// The codes of a success, as ELB writes them: `200`, `200,204`, `200-299`. They are gRPC's when the group is.
    pub matcher: String,
}

shape! {
    /// The settings of a health check as far as they are given, in the words of the requests.
    Given {
        health_check_protocol: Option<String>,
        health_check_port: Option<String>,
        health_check_enabled: Option<bool>,
        health_check_path: Option<String>,
        health_check_interval_seconds: Option<i32>,
        health_check_timeout_seconds: Option<i32>,
        healthy_threshold_count: Option<i32>,
        unhealthy_threshold_count: Option<i32>,
        matcher: Option<Matcher>,
    }
}
shape! {
    /// The codes of a success.
    Matcher { http_code: Option<String>, grpc_code: Option<String> }
}

/// Defines a request that has the settings of a health check among its members: a form's texts find their types only where
/// they are named one by one.
macro_rules! with_health_check {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        shape! {
            $(#[$meta])*
            $name {
                $($field: $type,)*
                health_check_protocol: Option<String>,
                health_check_port: Option<String>,
                health_check_enabled: Option<bool>,
                health_check_path: Option<String>,
                health_check_interval_seconds: Option<i32>,
                health_check_timeout_seconds: Option<i32>,
                healthy_threshold_count: Option<i32>,
                unhealthy_threshold_count: Option<i32>,
                matcher: Option<Matcher>,
            }
        }
        impl $name {
            fn health_check(&self) -> Given {
                Given {
                    health_check_protocol: self.health_check_protocol.clone(),
                    health_check_port: self.health_check_port.clone(),
                    health_check_enabled: self.health_check_enabled,
                    health_check_path: self.health_check_path.clone(),
                    health_check_interval_seconds: self.health_check_interval_seconds,
                    health_check_timeout_seconds: self.health_check_timeout_seconds,
                    healthy_threshold_count: self.healthy_threshold_count,
                    unhealthy_threshold_count: self.unhealthy_threshold_count,
                    matcher: self.matcher.clone(),
                }
            }
        }
    };
}
pub(super) use with_health_check;

/// The word for the port of the target's traffic.
const TRAFFIC_PORT: &str = "traffic-port";
const PATH_CHARACTERS: usize = 1024;

impl HealthCheck {
    /// ELB's defaults behind an application load balancer.
    pub(super) fn new(version: ProtocolVersion) -> Self {
        let (path, matcher) = match version {
            ProtocolVersion::Http1 | ProtocolVersion::Http2 => ("/", "200"),
            ProtocolVersion::Grpc => ("/AWS.ALB/healthcheck", "12"),
        };
        Self {
            protocol: GroupProtocol::Http,
            port: None,
            path: path.into(),
            interval_seconds: 30,
            timeout_seconds: 5,
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: matcher.into(),
        }
    }

    /// The same with what is given.
    pub(super) fn with(&self, given: &Given, version: ProtocolVersion) -> Result<Self, Fault> {
        let mut check = self.clone();
        if given.health_check_enabled == Some(false) {
            let message =
                "Health check enabled must be true for target groups with target type 'instance' or 'ip'";
            return Err(Fault::invalid(message));
        }
        if let Some(protocol) = &given.health_check_protocol {
            check.protocol = self::check::word("healthCheckProtocol", protocol)?;
        }
        if let Some(port) = given.health_check_port.as_deref() {
            check.port = read_port(port)?;
        }
        if let Some(path) = &given.health_check_path {
            if !path.starts_with('/') {
                return Err(Fault::invalid(format!(
                    "Health check path '{path}' must begin with a '/' character"
                )));
            }
            self::check::longest("healthCheckPath", path, PATH_CHARACTERS)?;
            check.path.clone_from(path);
        }
        if let Some(seconds) = given.health_check_interval_seconds {
            check.interval_seconds = self::check::number("healthCheckIntervalSeconds", seconds, 5, 300)?;
        }
        if let Some(seconds) = given.health_check_timeout_seconds {
            check.timeout_seconds = self::check::number("healthCheckTimeoutSeconds", seconds, 2, 120)?;
        } else if given.health_check_interval_seconds.is_some()
            && check.interval_seconds <= check.timeout_seconds
        {
            // Whoever asks for checks every five seconds need not say that they cannot take five.
            check.timeout_seconds = check.interval_seconds - 1;
        }
        if let Some(count) = given.healthy_threshold_count {
            check.healthy_threshold = self::check::number("healthyThresholdCount", count, 2, 10)?;
        }
        if let Some(count) = given.unhealthy_threshold_count {
            check.unhealthy_threshold = self::check::number("unhealthyThresholdCount", count, 2, 10)?;
        }
        if let Some(matcher) = &given.matcher {
            check.matcher = read_matcher(matcher, version)?;
        }
        if check.timeout_seconds >= check.interval_seconds {
            return Err(Fault::invalid(format!(
                "Health check timeout '{}' must be smaller than the interval '{}'",
                check.timeout_seconds, check.interval_seconds
            )));
        }
        Ok(check)
    }

    /// As ELB shows it.
    pub(super) fn shape(&self, version: ProtocolVersion) -> Given {
        let codes = Some(self.matcher.clone());
        let matcher = match version {
            ProtocolVersion::Grpc => Matcher { grpc_code: codes, http_code: None },
            ProtocolVersion::Http1 | ProtocolVersion::Http2 => Matcher { http_code: codes, grpc_code: None },
        };
        Given {
            health_check_protocol: Some(self.protocol.as_str().to_owned()),
            health_check_port: Some(self.port_text()),
            health_check_enabled: Some(true),
            health_check_path: Some(self.path.clone()),
            health_check_interval_seconds: Some(self.interval_seconds.into()),
            health_check_timeout_seconds: Some(self.timeout_seconds.into()),
            healthy_threshold_count: Some(self.healthy_threshold.into()),
            unhealthy_threshold_count: Some(self.unhealthy_threshold.into()),
            matcher: Some(matcher),
        }
    }

    fn port_text(&self) -> String {
        self.port.map_or_else(|| TRAFFIC_PORT.to_owned(), |port| port.to_string())
    }

    /// The port on which a target with this port of traffic is asked.
    pub(super) fn port_of(&self, traffic: u16) -> u16 {
        self.port.unwrap_or(traffic)
    }

    /// Whether an answer with this code is a success.
    #[must_use]
    pub fn matches(&self, code: u16) -> bool {
        ranges(&self.matcher).any(|range| range.is_some_and(|(first, last)| (first..=last).contains(&code)))
    }
}

fn read_port(text: &str) -> Result<Option<u16>, Fault> {
    if text == TRAFFIC_PORT {
        return Ok(None);
    }
    match text.parse() {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(Fault::invalid(format!(
            "Health check port '{text}' must be in the range 1-65535 or '{TRAFFIC_PORT}'"
        ))),
    }
}

fn read_matcher(matcher: &Matcher, version: ProtocolVersion) -> Result<String, Fault> {
    let (what, codes, least, most) = match version {
        ProtocolVersion::Grpc => ("gRPC", matcher.grpc_code.as_deref(), 0, 99),
        ProtocolVersion::Http1 | ProtocolVersion::Http2 => ("HTTP", matcher.http_code.as_deref(), 200, 499),
    };
    let codes = codes.unwrap_or_default();
    let is_good = |range: Option<(u16, u16)>| {
        range.is_some_and(|(first, last)| least <= first && first <= last && last <= most)
    };
    if ranges(codes).all(is_good) {
        return Ok(codes.to_owned());
    }
    Err(Fault::invalid(format!(
        "Health check matcher {what} code '{codes}' must be within '{least}-{most}' inclusive, such as '{least}' or \
         '{least}-{most}'"
    )))
}

/// The ranges of a matcher; nothing in the place of what is none.
fn ranges(matcher: &str) -> impl Iterator<Item = Option<(u16, u16)>> {
    matcher.split(',').map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: ProtocolVersion = ProtocolVersion::Http1;

    #[test]
    fn what_is_not_given_stays() {
        let check = HealthCheck::new(HTTP);
        assert_eq!(check.with(&Given::default(), HTTP), Ok(check.clone()));
        assert_eq!(check.with(&check.shape(HTTP), HTTP), Ok(check.clone()), "what is shown can be given");
        let every_five = Given { health_check_interval_seconds: Some(5), ..Given::default() };
        assert_eq!(check.with(&every_five, HTTP).unwrap().timeout_seconds, 4);
        assert_eq!(HealthCheck::new(ProtocolVersion::Grpc).matcher, "12");
    }

    #[test]
    fn what_elb_refuses() {
        let code = |code: &str| Some(Matcher { http_code: Some(code.into()), grpc_code: None });
        for (given, part) in [
            (Given { health_check_enabled: Some(false), ..Given::default() }, "must be true"),
            (Given { health_check_protocol: Some("TCP".into()), ..Given::default() }, "[HTTP, HTTPS]"),
            (Given { health_check_port: Some("0".into()), ..Given::default() }, "traffic-port"),
            (Given { health_check_path: Some("ping".into()), ..Given::default() }, "'/'"),
            (Given { health_check_interval_seconds: Some(4), ..Given::default() }, "equal to 5"),
            (
                Given { health_check_timeout_seconds: Some(30), ..Given::default() },
                "smaller than the interval",
            ),
            (Given { healthy_threshold_count: Some(11), ..Given::default() }, "equal to 10"),
            (Given { matcher: code("199"), ..Given::default() }, "200-499"),
            (Given { matcher: code("200-"), ..Given::default() }, "200-499"),
            (Given { matcher: code("300-200"), ..Given::default() }, "200-499"),
            (Given { matcher: code(""), ..Given::default() }, "200-499"),
        ] {
            let fault = HealthCheck::new(HTTP).with(&given, HTTP).expect_err(part);
            assert!(fault.message.contains(part), "{fault}");
        }
    }

    #[test]
    fn codes_match_in_lists_and_ranges() {
        let given = Matcher { http_code: Some("200,300-302".into()), grpc_code: None };
        let given = Given { matcher: Some(given), ..Given::default() };
        let check = HealthCheck::new(HTTP).with(&given, HTTP).unwrap();
        let matching: Vec<u16> = (199..=500).filter(|code| check.matches(*code)).collect();
        assert_eq!(matching, [200, 300, 301, 302]);
    }
}
