//! A record as the JSON API shows it.

use longshore_model::Timestamp;
use longshore_model::preview::view::EnvironmentView;
use longshore_model::preview::{Environment, Policy, Presence, Schedule, Sleep, State};

use super::{cost, environment};

/// An environment in a list. `url` is where it answers or will; it is shown once something has been healthy there.
/// `policy` is absent when longshore.toml speaks of the repository no more.
#[must_use]
pub fn view(
    record: &Environment,
    policy: Option<&Policy>,
    url: Option<String>,
    schedule: &Schedule,
) -> EnvironmentView {
    let (wish, progress) = (&record.wish, &record.progress);
    let by = match &wish.presence {
        Presence::Up { by } => by,
        Presence::Down(removal) => &removal.by,
    };
    let is_asleep =
        record.state == State::Asleep || (wish.sleep == Sleep::Asleep && progress.asleep_since.is_some());
    // What has failed is of the past as soon as something else is wished: nobody should take it for the new wish's end.
    let failure =
        progress.failure.as_ref().filter(|it| it.revision == wish.revision && it.attempt == wish.attempt);
    let is_tried = record.state == State::Failed && progress.failure.is_some() && failure.is_none();
    // The same is true of a ready one with another commit to come: its own round has not said so yet.
    let is_behind = record.state == State::Ready
        && progress.deployed.as_ref().is_some_and(|deployed| deployed.revision.sha != wish.revision.sha);
    let state = match (is_tried || is_behind, &progress.deployed) {
        (false, _) => record.state,
        (true, Some(_)) => State::Updating,
        (true, None) => State::Creating,
    };
    let usd_per_day = policy.and_then(cost::usd_per_day).map(|usd| if is_asleep { 0.0 } else { usd });
    // What has failed is said once.
    let is_news = |reason: &&String| failure.is_none_or(|failure| !reason.ends_with(&failure.why));
    let waiting = record.waiting.iter().filter(|_| !is_tried).filter(is_news);
    let waiting = record.held.iter().chain(waiting).cloned().collect();
    EnvironmentView {
        id: record.names.id.clone(),
        repository: record.repository.clone(),
        branch: wish.revision.branch.clone(),
        pull_request: wish.revision.pull_request,
        state: state.word().to_owned(),
        url: url.filter(|_| progress.deployed.is_some()),
        sha: wish.revision.sha.clone(),
        deployed_sha: progress.deployed.as_ref().map(|deployed| deployed.revision.sha.clone()),
        waiting,
        failure: failure.map(|failure| environment::with_what_answers(record, &failure.why)),
        log_tail: failure.map(|failure| failure.log_tail.clone()).unwrap_or_default(),
        pinned: wish.pinned,
        by: by.clone(),
        created_at: time(progress.created_at),
        deployed_at: progress.deployed.as_ref().map(|deployed| time(deployed.at)),
        last_request_at: progress.last_request_at.map(time),
        expires_at: schedule.expires_at.map(time),
        sleeps_at: schedule.sleeps_at.map(time),
        usd_per_day,
    }
}

/// The same, with its URL and with what time will bring.
#[must_use]
pub fn now(record: &Environment, policy: Option<&Policy>, now: Timestamp) -> EnvironmentView {
    let schedule = environment::schedule(record, policy, now);
    view(record, policy, environment::url(record, policy), &schedule)
}

/// RFC 3339 in UTC, to the second.
#[must_use]
pub fn time(at: Timestamp) -> String {
    let second = jiff::Timestamp::from_second(at.0.div_euclid(1000));
    second.map(|second| second.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use longshore_model::preview::{Deployed, Failure};

    use super::super::samples::{NOW, environment, policy, revision};
    use super::*;

    #[test]
    fn the_url_is_shown_once_something_has_answered() {
        let mut record = environment("feature/x");
        let url = Some("https://x.example/".to_owned());
        let show = |record: &Environment| view(record, Some(&policy()), url.clone(), &Schedule::default());
        let queued = show(&record);
        assert_eq!((queued.state.as_str(), queued.url, queued.deployed_sha), ("queued", None, None));
        record.progress.deployed =
            Some(Deployed { revision: revision("aaa1", "feature/x"), at: NOW, ..Deployed::default() });
        record.wish.revision = revision("bbb2", "feature/x");
        record.state = State::Updating;
        let updating = show(&record);
        assert_eq!(updating.url, url);
        assert_eq!((updating.sha.as_str(), updating.deployed_sha.as_deref()), ("bbb2", Some("aaa1")));
        assert_eq!(updating.deployed_at.as_deref(), Some("2027-01-15T08:00:00Z"));
    }

    #[test]
    fn who_and_why_and_until_when() {
        let mut record = environment("feature/x");
        let schedule = Schedule {
            expires_at: Some(NOW.plus_seconds(60)),
            sleeps_at: Some(NOW.plus_ms(1999)),
            ..Schedule::default()
        };
        record.progress.failure = Some(Failure {
            revision: revision("aaa1", "feature/x"),
            attempt: 0,
            why: "it crashed".to_owned(),
            log_tail: vec!["panic".to_owned()],
            at: NOW,
        });
        super::super::record::remove(&mut record, "for a reason", "ada", NOW);
        let shown = view(&record, None, None, &schedule);
        assert_eq!((shown.by.as_str(), shown.state.as_str()), ("ada", "removing"));
        assert_eq!(
            (shown.failure.as_deref(), shown.log_tail),
            (Some("it crashed"), vec!["panic".to_owned()])
        );
        assert_eq!(shown.expires_at.as_deref(), Some("2027-01-15T08:01:00Z"));
        assert_eq!(shown.sleeps_at.as_deref(), Some("2027-01-15T08:00:01Z"));
        assert_eq!(shown.usd_per_day, None);
    }

    #[test]
    fn what_is_held_is_said_first() {
        let mut record = environment("feature/x");
        record.waiting = vec!["it waits for room".to_owned()];
        record.held = Some("it would go".to_owned());
        let shown = view(&record, None, None, &Schedule::default());
        assert_eq!(shown.waiting, ["it would go", "it waits for room"]);
    }

    #[test]
    fn what_has_failed_is_over_with_the_next_wish() {
        let mut record = environment("feature/x");
        record.state = State::Failed;
        record.waiting = vec!["commit aaa1 does not run: it crashed".to_owned(), "it sleeps".to_owned()];
        record.progress.failure = Some(Failure {
            revision: record.wish.revision.clone(),
            attempt: record.wish.attempt,
            why: "it crashed".to_owned(),
            log_tail: Vec::new(),
            at: NOW,
        });
        let shown = |record: &Environment| view(record, None, None, &Schedule::default());
        assert_eq!(
            (shown(&record).state.as_str(), shown(&record).failure.as_deref()),
            ("failed", Some("it crashed"))
        );
        assert_eq!(shown(&record).waiting, ["it sleeps"], "the failure says the other one");
        record.wish.attempt += 1;
        let tried = shown(&record);
        assert_eq!((tried.state.as_str(), tried.failure, tried.waiting.len()), ("creating", None, 0));
    }

    #[test]
    fn what_answers_with_another_commit_is_not_ready() {
        let mut record = environment("feature/x");
        record.state = State::Ready;
        record.progress.deployed =
            Some(Deployed { revision: record.wish.revision.clone(), at: NOW, ..Deployed::default() });
        let state = |record: &Environment| view(record, None, None, &Schedule::default()).state;
        assert_eq!(state(&record), "ready");
        record.wish.revision = revision("aaa1", "feature/y");
        assert_eq!(state(&record), "ready", "another name of the same commit is nothing to wait for");
        record.wish.revision = revision("bbb2", "feature/x");
        assert_eq!(state(&record), "updating", "its round has not begun yet");
        record.state = State::Asleep;
        assert_eq!(state(&record), "asleep", "it gets the commit when it wakes");
    }

    #[test]
    fn a_sleeping_environment_costs_nothing() {
        let mut record = environment("feature/x");
        record.state = State::Asleep;
        let mut policy = policy();
        let shown = |policy: &Policy| view(&record, Some(policy), None, &Schedule::default()).usd_per_day;
        assert_eq!(shown(&policy), None, "what nobody knows awake, nobody knows asleep");
        let web = &mut policy.services[0];
        web.launch_type = Some(longshore_model::network::LaunchType::Fargate);
        (web.cpu, web.memory) = (Some(256), Some(512));
        assert_eq!(shown(&policy), Some(0.0));
    }

    #[test]
    fn a_moment_that_no_calendar_has_is_nothing() {
        assert_eq!(time(Timestamp(i64::MAX)), "");
        assert_eq!(time(Timestamp(-1)), "1969-12-31T23:59:59Z");
    }
}
