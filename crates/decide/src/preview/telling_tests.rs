//! Who is told what, in which order, and what a refusal holds up.

use longshore_model::preview::Moment;

use super::super::samples;
use super::*;

const MINUTE: i64 = 60_000;

fn at(minutes: i64) -> Timestamp {
    Timestamp(minutes * MINUTE)
}

fn key(minutes: i64, name: &str) -> String {
    format!("{}/{name}", moment(at(minutes)))
}

fn refused(kind: Kind) -> Result<(), (Kind, String)> {
    Err((kind, "it says no".to_owned()))
}

#[test]
fn each_is_told_once_and_late_ones_are_not_lost() {
    let mut told = Told::begin(Some(key(89, "a")));
    assert!(told.is_due(&key(95, "a")) && !told.is_due(&key(89, "a")));
    told.settle(&key(101, "b"), "x", at(101));
    assert!(!told.is_due(&key(101, "b")));
    assert!(told.is_due(&key(101, "a")) && told.is_due(&key(100, "z")), "stored later than its key says");
    told.settle(&key(120, "c"), "x", at(120));
    assert_eq!((told.up_to.as_str(), told.beyond.len()), (key(101, "b").as_str(), 1));
    assert!(!told.is_due(&key(101, "b")) && !told.is_due(&key(120, "c")) && told.is_due(&key(106, "x")));
}

#[test]
fn one_that_was_down_for_long_is_told_all_of_it() {
    let mut told = Told::begin(None);
    told.settle(&key(500, "a"), "x", at(5000));
    assert!(
        told.is_due(&key(501, "b")),
        "told in order: what comes behind is not left out, however old it is"
    );
}

#[test]
fn a_clock_that_goes_back_loses_nothing() {
    // Seen for the first time while the clock was two hours ahead: it begins behind what there is, not at a moment.
    assert!(key(95, "a") < begin_at(at(120)) && key(95, "a") > begin_at(at(100)));
    let told = Told::begin(Some(key(95, "a")));
    let next = format!("{}/b", next_moment(Some(&key(95, "a")), at(100)));
    assert!(told.is_due(&next), "{next}");
    // What was told while it was ahead is before what comes after it was put right.
    let mut told = Told::begin(None);
    told.settle(&key(220, "a"), "x", at(220));
    told.settle(&key(240, "b"), "x", at(240));
    let mut last = key(240, "b");
    for name in ["z", "a", "m"] {
        let next = format!("{}/{name}", next_moment(Some(&last), at(120)));
        assert!(next > last && told.is_due(&next), "{next} is behind {last}");
        told.settle(&next, "x", at(120));
        last = next;
    }
    assert_eq!(next_moment(Some(&last), at(300)), moment(at(300)));
    assert_eq!(next_moment(None, at(3)), moment(at(3)));
}

#[test]
fn a_refusal_holds_up_its_environment_alone_and_in_order() {
    let mut told = Told::begin(None);
    for kind in [Kind::Denied, Kind::NotFound, Kind::Conflict, Kind::Bug] {
        told = Told::begin(None);
        assert_eq!(told.took(&key(1, "a"), "x", refused(kind), false, at(1)), Fate::Held, "{kind:?}");
    }
    assert_eq!(told.pass(&key(2, "b"), "x", at(2)), Some(Fate::Held));
    assert_eq!(told.pass(&key(3, "c"), "y", at(3)), None, "the other one is told");
    assert!(!told.is_due(&key(1, "a")) && !told.is_due(&key(2, "b")));
    assert_eq!(told.waiting(), ["a notice of `x`, and 1 behind it is tried again: it says no"]);
    assert_eq!((told.again(at(1)), told.again_at()), (None, Some(at(1).plus_seconds(10))));
    assert_eq!(told.again(at(2)), Some(("x".to_owned(), key(1, "a"))));
    assert!(told.again(at(-61)).is_some(), "a clock that was ahead has set the wait");
    // Other notices and much time later.
    told.settle(&key(600, "d"), "y", at(600));
    assert_eq!(told.from(), key(1, "a"), "it is not tidied away");
    assert_eq!(told.took(&key(1, "a"), "x", Ok(()), false, at(600)), Fate::Told);
    assert_eq!(told.again(at(600)), Some(("x".to_owned(), key(2, "b"))), "at once, in order");
    told.took(&key(2, "b"), "x", Ok(()), false, at(600));
    assert_eq!((told.again(at(600)), told.held.len(), told.from()), (None, 0, told.up_to.as_str()));
    let again = [key(1, "a"), key(2, "b"), key(600, "d")].iter().any(|key| told.is_due(key));
    assert!(!again, "each once");
}

#[test]
fn what_is_refused_for_a_week_is_left_out_with_what_waits_behind_it() {
    let mut told = Told::begin(None);
    let mut now = at(0);
    for _ in 1..MOST_TRIES {
        assert_eq!(told.took(&key(1, "a"), "x", refused(Kind::NotFound), false, now), Fate::Held);
        now = told.again_at().unwrap();
    }
    assert_eq!(now.0 / MINUTE / 60 / 24, 7, "days");
    assert_eq!(told.pass(&key(2, "b"), "x", now), Some(Fate::Held));
    assert_eq!(told.took(&key(1, "a"), "x", refused(Kind::NotFound), false, now), Fate::LeftOut(2));
    assert_eq!((told.held.len(), told.is_due(&key(2, "b"))), (0, false));
    told.took(&key(3, "c"), "x", refused(Kind::NotFound), false, now);
    let passed = (4..).map(|it| told.pass(&key(it, "d"), "x", now)).find(|it| *it != Some(Fate::Held));
    assert_eq!(passed.unwrap(), Some(Fate::LeftOut(MOST_HELD + 1)), "so many are kept at most");
}

#[test]
fn an_outage_waits_and_a_notice_that_is_wrong_does_not() {
    for (kind, is_one_place) in [
        (Kind::Unavailable, false),
        (Kind::Throttled, false),
        (Kind::Unavailable, true),
        (Kind::Denied, true),
        (Kind::NotFound, true),
        (Kind::Conflict, true),
    ] {
        let mut told = Told::begin(None);
        assert_eq!(told.took(&key(1, "a"), "x", refused(kind), is_one_place, at(1)), Fate::Waits, "{kind:?}");
        assert_eq!(told, Told::begin(None));
    }
    for is_one_place in [false, true] {
        let mut told = Told::begin(None);
        let fate = told.took(&key(1, "a"), "x", refused(Kind::Invalid), is_one_place, at(1));
        assert_eq!((fate, told.is_due(&key(1, "a")), told.held.len()), (Fate::LeftOut(1), false, 0));
    }
}

#[test]
fn what_is_left_out_is_said() {
    let notice = samples::notice(Moment::Ready);
    assert_eq!(left_out("github", &notice, 1, "no"), "`github` is not told that it is ready: no");
    let more = left_out("github", &notice, 3, "no");
    assert_eq!(more, "`github` is not told that it is ready, nor of what 2 notices behind it say: no");
}

#[test]
fn what_an_earlier_version_has_written_is_read() {
    let told: Told = serde_json::from_str(r#"{"up_to": "1", "beyond": ["2"]}"#).unwrap();
    assert_eq!((told.is_due("2"), told.is_due("3"), told.held.len()), (false, true, 0));
}
