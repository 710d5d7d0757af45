//! Comments of pull requests that ask for something: who may, and when it is tried again.

use longshore_model::preview::github::Permission;
use longshore_model::{Error, Kind};

/// Why somebody may not command in a repository, if so: to command an environment is to have code run in the cluster, as a
/// push does.
#[must_use]
pub fn refusal(who: &str, repository: &str, permission: Permission) -> Option<String> {
    match permission {
        Permission::Write => None,
        Permission::Read => {
            Some(format!("`{who}` may not push to {repository}, and so may not command its environments"))
        }
    }
}

/// Whether a call that failed so is made again later. Everything else is an answer.
#[must_use]
pub const fn passes(kind: Kind) -> bool {
    matches!(kind, Kind::Unavailable | Kind::Throttled)
}

/// An error, as somebody in a conversation is told it.
#[must_use]
pub fn words(error: &Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error}: {hint}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_push_may_command() {
        assert_eq!(refusal("ada", "octo/shop", Permission::Write), None);
        let why = refusal("ada", "octo/shop", Permission::default()).unwrap();
        assert_eq!(why, "`ada` may not push to octo/shop, and so may not command its environments");
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        let again = [Kind::Unavailable, Kind::Throttled].map(passes);
        let never = [Kind::Denied, Kind::NotFound, Kind::Invalid, Kind::Conflict, Kind::Bug].map(passes);
        assert_eq!((again, never), ([true; 2], [false; 5]));
        let error = Error::new(Kind::NotFound, "no such branch").with_hint("push it first");
        assert_eq!(words(&error), "no such branch: push it first");
    }
}
