//! The attributes of load balancers and target groups: which there are, their defaults, and which values they take.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::shape::Attribute;

/// Which values an attribute takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A whole number of a range.
    Number(u32, u32),
    /// One of these words, or a whole number of a range.
    WordOrNumber(&'static str, u32, u32),
    /// Any text.
    Text,
}
use Takes::{Number, Switch, Text, WordOrNumber, Words};

/// The attributes that one sort of resource has.
pub(super) struct Table {
    what: &'static str,
    rows: &'static [(&'static str, &'static str, Takes)],
}

/// What of the attributes is not as by default.
pub(super) type Changed = BTreeMap<String, String>;

/// A day, and the longest that a client stays with its target: a week.
const DAY: &str = "86400";
const WEEK: u32 = 604_800;

/// The attributes of an application load balancer (the API's model, LoadBalancerAttribute).
pub(super) const OF_BALANCER: Table = Table {
    what: "Load balancer",
    rows: &[
        ("access_logs.s3.bucket", "", Text),
        ("access_logs.s3.enabled", "false", Switch),
        ("access_logs.s3.prefix", "", Text),
        ("client_keep_alive.seconds", "3600", Number(60, WEEK)),
        ("connection_logs.s3.bucket", "", Text),
        ("connection_logs.s3.enabled", "false", Switch),
        ("connection_logs.s3.prefix", "", Text),
        ("deletion_protection.enabled", "false", Switch),
        ("health_check_logs.s3.bucket", "", Text),
        ("health_check_logs.s3.enabled", "false", Switch),
        ("health_check_logs.s3.prefix", "", Text),
        ("idle_timeout.timeout_seconds", "60", Number(1, 4000)),
        ("ipv6.deny_all_igw_traffic", "false", Switch),
        ("load_balancing.cross_zone.enabled", "true", Words(&["true"])),
        ("routing.http.desync_mitigation_mode", "defensive", Words(&["monitor", "defensive", "strictest"])),
        ("routing.http.drop_invalid_header_fields.enabled", "false", Switch),
        ("routing.http.preserve_host_header.enabled", "false", Switch),
        ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", Switch),
        ("routing.http.xff_client_port.enabled", "false", Switch),
        ("routing.http.xff_header_processing.mode", "append", Words(&["append", "preserve", "remove"])),
        ("routing.http2.enabled", "true", Switch),
        ("waf.fail_open.enabled", "false", Switch),
        ("zonal_shift.config.enabled", "false", Switch),
    ],
};

/// The attributes of a target group of instances or addresses behind an application load balancer (the API's model,
/// TargetGroupAttribute).
pub(super) const OF_GROUP: Table = Table {
    what: "Target group",
    rows: &[
        ("deregistration_delay.timeout_seconds", "300", Number(0, 3600)),
        ("load_balancing.algorithm.anomaly_mitigation", "off", Words(&["on", "off"])),
        (
            "load_balancing.algorithm.type",
            "round_robin",
            Words(&["round_robin", "least_outstanding_requests", "weighted_random"]),
        ),
        (
            "load_balancing.cross_zone.enabled",
            "use_load_balancer_configuration",
            Words(&["true", "false", "use_load_balancer_configuration"]),
        ),
        ("slow_start.duration_seconds", "0", WordOrNumber("0", 30, 900)),
        ("stickiness.app_cookie.cookie_name", "", Text),
        ("stickiness.app_cookie.duration_seconds", DAY, Number(1, WEEK)),
        ("stickiness.enabled", "false", Switch),
        ("stickiness.lb_cookie.duration_seconds", DAY, Number(1, WEEK)),
        ("stickiness.type", "lb_cookie", Words(&["lb_cookie", "app_cookie"])),
        ("target_group_health.dns_failover.minimum_healthy_targets.count", "1", WordOrNumber("off", 1, 1000)),
        (
            "target_group_health.dns_failover.minimum_healthy_targets.percentage",
            "off",
            WordOrNumber("off", 1, 100),
        ),
        ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", Number(1, 1000)),
        (
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
            "off",
            WordOrNumber("off", 1, 100),
        ),
    ],
};

/// The longest value (the API's model).
const VALUE_CHARACTERS: usize = 1024;

impl Table {
    /// Takes new values in, all or none.
    pub(super) fn change(&self, changed: &Changed, new: &[Attribute]) -> Result<Changed, Fault> {
        let mut changed = changed.clone();
        for attribute in new {
            let key = attribute.key.as_str();
            let value = attribute.value.clone().unwrap_or_default();
            let Some((_, default, takes)) = self.rows.iter().find(|(known, ..)| *known == key) else {
                return Err(Fault::invalid(format!("{} attribute key '{key}' is not recognized", self.what)));
            };
            takes.check(key, &value)?;
            if value == *default {
                changed.remove(key);
            } else {
                changed.insert(key.to_owned(), value);
            }
        }
        Ok(changed)
    }

    /// All attributes in the order of their keys.
    pub(super) fn all(&self, changed: &Changed) -> Vec<Attribute> {
        let show = |(key, ..): &(&str, &str, Takes)| Attribute {
            key: (*key).to_owned(),
            value: Some(self.value(changed, key).to_owned()),
        };
        self.rows.iter().map(show).collect()
    }

    /// The value of an attribute.
    pub(super) fn value<'a>(&self, changed: &'a Changed, key: &str) -> &'a str {
        let default =
            || self.rows.iter().find(|(known, ..)| *known == key).map_or("", |(_, default, _)| default);
        changed.get(key).map_or_else(default, String::as_str)
    }

    /// The value of an attribute as a number; nothing when it is a word.
    pub(super) fn number(&self, changed: &Changed, key: &str) -> Option<u32> {
        self.value(changed, key).parse().ok()
    }

    /// Whether an attribute is switched on.
    pub(super) fn is_on(&self, changed: &Changed, key: &str) -> bool {
        self.value(changed, key) == "true"
    }
}

impl Takes {
    fn check(self, key: &str, value: &str) -> Result<(), Fault> {
        let within = |least, most| value.parse().is_ok_and(|number: u32| (least..=most).contains(&number));
        let problem = match self {
            Switch if ["true", "false"].contains(&value) => return Ok(()),
            Words(words) if words.contains(&value) => return Ok(()),
            Number(least, most) if within(least, most) => return Ok(()),
            WordOrNumber(word, least, most) if value == word || within(least, most) => return Ok(()),
            Text if value.chars().count() <= VALUE_CHARACTERS => return Ok(()),
            Switch => "must be one of 'true, false'".to_owned(),
            Words(words) => format!("must be one of '{}'", words.join(", ")),
            Number(least, most) => format!("must be between '{least}-{most}' inclusive"),
            WordOrNumber(word, least, most) => {
                format!("must be '{word}' or between '{least}-{most}' inclusive")
            }
            Text => format!("cannot be longer than '{VALUE_CHARACTERS}' characters"),
        };
        Err(Fault::invalid(format!("'{key}' value '{value}' {problem}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(key: &str, value: &str) -> Attribute {
        Attribute { key: key.into(), value: Some(value.into()) }
    }

    #[test]
    fn every_default_is_a_value_that_can_be_given() {
        for table in [&OF_BALANCER, &OF_GROUP] {
            for (key, default, takes) in table.rows {
                assert_eq!(takes.check(key, default), Ok(()), "{key}");
            }
            assert!(table.rows.is_sorted_by(|(a, ..), (b, ..)| a < b));
        }
    }

    #[test]
    fn values_are_checked_and_kept() {
        let changed = OF_GROUP
            .change(&Changed::new(), &[attribute("deregistration_delay.timeout_seconds", "7")])
            .unwrap();
        assert_eq!(OF_GROUP.number(&changed, "deregistration_delay.timeout_seconds"), Some(7));
        assert_eq!(OF_GROUP.all(&changed).len(), OF_GROUP.rows.len());
        let back = [attribute("deregistration_delay.timeout_seconds", "300")];
        assert!(OF_GROUP.change(&changed, &back).unwrap().is_empty());
        for (key, value) in [
            ("deregistration_delay.timeout_seconds", "3601"),
            ("deregistration_delay.timeout_seconds", "-1"),
            ("slow_start.duration_seconds", "29"),
            ("stickiness.enabled", "yes"),
            ("stickiness.type", "source_ip"),
            ("idle_timeout.timeout_seconds", "60"),
        ] {
            assert!(OF_GROUP.change(&changed, &[attribute(key, value)]).is_err(), "{key}={value}");
        }
    }
}
