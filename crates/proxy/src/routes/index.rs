//! Finds the first rule that matches without looking at all of them: most rules of a big table name a host.

use std::collections::HashMap;

use crate::pattern::is_exact;
use crate::table::{Condition, Rule};

/// The numbers of rules by the host that they name. Rules are numbered in the order of their priority, and each
/// list is in that order too.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// By host name, in lower case.
    exact: HashMap<String, Vec<usize>>,
    /// By what follows the star of `*.example.com`: `.example.com`, in lower case.
    suffix: HashMap<String, Vec<usize>>,
    /// All others.
    rest: Vec<usize>,
}

impl Index {
    /// Sorts rules that are in the order of their priority.
    pub(crate) fn new(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (number, rule) in rules.iter().enumerate() {
            let hosts = rule.conditions.iter().find_map(|condition| match condition {
                Condition::Host(hosts) => Some(hosts),
                _ => None,
            });
            let places: Option<Vec<Place>> =
                hosts.and_then(|hosts| hosts.iter().map(|it| Place::of(it)).collect());
            let Some(places) = places else {
                index.rest.push(number);
                continue;
            };
            for place in places {
                let list = match place {
                    Place::Exact(host) => index.exact.entry(host).or_default(),
                    Place::Suffix(suffix) => index.suffix.entry(suffix).or_default(),
                };
                if list.last() != Some(&number) {
                    list.push(number);
                }
            }
        }
        index
    }

    /// The first rule for a host, in lower case, for which `holds` is true.
    pub(crate) fn first(&self, host: &str, holds: impl Fn(usize) -> bool) -> Option<usize> {
        let mut best: Option<usize> = None;
        let mut look = |list: &[usize]| {
            for number in list {
                if best.is_some_and(|best| best <= *number) {
                    break;
                }
                if holds(*number) {
                    best = Some(*number);
                    break;
                }
            }
        };
        look(&self.rest);
        if let Some(list) = self.exact.get(host) {
            look(list);
        }
        if !self.suffix.is_empty() {
            for (dot, _) in host.match_indices('.') {
                if let Some(list) = self.suffix.get(&host[dot..]) {
                    look(list);
                }
            }
        }
        best
    }
}

enum Place {
    Exact(String),
    Suffix(String),
}

impl Place {
    /// Where a pattern belongs; `None` when only matching it tells.
    fn of(pattern: &str) -> Option<Self> {
        let pattern = pattern.to_ascii_lowercase();
        if is_exact(&pattern) {
            return Some(Self::Exact(pattern));
        }
        let suffix = pattern.strip_prefix('*')?;
        (suffix.starts_with('.') && is_exact(suffix)).then(|| Self::Suffix(suffix.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pattern::matches;
    use crate::table::{Action, Forward};

    /// Hosts and patterns of few letters, so that they often meet.
    fn pattern() -> impl Strategy<Value = String> {
        let label = prop_oneof![
            "[abAB]",
            "[ab]{2}",
            Just("*".to_owned()),
            Just("a?".to_owned()),
            Just("*b".to_owned())
        ];
        prop::collection::vec(label, 1..4).prop_map(|labels| labels.join("."))
    }

    fn rules() -> impl Strategy<Value = Vec<Rule>> {
        let hosts = prop::option::of(prop::collection::vec(pattern(), 1..4));
        let paths = prop::option::of(prop_oneof![Just("/a*".to_owned()), Just("/b".to_owned())]);
        let rule = (hosts, paths).prop_map(|(hosts, path)| {
            let hosts = hosts.map(Condition::Host);
            let path = path.map(|path| Condition::Path(vec![path]));
            let conditions = hosts.into_iter().chain(path).collect();
            Rule { priority: 0, conditions, action: Action::Forward(Forward::to("g")) }
        });
        prop::collection::vec(rule, 0..30)
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_look_at_every_rule_finds(
            rules in rules(),
            host in "[ab]{1,2}(\\.[ab]{1,2}){0,3}",
            path in prop_oneof![Just("/a/x"), Just("/b"), Just("/")],
        ) {
            let holds = |number: usize| rules[number].conditions.iter().all(|condition| match condition {
                Condition::Host(all) => all.iter().any(|it| matches(it.as_bytes(), host.as_bytes(), true)),
                Condition::Path(all) => all.iter().any(|it| matches(it.as_bytes(), path.as_bytes(), false)),
                _ => unreachable!("no other is made"),
            });
            let naive = (0..rules.len()).find(|number| holds(*number));
            prop_assert_eq!(Index::new(&rules).first(&host, holds), naive);
        }
    }

    #[test]
    fn few_of_many_rules_are_looked_at() {
        let rule = |host: String| Rule {
            priority: 0,
            conditions: vec![Condition::Host(vec![host])],
            action: Action::Forward(Forward::to("g")),
        };
        let mut rules: Vec<_> = (0..10_000).map(|number| rule(format!("app-{number}.example.com"))).collect();
        rules.push(rule("*.example.com".into()));
        let looked = std::cell::Cell::new(0);
        let found = Index::new(&rules).first("app-9876.example.com", |_| {
            looked.set(looked.get() + 1);
            true
        });
        assert_eq!((found, looked.get()), (Some(9876), 1));
    }
}
