//! Which lines of a timeline people read.

use longshore_model::preview::view::EntryView;

/// A timeline (the newest first) without what was begun and has ended since: its end says the same and more. The end may be
/// of another round: a hook's is, and so is that of an action which a crash has interrupted.
pub fn told(timeline: &[EntryView]) -> impl Iterator<Item = &EntryView> {
    let is_open = |(index, entry): &(usize, &EntryView)| {
        entry.kind != "intent" || !timeline.iter().take(*index).any(|later| ends(entry, later))
    };
    timeline.iter().enumerate().filter(is_open).map(|(_, entry)| entry)
}

fn ends(intent: &EntryView, later: &EntryView) -> bool {
    match later.kind.as_str() {
        "done" => later.text == intent.text,
        "error" => later.text.strip_prefix(&intent.text).is_some_and(|why| why.starts_with(": ")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::preview::{EntryKind, Sleep};

    use super::super::samples::environment;
    use super::super::timeline::lines;
    use super::*;

    #[test]
    fn what_has_ended_is_told_once() {
        let entry = |kind: &str, text: &str| EntryView {
            at: "2026-01-01T00:00:00Z".to_owned(),
            kind: kind.to_owned(),
            text: text.to_owned(),
            round: kind.to_owned(),
        };
        let timeline = [
            entry("intent", "stop task a"),
            entry("error", "create service b: no room"),
            entry("done", "stop task ab"),
            entry("state", "stop task a"),
            entry("intent", "create service b"),
            entry("done", "stop task a"),
            entry("intent", "stop task a"),
            entry("intent", "stop task abc"),
        ];
        let told: Vec<(&str, &str)> =
            told(&timeline).map(|entry| (entry.kind.as_str(), entry.text.as_str())).collect();
        let expected = [
            // It is begun again, and nobody knows yet how that ends.
            ("intent", "stop task a"),
            ("error", "create service b: no room"),
            ("done", "stop task ab"),
            ("state", "stop task a"),
            ("done", "stop task a"),
            ("intent", "stop task abc"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_wish_to_sleep_is_told_and_that_it_is_used_up_is_not() {
        let awake = environment("feature/x");
        let mut asked = awake.clone();
        asked.wish.sleep = Sleep::Asleep;
        let said = lines(Some(&awake), Some(&asked), Some("octocat"), None);
        assert_eq!(said, [(EntryKind::Asked, "octocat: put it to sleep".to_owned())]);
        assert_eq!(lines(Some(&asked), Some(&awake), None, None), []);
    }
}
