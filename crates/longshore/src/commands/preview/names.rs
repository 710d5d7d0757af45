//! Which environment is meant: the argument, else the branch that is checked out here.

use std::process::Command;

use anyhow::Result;

use crate::error::Failed;

/// `name`, else the checked-out branch.
pub(super) fn environment(name: Option<&str>) -> Result<String> {
    match name {
        Some(name) => Ok(name.to_owned()),
        None => checked_out().ok_or_else(|| {
            Failed::usage("which environment? no branch is checked out here")
                .with_hint("name one: its id, its branch, or `#NUMBER` of its pull request")
                .into()
        }),
    }
}

fn checked_out() -> Option<String> {
    let output = Command::new("git").args(["symbolic-ref", "--quiet", "--short", "HEAD"]).output().ok()?;
    let branch = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !branch.is_empty()).then_some(branch)
}

/// `#12` is a pull request, all else a branch.
pub(super) fn pull_request(name: &str) -> Option<u64> {
    name.strip_prefix('#')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_behind_a_hash_is_a_pull_request() {
        assert_eq!(pull_request("#12"), Some(12));
        assert_eq!(pull_request("12"), None);
        assert_eq!(pull_request("#x"), None);
    }
}
