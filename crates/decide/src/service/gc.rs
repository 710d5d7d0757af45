//! Which old revisions of a family are no longer needed.

use super::usage::Usage;

/// What becomes of the active revisions of a family that are older than those that are kept in any case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Old {
    /// Nobody uses them. Whether they are ours is not asked here.
    pub unused: Vec<String>,
    /// They are in use, and why.
    pub in_use: Vec<(String, String)>,
}

/// The revisions behind the newest `keep`. `active` has all active ones of a family, the newest first.
#[must_use]
pub fn beyond(active: &[String], keep: usize) -> &[String] {
    active.get(keep..).unwrap_or_default()
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
        let active: Vec<String> = (1..=5).rev().map(|number| format!("x/web:{number}")).collect();
        assert_eq!(beyond(&active, 3), ["x/web:2", "x/web:1"]);
        for (keep, expected) in [(0, 5), (5, 0), (9, 0)] {
            assert_eq!(beyond(&active, keep).len(), expected, "{keep}");
        }
        let mut usage = Usage::default();
        usage
            .task("c", &Task { arn: "t/1".into(), task_definition_arn: "x/web:1".into(), ..Task::default() });
        let old = sort(beyond(&active, 3), &usage);
        assert_eq!(old.unused, ["x/web:2"]);
        assert_eq!(old.in_use, [("x/web:1".to_owned(), "task 1 of cluster c runs it".to_owned())]);
    }
}
