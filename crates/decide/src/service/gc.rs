//! Which old revisions of a family are no longer needed.

use std::cmp::Reverse;

use super::usage::Usage;

/// What becomes of the active revisions of a family that are older than those that are kept in any case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Old {
    /// Nobody uses them. Whether they are ours is not asked here.
    pub unused: Vec<String>,
    /// They are in use, and why.
    pub in_use: Vec<(String, String)>,
}

/// The revisions behind the newest `keep`, by their numbers. `active` has the ARNs of all active ones of a family, in any
/// order.
#[must_use]
pub fn beyond(mut active: Vec<String>, keep: usize) -> Vec<String> {
    let number = |arn: &String| arn.rsplit(':').next().and_then(|number| number.parse::<u64>().ok());
    active.sort_by_key(|arn| Reverse(number(arn)));
    active.split_off(keep.min(active.len()))
}

/// Sorts revisions by whether they are in use.
#[must_use]
pub fn sort(revisions: &[String], usage: &Usage) -> Old {
    let mut old = Old::default();
    for revision in revisions {
        match usage.of(revision) {
            Some(why) => old.in_use.push((revision.clone(), why.to_owned())),
            None => old.unused.push(revision.clone()),
        }
    }
    old
}

#[cfg(test)]
mod tests {
    use longshore_model::seen::Task;

    use super::*;

    #[test]
    fn the_newest_are_kept_and_what_is_in_use_is_never_old() {
        let active: Vec<String> = [9, 11, 8, 10, 12].map(|number| format!("x/web:{number}")).to_vec();
        assert_eq!(beyond(active.clone(), 3), ["x/web:9", "x/web:8"]);
        for (keep, expected) in [(0, 5), (5, 0), (9, 0)] {
            assert_eq!(beyond(active.clone(), keep).len(), expected, "{keep}");
        }
        let mut usage = Usage::default();
        usage
            .task("c", &Task { arn: "t/1".into(), task_definition_arn: "x/web:8".into(), ..Task::default() });
        let old = sort(&beyond(active, 3), &usage);
        assert_eq!(old.unused, ["x/web:9"]);
        assert_eq!(old.in_use, [("x/web:8".to_owned(), "task 1 of cluster c runs it".to_owned())]);
    }
}
