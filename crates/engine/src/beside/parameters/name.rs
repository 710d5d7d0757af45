//! SSM's rules for the names and paths of parameters.

use super::invalid;
use crate::refusal::Refusal;

/// How long a name may be, and how many levels it may have.
const LENGTH: usize = 1011;
const LEVELS: usize = 15;

const RULES: &str = "If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be \
                     formed as a mix of letters, numbers and the following 3 symbols .-_";

/// Whether a parameter may be made with this name.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let bare = name.trim_start_matches('/').to_ascii_lowercase();
    if name.is_empty() || name.len() > LENGTH {
        return Err(invalid(format!("Parameter name must be between 1 and {LENGTH} characters.")));
    }
    if name.starts_with("/aws/") {
        let message = format!("No access to reserved parameter name: {name}.");
        return Err(Refusal::new("AccessDeniedException", message));
    }
    if bare.starts_with("aws") || bare.starts_with("ssm") {
        return Err(invalid(format!(
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). {RULES}"
        )));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if name.len() > 1 && name.ends_with('/') {
        return Err(invalid("Parameter name must not end with slash."));
    }
    let mut levels = name.strip_prefix('/').unwrap_or(name).split('/');
    if !levels.clone().all(|level| !level.is_empty() && level.chars().all(is_allowed)) {
        return Err(invalid(format!("Parameter name: {RULES}")));
    }
    if levels.nth(LEVELS).is_some() {
        let message = format!("A parameter name can have at most {LEVELS} levels.");
        return Err(Refusal::new("HierarchyLevelLimitExceededException", message));
    }
    Ok(())
}

/// Whether this is a path that parameters can be below of.
pub(super) fn check_path(path: &str) -> Result<(), Refusal> {
    let levels = path.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let allowed = |levels: &str| levels.split('/').all(|l| !l.is_empty() && l.chars().all(is_allowed));
    if path == "/" || levels.is_some_and(allowed) {
        return Ok(());
    }
    Err(invalid(
        "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward \
         slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, \
         numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not \
         allowed. All sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: \
         /get/parameters2-/by1./path0_.",
    ))
}

/// Whether a parameter is under a path: right under it, or anywhere below.
pub(super) fn is_below(name: &str, path: &str, recursive: bool) -> bool {
    // A name without a slash is at the root.
    let name = name.strip_prefix('/').unwrap_or(name);
    let path = path.trim_matches('/');
    let rest = if path.is_empty() {
        Some(name)
    } else {
        name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/'))
    };
    rest.is_some_and(|rest| recursive || !rest.contains('/'))
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_ssm_does() {
        for name in ["a", "/a", "/a/b.c-d_e/F9", "a.b"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let deep = "/a".repeat(16);
        let long = "a".repeat(1012);
        let cases = [
            ("", "ValidationException"),
            (&long, "ValidationException"),
            ("/aws/x", "AccessDeniedException"),
            ("AwsThing", "ValidationException"),
            ("/ssm/x", "ValidationException"),
            ("a/b", "ValidationException"),
            ("/a/", "ValidationException"),
            ("/a//b", "ValidationException"),
            ("/a b", "ValidationException"),
            ("/", "ValidationException"),
            (&deep, "HierarchyLevelLimitExceededException"),
        ];
        for (name, code) in cases {
            assert_eq!(check_name(name).unwrap_err().code, code, "{name}");
        }
        for (path, good) in
            [("/", true), ("/a", true), ("/a/b/", true), ("a", false), ("//", false), ("/a b", false)]
        {
            assert_eq!(check_path(path).is_ok(), good, "{path}");
        }
    }

    #[test]
    fn below_is_by_whole_levels() {
        let cases = [
            ("/a/b", "/a", false, true),
            ("/a/b", "/a/", false, true),
            ("/a/b/c", "/a", false, false),
            ("/a/b/c", "/a", true, true),
            ("/ab/c", "/a", true, false),
            ("/a", "/a", true, false),
            ("plain", "/", false, true),
            ("/a/b", "/", true, true),
        ];
        for (name, path, recursive, below) in cases {
            assert_eq!(is_below(name, path, recursive), below, "{name} below {path}");
        }
    }
}
