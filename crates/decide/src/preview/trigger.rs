//! Which branches and pull requests get an environment by themselves, and in words why the others do not.

use longshore_model::preview::Trigger;
use longshore_model::preview::github::PullRequest;

/// Whether a branch gets one; otherwise why not, as the end of a sentence.
///
/// # Errors
/// The reason.
pub fn branch(trigger: &Trigger, name: &str) -> Result<(), String> {
    if let Some(glob) = trigger.except.iter().find(|glob| matches(glob, name)) {
        return Err(format!("`except` has `{glob}`"));
    }
    if trigger.branches.is_empty() {
        return Err("branches get none by themselves: `branches` is empty".to_owned());
    }
    if trigger.branches.iter().any(|glob| matches(glob, name)) {
        return Ok(());
    }
    Err(format!("`branches` ({}) does not have it", quoted(&trigger.branches)))
}

/// Whether a pull request gets one; otherwise why not, as the end of a sentence.
///
/// # Errors
/// The first reason.
pub fn pull_request(trigger: &Trigger, pull: &PullRequest) -> Result<(), String> {
    let Some(rules) = &trigger.pull_requests else {
        return Err("pull requests get none by themselves".to_owned());
    };
    // Labels of GitHub are equal whatever their case.
    let has = |label: &&String| pull.labels.iter().any(|it| it.eq_ignore_ascii_case(label));
    if pull.fork && !rules.forks {
        return Err("it comes from a fork, whose author's code would run with the tasks' role".to_owned());
    }
    if pull.draft && !rules.drafts {
        return Err("it is a draft".to_owned());
    }
    if pull.bot && !rules.bots {
        return Err(format!("its author `{}` is a bot", pull.author));
    }
    if let Some(label) = rules.except_labels.iter().find(has) {
        return Err(format!("it has the label `{label}`"));
    }
    if !rules.labels.is_empty() && !rules.labels.iter().any(|label| has(&label)) {
        return Err(format!("it has none of the labels {}", quoted(&rules.labels)));
    }
    if !rules.base.is_empty() && !rules.base.iter().any(|glob| matches(glob, &pull.base)) {
        return Err(format!("its base `{}` is not among {}", pull.base, quoted(&rules.base)));
    }
    Ok(())
}

/// Whether a glob stands for all of a text: `*` for any characters without `/`, `**` for any characters. Takes time in
/// proportion to the product of both lengths, whatever is written in them.
#[must_use]
pub fn matches(glob: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Which lengths of the text's beginning the glob so far stands for.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut rest = glob.chars().peekable();
    while let Some(character) = rest.next() {
        if character == '*' {
            let any = rest.next_if_eq(&'*').is_some();
            for (index, next) in text.iter().enumerate() {
                reached[index + 1] |= reached[index] && (any || *next != '/');
            }
        } else {
            for (index, next) in text.iter().enumerate().rev() {
                reached[index + 1] = reached[index] && *next == character;
            }
            reached[0] = false;
        }
    }
    reached.last().copied().unwrap_or_default()
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use longshore_model::preview::PullRequests;

    use super::super::samples::{policy, pull_request as pull};
    use super::*;

    #[test]
    fn globs() {
        for (glob, text, expected) in [
            ("feature/*", "feature/x", true),
            ("feature/*", "feature/a/x", false),
            ("feature/**", "feature/a/x", true),
            ("feature/**", "feature/", true),
            ("feature/**", "features", false),
            ("*", "main", true),
            ("*", "a/b", false),
            ("**", "a/b", true),
            ("main", "main", true),
            ("main", "maine", false),
            ("*-wip", "x-wip-wip", true),
            ("release/*/rc*", "release/1.2/rc3", true),
            ("**/x", "a/b/x", true),
            ("***", "a/b", true),
            ("a?c", "abc", false),
            ("日*", "日本", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(glob, text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn a_glob_of_many_stars_takes_no_time() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
    }

    #[test]
    fn branches_by_globs_and_exceptions() {
        let mut trigger = policy().trigger;
        trigger.except = vec!["feature/wip-*".to_owned()];
        assert_eq!(branch(&trigger, "feature/x"), Ok(()));
        assert_eq!(branch(&trigger, "feature/wip-x"), Err("`except` has `feature/wip-*`".to_owned()));
        assert!(branch(&trigger, "main").unwrap_err().contains("`feature/**`"));
        trigger.branches.clear();
        assert!(branch(&trigger, "feature/x").unwrap_err().contains("empty"));
    }

    #[test]
    fn each_rule_of_pull_requests_keeps_some_out() {
        let strict = PullRequests {
            labels: vec!["preview".to_owned()],
            except_labels: vec!["no-preview".to_owned()],
            base: vec!["main".to_owned(), "release/*".to_owned()],
            ..PullRequests::default()
        };
        let trigger = Trigger { pull_requests: Some(strict.clone()), ..Trigger::default() };
        let good = PullRequest { labels: vec!["Preview".to_owned()], ..pull(7, "aaa1") };
        assert_eq!(pull_request(&trigger, &good), Ok(()));
        let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        for (bad, why) in [
            (PullRequest { fork: true, ..good.clone() }, "fork"),
            (PullRequest { draft: true, ..good.clone() }, "draft"),
            (PullRequest { bot: true, ..good.clone() }, "bot"),
            (
                PullRequest { labels: labels(&["preview", "no-preview"]), ..good.clone() },
                "label `no-preview`",
            ),
            (PullRequest { labels: labels(&["other"]), ..good.clone() }, "none of the labels `preview`"),
            (PullRequest { base: "develop".to_owned(), ..good.clone() }, "base `develop`"),
        ] {
            let refused = pull_request(&trigger, &bad).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        let all = PullRequests { drafts: true, bots: true, forks: true, ..strict };
        let trigger = Trigger { pull_requests: Some(all), ..Trigger::default() };
        let odd = PullRequest { fork: true, draft: true, bot: true, ..good };
        assert_eq!(pull_request(&trigger, &odd), Ok(()));
        assert!(pull_request(&Trigger::default(), &odd).is_err());
    }
}
