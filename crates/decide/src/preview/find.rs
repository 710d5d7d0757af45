//! Which environment or repository somebody means.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_model::preview::{Environment, Policy, Subject};
use longshore_model::{Error, Kind};

/// How alike two names must be (Jaro-Winkler) for one to be a slip of the other.
const ALIKE: f64 = 0.75;

/// The environment of a name: an id, a label, a branch, `#NUMBER` or `OWNER/NAME#NUMBER`. Where a branch has an environment
/// of its own, its name means that one, and not the one of a pull request from it.
///
/// # Errors
/// [`Kind::NotFound`] with the nearest name when there is none, [`Kind::Invalid`] with all of them when there are several.
pub fn environment<'a>(name: &str, all: &'a [Environment]) -> Result<&'a Environment, Error> {
    if let Some(found) = all.iter().find(|it| it.names.id == name) {
        return Ok(found);
    }
    let of_branch = |it: &&Environment| matches!(&it.subject, Subject::Branch(branch) if branch == name);
    let mut found: Vec<&Environment> = all.iter().filter(of_branch).collect();
    if found.is_empty() {
        found = all.iter().filter(|it| means(name, it)).collect();
    }
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let error = Error::new(Kind::NotFound, format!("there is no environment `{name}`"));
            let known = all.iter().flat_map(|it| [it.names.id.as_str(), it.wish.revision.branch.as_str()]);
            let hint = nearest(name, known).map_or_else(
                || "`list` shows what there is".to_owned(),
                |meant| format!("did you mean `{meant}`? `list` shows what there is"),
            );
            Err(error.with_hint(hint))
        }
        several => {
            let ids: Vec<String> = several.iter().map(|it| format!("`{}`", it.names.id)).collect();
            let error =
                Error::new(Kind::Invalid, format!("`{name}` is the name of {} environments", ids.len()));
            Err(error.with_hint(format!("say which: {}", ids.join(", "))))
        }
    }
}

fn means(name: &str, record: &Environment) -> bool {
    let by_subject = match &record.subject {
        Subject::Branch(branch) => branch == name,
        Subject::PullRequest(number) => name.rsplit_once('#').is_some_and(|(repository, it)| {
            let is_here = repository.is_empty() || repository.eq_ignore_ascii_case(&record.repository);
            is_here && it == number.to_string()
        }),
    };
    by_subject || record.names.label == name || record.wish.revision.branch == name
}

/// The record of a branch or pull request. Look here before one is made: a record keeps the names of its making when the
/// policy's change.
#[must_use]
pub fn of_subject<'a>(
    repository: &str,
    subject: &Subject,
    all: &'a [Environment],
) -> Option<&'a Environment> {
    all.iter().find(|it| it.subject == *subject && it.repository.eq_ignore_ascii_case(repository))
}

/// The policy of a repository: by `OWNER/NAME`, by `NAME` or by app, whatever its case. When there is only one, it need
/// not be named.
///
/// # Errors
/// [`Kind::NotFound`] or [`Kind::Invalid`] with those that there are.
pub fn policy<'a, P>(name: Option<&str>, policies: impl IntoIterator<Item = &'a P>) -> Result<&'a P, Error>
where
    P: AsRef<Policy> + ?Sized + 'a,
{
    let policies: Vec<&P> = policies.into_iter().collect();
    let known: Vec<&str> = policies.iter().map(|it| it.as_ref().repository.as_str()).collect();
    let listed = || known.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    let Some(name) = name else {
        return match policies.as_slice() {
            [one] => Ok(one),
            [] => Err(Error::new(Kind::NotFound, "longshore.toml has no [[preview]]")),
            _ => {
                Err(Error::new(Kind::Invalid, "which repository?").with_hint(format!("one of {}", listed())))
            }
        };
    };
    let is = |policy: &Policy| {
        let short = policy.repository.rsplit('/').next().unwrap_or_default();
        [policy.repository.as_str(), short, &policy.app].iter().any(|it| it.eq_ignore_ascii_case(name))
    };
    let exact = policies.iter().find(|it| it.as_ref().repository.eq_ignore_ascii_case(name));
    let found: Vec<&P> = policies.iter().filter(|it| is(it.as_ref())).copied().collect();
    match (exact, found.as_slice()) {
        (Some(policy), _) | (None, [policy]) => Ok(policy),
        (None, []) => {
            let error = Error::new(Kind::NotFound, format!("longshore.toml has no [[preview]] of `{name}`"));
            Err(error.with_hint(format!("it has {}", listed())))
        }
        (None, _) => {
            let error = Error::new(Kind::Invalid, format!("`{name}` is the name of several repositories"));
            Err(error.with_hint(format!("one of {}", listed())))
        }
    }
}

/// The policy of a record's or a service's repository. GitHub's names have no case.
#[must_use]
pub fn by_repository<'a>(
    policies: &'a BTreeMap<String, Arc<Policy>>,
    repository: &str,
) -> Option<&'a Arc<Policy>> {
    policies.get(repository).or_else(|| {
        let mut policies = policies.values();
        policies.find(|policy| policy.repository.eq_ignore_ascii_case(repository))
    })
}

/// The known name that is most like this one, when any is.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let alike = known.map(|it| (strsim::jaro_winkler(&lower, &it.to_lowercase()), it));
    let best = alike.max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, it)| it)
}

#[cfg(test)]
mod tests {
    use super::super::record::{GITHUB, fresh};
    use super::super::samples::{NOW, environment as sample, policy as shop, revision};
    use super::*;

    fn all() -> Vec<Environment> {
        let mut other = shop();
        (other.repository, other.app) = ("octo/site".to_owned(), "site".to_owned());
        let pull =
            |policy: &Policy| fresh(policy, Subject::PullRequest(7), revision("aaa1", "topic"), GITHUB, NOW);
        vec![sample("login"), sample("feature/x"), pull(&shop()), pull(&other)]
    }

    #[test]
    fn an_environment_by_any_of_its_names() {
        let all = all();
        for (name, expected) in [("login.shop", 0), ("login", 0), ("feature/x", 1), ("octo/SITE#7", 3)] {
            assert_eq!(environment(name, &all).unwrap().names, all[expected].names, "{name}");
        }
        assert_eq!(environment("#7", &all[..3]).unwrap().names, all[2].names);
        assert_eq!(environment("topic", &all[..3]).unwrap().names, all[2].names);
    }

    #[test]
    fn a_branch_is_meant_before_the_pull_request_that_comes_from_it() {
        let mut all = all();
        all.push(sample("topic"));
        assert_eq!(environment("topic", &all).unwrap().names, all[4].names);
        // A label is a name, too, but not that of the branch.
        all[0].names.label = "topic".to_owned();
        assert_eq!(environment("topic", &all).unwrap().names, all[4].names);
        let mut elsewhere = sample("topic");
        (elsewhere.repository, elsewhere.names.id) = ("octo/site".to_owned(), "topic.site".to_owned());
        all.push(elsewhere);
        let several = environment("topic", &all).unwrap_err();
        assert!(several.hint().unwrap().ends_with(": `topic.shop`, `topic.site`"), "{several:?}");
    }

    #[test]
    fn several_are_listed_and_none_has_a_nearest() {
        let all = all();
        let several = environment("#7", &all).unwrap_err();
        assert_eq!(several.kind(), Kind::Invalid);
        assert_eq!(several.hint(), Some("say which: `pr-7.shop`, `pr-7.site`"));
        let slip = environment("feature/xx", &all).unwrap_err();
        assert_eq!(slip.kind(), Kind::NotFound);
        assert!(slip.hint().unwrap().contains("did you mean `feature/x`?"), "{slip:?}");
        assert!(!environment("0", &all).unwrap_err().hint().unwrap().contains("mean"));
        assert!(environment("#77", &all).is_err());
    }

    #[test]
    fn a_repository_by_any_of_its_names() {
        let mut site = shop();
        (site.repository, site.app) = ("octo/site".to_owned(), "www".to_owned());
        let policies = [Arc::new(shop()), Arc::new(site)];
        for (name, expected) in [("Octo/Shop", 0), ("site", 1), ("www", 1)] {
            let found = policy(Some(name), &policies).unwrap();
            assert_eq!(found.repository, policies[expected].repository, "{name}");
        }
        assert_eq!(policy(None, &policies[..1]).unwrap().app, "shop");
        assert!(policy(None, &policies).unwrap_err().hint().unwrap().contains("`octo/site`"));
        assert!(policy(Some("octo/else"), &policies).unwrap_err().hint().unwrap().contains("`octo/shop`"));
    }

    #[test]
    fn a_record_by_what_it_belongs_to() {
        let all = all();
        let found = of_subject("OCTO/site", &Subject::PullRequest(7), &all).unwrap();
        assert_eq!(found.names.id, "pr-7.site");
        assert_eq!(of_subject("octo/site", &Subject::Branch("login".to_owned()), &all), None);
    }
}
