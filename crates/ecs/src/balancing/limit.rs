//! The limits of an account, and DescribeAccountLimits.

use serde::Serialize;

use super::fault::Fault;
use super::page::page;
use super::shape::shape;
use crate::cloud::Cloud;

/// Application load balancers of a region.
pub(super) const LOAD_BALANCERS: usize = 50;
/// Listeners of a load balancer.
pub(super) const LISTENERS: usize = 50;
/// Rules of a load balancer, without the listeners' defaults.
pub(super) const RULES: usize = 100;
/// Certificates of a load balancer, without the listeners' defaults.
pub(super) const CERTIFICATES: usize = 25;
/// Target groups of a region.
pub(super) const TARGET_GROUPS: usize = 3000;
/// Target groups that one load balancer's listeners and rules name.
pub(super) const TARGET_GROUPS_OF_BALANCER: usize = 100;
/// Target groups of one action.
pub(super) const TARGET_GROUPS_OF_ACTION: usize = 5;
/// Targets of a target group, and of all those that one load balancer uses.
pub(super) const TARGETS: usize = 1000;
/// Values in the conditions of a rule.
pub(super) const CONDITION_VALUES: usize = 5;
/// `*` and `?` in the conditions of a rule.
pub(super) const CONDITION_WILDCARDS: usize = 6;

/// ELB's names for the limits, in the order of the alphabet.
const NAMED: &[(&str, usize)] = &[
    ("application-load-balancers", LOAD_BALANCERS),
    ("certificates-per-application-load-balancer", CERTIFICATES),
    ("condition-values-per-alb-rule", CONDITION_VALUES),
    ("condition-wildcards-per-alb-rule", CONDITION_WILDCARDS),
    ("listeners-per-application-load-balancer", LISTENERS),
    ("rules-per-application-load-balancer", RULES),
    ("target-groups", TARGET_GROUPS),
    ("target-groups-per-action-on-application-load-balancer", TARGET_GROUPS_OF_ACTION),
    ("target-groups-per-application-load-balancer", TARGET_GROUPS_OF_BALANCER),
    ("targets-per-application-load-balancer", TARGETS),
    ("targets-per-target-group", TARGETS),
];

shape! {
    /// DescribeAccountLimits.
    DescribeAccountLimits { marker: Option<String>, page_size: Option<i32> }
}
shape! {
    /// A limit by its name.
    Limit { name: String, max: String }
}

/// The answer of DescribeAccountLimits.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Limits {
    /// A page of them.
    pub limits: Vec<Limit>,
    /// Where the next page begins.
    pub next_marker: Option<String>,
}

impl Cloud {
    pub(super) fn describe_account_limits(&self, request: &DescribeAccountLimits) -> Result<Limits, Fault> {
        let all = NAMED.iter().map(|(name, max)| {
            ((*name).to_owned(), Limit { name: (*name).to_owned(), max: max.to_string() })
        });
        let (limits, next_marker) = page(all, request.marker.as_deref(), request.page_size)?;
        Ok(Limits { limits, next_marker })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_sorted_by_name() {
        assert!(NAMED.is_sorted_by(|(a, _), (b, _)| a < b));
    }
}
