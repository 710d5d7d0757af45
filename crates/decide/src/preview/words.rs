//! The words of notices, for every place where people read them. Names of branches, commits and what tasks log are
//! written by anybody: nothing of them may become a mention, a link or a format.

use longshore_model::preview::view::EnvironmentView;
use longshore_model::preview::{Moment, Notice, Revision};

use super::repository::short;

/// What happened to an environment, behind its name.
#[must_use]
pub const fn what(moment: Moment) -> &'static str {
    match moment {
        Moment::Queued => "waits for room",
        Moment::Creating => "is being created",
        Moment::Ready => "is ready",
        Moment::Updating => "is being updated",
        Moment::Updated => "is updated",
        Moment::Failed => "has failed",
        Moment::Asleep => "is asleep",
        Moment::Awake => "is awake again",
        Moment::Expiring => "will end soon",
        Moment::Held => "would be removed, and is held",
        Moment::Kept => "stays: it is not to be removed any more",
        Moment::Removing => "is being removed",
        Moment::HookFailed => "waits with its removal: a hook failed, and is tried again",
        Moment::Removed => "is removed",
    }
}

/// A sign before the words, for those who skim.
pub(super) const fn sign(moment: Moment) -> &'static str {
    match moment {
        Moment::Queued | Moment::Creating | Moment::Updating => ":hourglass_flowing_sand:",
        Moment::Ready | Moment::Updated | Moment::Awake | Moment::Kept => ":large_green_circle:",
        Moment::Failed | Moment::HookFailed => ":red_circle:",
        Moment::Asleep => ":zzz:",
        Moment::Expiring => ":alarm_clock:",
        Moment::Held => ":raised_hand:",
        Moment::Removing | Moment::Removed => ":white_circle:",
    }
}

/// What somebody is told who asks why an environment is as it is: a sentence a line.
#[must_use]
pub fn why(view: &EnvironmentView) -> String {
    let mut sentences = vec![format!("{} is {}.", view.id, view.state)];
    sentences.extend(view.failure.iter().chain(&view.waiting).cloned());
    sentences.join("\n")
}

/// A notice in a sentence, without any format: `x.shop is ready at URL (feature/x, commit 0123456)`. The notice's own
/// text follows where it has one.
#[must_use]
pub fn sentence(notice: &Notice) -> String {
    let at = notice.url.as_deref().map(|url| format!(" at {url}")).unwrap_or_default();
    let of = one_line(&of(&notice.revision));
    let more = if notice.text.is_empty() { String::new() } else { format!(". {}", one_line(&notice.text)) };
    format!("{} {}{at} ({of}){more}", notice.environment, what(notice.moment))
}

/// Which branch or pull request, and which commit.
#[must_use]
pub fn of(revision: &Revision) -> String {
    let number = revision.pull_request.map(|number| format!("#{number}, ")).unwrap_or_default();
    format!("{number}{}, commit {}", revision.branch, short(&revision.sha))
}

/// What else there is to know: the repository, who asked, when it ends, what it waits for, what it costs.
pub(super) fn facts(notice: &Notice, view: Option<&EnvironmentView>) -> Vec<String> {
    let mut facts = vec![notice.repository.clone()];
    let Some(view) = view else { return facts };
    facts.push(format!("asked for by {}", view.by));
    facts.extend(ends(view));
    facts.extend(view.usd_per_day.map(|usd| format!("about ${usd:.2} a day")));
    facts.extend(view.waiting.iter().cloned());
    facts
}

/// When an environment ends by itself, in words.
pub(super) fn ends(view: &EnvironmentView) -> Option<String> {
    if view.pinned {
        return Some("pinned".to_owned());
    }
    view.expires_at.as_ref().map(|at| format!("ends {at}"))
}

/// At most `limit` characters, the last of them `…` when some were left out.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// The last lines that fit into so many characters; of a longer last line its end.
#[must_use]
pub fn tail(text: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit {
        return text.to_owned();
    }
    let rest: String = text.chars().skip(count - limit).collect();
    // The first line is a part of one; the only one is better than none.
    rest.split_once('\n').map_or(rest.clone(), |(_, whole)| whole.to_owned())
}

/// Without control characters, and without those that turn the direction of what is read.
#[must_use]
pub fn one_line(text: &str) -> String {
    let turns =
        |it: char| matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    let shown = |it: char| if it.is_control() || turns(it) { ' ' } else { it };
    text.chars().map(shown).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::samples::notice;
    use super::*;

    #[test]
    fn a_sentence_for_each_moment() {
        let mut ready = notice(Moment::Ready);
        ready.url = Some("https://x.shop.example.com/".to_owned());
        assert_eq!(
            sentence(&ready),
            "x.shop is ready at https://x.shop.example.com/ (feature/x, commit 0123456). More of it."
        );
        let all = [
            Moment::Queued,
            Moment::Creating,
            Moment::Ready,
            Moment::Updating,
            Moment::Updated,
            Moment::Failed,
            Moment::Asleep,
            Moment::Awake,
            Moment::Expiring,
            Moment::Held,
            Moment::Kept,
            Moment::Removing,
            Moment::HookFailed,
            Moment::Removed,
        ];
        let mut sentences: Vec<&str> = all.iter().map(|moment| what(*moment)).collect();
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), all.len());
    }

    #[test]
    fn cuts_are_between_characters() {
        assert_eq!(cut("日本語", 3), "日本語");
        assert_eq!(cut("日本語", 2), "日…");
        assert_eq!(cut("ab cd", 4), "ab…");
        assert_eq!(tail("one\ntwo\nthree", 9), "three");
        assert_eq!(tail("one\ntwo\nthree", 11), "two\nthree");
        assert_eq!(tail("日本語", 2), "本語");
        assert_eq!(tail("short", 9), "short");
    }

    #[test]
    fn a_line_stays_one_and_reads_as_it_is_written() {
        assert_eq!(one_line("a\nb\u{202e}c\u{1b}[31m\n"), "a b c [31m");
    }

    #[test]
    fn a_pull_request_has_its_number() {
        let revision =
            Revision { sha: "0123456789".to_owned(), branch: "topic".to_owned(), pull_request: Some(7) };
        assert_eq!(of(&revision), "#7, topic, commit 0123456");
    }
}
