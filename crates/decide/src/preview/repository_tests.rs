//! The rules of a repository, one by one. Random lives are in `tests/preview_repository.rs`.

use longshore_model::preview::github::{PullRequest, Repository};
use longshore_model::preview::{Moment, Presence, Removal, State};

use super::super::samples::{NOW, branch, environment, github, policy, pull_request, revision, service};
use super::*;

/// What is done for a policy that asks for `feature/**` and pull requests.
fn plan(github: &Repository, environments: &[Environment]) -> Plan {
    plan_with(&policy(), github, environments, &[], None)
}

fn plan_with(
    policy: &Policy,
    github: &Repository,
    environments: &[Environment],
    ended: &[Ended],
    confirmed_at: Option<Timestamp>,
) -> Plan {
    let seen = Seen { policy, github: Ok(github), environments, ended, confirmed_at };
    decide(&seen, NOW.plus_seconds(60))
}

fn removal(record: &Environment) -> &Removal {
    match &record.wish.presence {
        Presence::Down(removal) => removal,
        Presence::Up { .. } => panic!("{} is up", record.names.id),
    }
}

fn is_up(record: &Environment) -> bool {
    matches!(record.wish.presence, Presence::Up { .. })
}

fn asked_for(mut record: Environment, who: &str) -> Environment {
    record.wish.presence = Presence::Up { by: who.to_owned() };
    record
}

fn down(mut record: Environment, by: &str) -> Environment {
    record::remove(&mut record, "for a reason", by, NOW);
    record
}

#[test]
fn a_branch_and_a_pull_request_get_an_environment_each() {
    let plan = plan(&github(&[("feature/x", "abc12345")], vec![pull_request(7, "def1")]), &[]);
    let ids: Vec<&str> = plan.write.iter().map(|it| it.names.id.as_str()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&"pr-7.shop"), "{ids:?}");
    let made = &plan.write[0];
    assert_eq!((made.state, made.wish.revision.sha.as_str()), (State::Queued, "abc12345"));
    assert_eq!(made.wish.presence, Presence::Up { by: GITHUB.to_owned() });
    assert_eq!(made.progress.created_at, NOW.plus_seconds(60));
    assert_eq!(plan.write[1].wish.revision.pull_request, Some(7));
    assert!(plan.finding("branch `feature/x`").contains("commit abc1234"), "{plan:?}");
    assert!(plan.finding("branch `main`").contains("`feature/**`"), "{plan:?}");
}

#[test]
fn a_push_changes_the_wish_and_nothing_else() {
    let record = environment("feature/x");
    let plan = plan(&github(&[("feature/x", "bbb2")], Vec::new()), std::slice::from_ref(&record));
    let mut expected = record;
    expected.wish.revision = revision("bbb2", "feature/x");
    expected.progress.changed_at = NOW.plus_seconds(60);
    assert_eq!(plan.write, [expected]);
}

#[test]
fn a_listing_that_failed_changes_nothing() {
    let (policy, environments) = (policy(), [environment("feature/x")]);
    let seen = Seen {
        policy: &policy,
        github: Err("500 Internal Server Error".to_owned()),
        environments: &environments,
        ended: &[],
        confirmed_at: Some(NOW),
    };
    let plan = decide(&seen, NOW);
    assert_eq!((plan.write.len(), plan.over.len()), (0, 0));
    assert!(plan.waiting[0].contains("500 Internal Server Error"), "{plan:?}");
}

#[test]
fn a_deleted_branch_and_a_closed_pull_request_end_theirs() {
    let pull = github(&[("feature/x", "aaa1")], vec![pull_request(7, "def1")]);
    let records = plan(&pull, &[]).write;
    let plan = plan(&github(&[], Vec::new()), &records);
    let why: Vec<&str> = plan.write.iter().map(|it| removal(it).why.as_str()).collect();
    assert_eq!(why, ["the branch was deleted", "the pull request was closed"]);
    assert!(plan.write.iter().all(|it| it.state == State::Removing && removal(it).by == GITHUB));
}

#[test]
fn a_list_without_the_default_branch_ends_nothing_and_may_begin_something() {
    let records = [environment("feature/x")];
    for listing in [Repository::default(), Repository { branches: Vec::new(), ..github(&[], Vec::new()) }] {
        let plan = plan_with(&policy(), &listing, &records, &[], Some(NOW.plus_seconds(60)));
        assert!(plan.write.iter().all(is_up), "{plan:?}");
        assert!(plan.write[0].held.as_ref().unwrap().contains("and is not believed"), "{plan:?}");
        assert!(plan.waiting[0].contains("not believed"), "{plan:?}");
        assert!(plan.finding("branch `feature/x`").contains("not believed"));
    }
    let mut first_push = github(&[("feature/y", "aaa1")], Vec::new());
    first_push.branches.remove(0);
    assert_eq!(plan(&first_push, &[]).write.len(), 1);
}

#[test]
fn many_removals_at_once_need_a_persons_word_of_the_last_ten_minutes() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let records: Vec<Environment> = names.iter().map(|it| environment(&format!("feature/{it}"))).collect();
    let empty = github(&[], Vec::new());
    assert_eq!(plan(&empty, &records[..5]).write.len(), 5);

    let held = plan(&empty, &records);
    assert!(held.write.iter().all(is_up), "{held:?}");
    let said = held.write.iter().map(|it| it.held.clone().unwrap()).collect::<Vec<_>>();
    assert_eq!(said.len(), 6);
    assert_eq!(
        said[0],
        "it would go (the branch was deleted), and more than 5 would at once: `longshore preview confirm octo/shop` lets \
         them go"
    );
    assert_eq!(held.notices.iter().map(|it| it.moment).collect::<Vec<_>>(), [Moment::Held; 6]);
    assert_eq!(held.notices[0].text, format!("{}: {}", held.write[0].names.id, said[0]));
    let again = plan(&empty, &held.write);
    assert_eq!((again.write.len(), again.notices.len(), again.waiting.len()), (0, 0, 1), "it is said once");
    let back = plan(
        &github(
            &names.map(|it| "feature/".to_owned() + it).each_ref().map(|it| (it.as_str(), "aaa1")),
            Vec::new(),
        ),
        &held.write,
    );
    assert!(back.write.iter().all(|it| is_up(it) && it.held.is_none()), "{back:?}");
    assert_eq!(back.notices.iter().map(|it| it.moment).collect::<Vec<_>>(), [Moment::Kept; 6]);
    let gone = plan_with(&policy(), &empty, &held.write, &[], Some(NOW));
    assert!(gone.write.iter().all(|it| removal(it).by == GITHUB && it.held.is_none()), "{gone:?}");
    assert_eq!(gone.notices, [], "its removal is told by itself");
    assert!(held.waiting[0].contains("6 environments would be removed"), "{held:?}");
    assert!(held.finding("branch `feature/a`").contains("a person must confirm"));
    let confirmed = |seconds: i64| {
        let plan = plan_with(&policy(), &empty, &records, &[], Some(NOW.plus_seconds(60 - seconds)));
        plan.write.iter().filter(|it| !is_up(it)).count()
    };
    assert_eq!((confirmed(599), confirmed(601)), (6, 0));
}

#[test]
fn what_a_person_asked_for_outlives_its_branch() {
    let record = asked_for(environment("topic"), "ada");
    let gone = plan(&github(&[], Vec::new()), std::slice::from_ref(&record));
    assert_eq!(gone.write, []);
    assert!(gone.finding("branch `topic`").contains("a person asked"), "{gone:?}");
    // While it is there it gets new commits, though the policy does not ask for it.
    let pushed = plan(&github(&[("topic", "bbb2")], Vec::new()), &[record]);
    assert_eq!(pushed.write[0].wish.revision.sha, "bbb2");
    assert_eq!(pushed.write[0].wish.presence, Presence::Up { by: "ada".to_owned() });
}

#[test]
fn what_the_policy_asks_for_is_githubs_whoever_was_first() {
    let record = asked_for(environment("feature/x"), "ada");
    let listing = github(&[("feature/x", "aaa1")], Vec::new());
    let taken = plan(&listing, &[record]).write;
    assert_eq!(taken[0].wish.presence, Presence::Up { by: GITHUB.to_owned() });
    assert_eq!(plan(&listing, &taken).write, []);
}

#[test]
fn what_the_policy_asks_for_ends_with_its_branch_whoever_was_first() {
    let mut record = asked_for(environment("feature/x"), "ada");
    let nothing = github(&[], Vec::new());
    let gone = plan(&nothing, std::slice::from_ref(&record));
    assert_eq!(removal(&gone.write[0]).why, "the branch was deleted");
    record.progress.created_at = NOW.plus_seconds(1);
    assert_eq!(plan(&nothing, &[record]).write, [], "GitHub's list may be older than the branch");
}

#[test]
fn a_new_commit_of_a_fork_waits_for_a_person() {
    let fork = PullRequest { fork: true, ..pull_request(7, "aaa1") };
    let record = plan(&github(&[], vec![pull_request(7, "aaa1")]), &[]).write.remove(0);
    let record = asked_for(record, "ada");
    let moved = PullRequest { sha: "evil".to_owned(), ..fork };
    let plan = plan(&github(&[], vec![moved]), &[record]);
    assert_eq!(plan.write, []);
    assert!(plan.finding("pull request #7").contains("fork"), "{plan:?}");
}

#[test]
fn what_the_policy_no_longer_asks_for_goes_unless_it_is_pinned() {
    let draft = PullRequest { draft: true, ..pull_request(7, "aaa1") };
    let mut record = plan(&github(&[], vec![pull_request(7, "aaa1")]), &[]).write.remove(0);
    let gone = plan(&github(&[], vec![draft.clone()]), std::slice::from_ref(&record));
    assert_eq!(removal(&gone.write[0]).why, "it is a draft");
    record.wish.pinned = true;
    assert_eq!(plan(&github(&[], vec![draft]), std::slice::from_ref(&record)).write, []);
    assert_eq!(
        removal(&plan(&github(&[], Vec::new()), &[record]).write[0]).why,
        "the pull request was closed"
    );
}

#[test]
fn a_branch_that_comes_back_queues_behind_the_removal() {
    let record = down(environment("feature/x"), GITHUB);
    let back = plan(&github(&[("feature/x", "bbb2")], Vec::new()), &[record]);
    assert_eq!(removal(&back.write[0]).again.as_deref(), Some(GITHUB));
    assert_eq!(back.write[0].wish.revision.sha, "bbb2");
    assert!(back.finding("branch `feature/x`").contains("anew with commit bbb2"), "{back:?}");
    assert_eq!(plan(&Repository::default(), &back.write).write, [], "an empty list ends no wish either");
    let gone = plan(&github(&[], Vec::new()), &back.write);
    assert_eq!(removal(&gone.write[0]).again, None);
}

#[test]
fn what_a_person_or_its_time_ended_comes_back_with_the_next_commit() {
    let same = github(&[("feature/x", "aaa1")], Vec::new());
    let next = github(&[("feature/x", "bbb2")], Vec::new());
    for by in ["ttl", "ada"] {
        let record = down(environment("feature/x"), by);
        assert_eq!(plan(&same, std::slice::from_ref(&record)).write, []);
        let back = plan(&next, std::slice::from_ref(&record)).write;
        assert_eq!(removal(&back[0]).again.as_deref(), Some(GITHUB));
        assert_eq!(plan(&next, &back).write, [], "it is a fixpoint");

        let record::Afterwards::Ended(ended) = record::afterwards(&record, Some(&policy()), NOW) else {
            panic!("{by}")
        };
        let still = plan_with(&policy(), &same, &[], std::slice::from_ref(&ended), None);
        assert_eq!((still.write.len(), still.over.len()), (0, 0));
        assert!(still.finding("branch `feature/x`").contains("for a reason"), "{still:?}");
        let pushed = plan_with(&policy(), &next, &[], std::slice::from_ref(&ended), None);
        assert_eq!((pushed.write.len(), pushed.over), (1, vec![ended.environment.clone()]));
        let deleted = plan_with(&policy(), &github(&[], Vec::new()), &[], &[ended], None);
        assert_eq!((deleted.write.len(), deleted.over.len()), (0, 1));
    }
}

#[test]
fn room_is_said_and_a_name_that_is_taken_is_waited_for() {
    let mut policy = policy();
    policy.limits.environments = 1;
    let listing = github(&[("feature/x", "aaa1"), ("feature/y", "aaa1")], Vec::new());
    let crowded = plan_with(&policy, &listing, &[], &[], None);
    assert_eq!(crowded.write.len(), 2);
    assert!(crowded.waiting[0].contains("1 environment waits for room"), "{crowded:?}");

    let mut holder = asked_for(environment("main"), "ada");
    holder.names = names(&policy, &branch("feature/x"));
    let blocked = plan(&github(&[("feature/x", "aaa1")], Vec::new()), &[holder]);
    assert!(blocked.finding("branch `feature/x`").contains("which is that of branch `main`"), "{blocked:?}");
    assert!(blocked.write.iter().all(|it| it.subject == branch("main")));
}

#[test]
fn services_that_the_policy_has_got_since_are_taken_over_and_other_names_stay() {
    let record = environment("feature/x");
    let listing = github(&[("feature/x", "aaa1")], Vec::new());
    let mut more = policy();
    more.services.push(service("api"));
    let grown = plan_with(&more, &listing, std::slice::from_ref(&record), &[], None);
    assert_eq!(grown.write[0].names, names(&more, &record.subject));
    let shrunk = plan(&listing, &grown.write);
    assert_eq!(shrunk.write, []);
    assert!(shrunk.waiting[0].contains("keeps the services"), "{shrunk:?}");
}

#[test]
fn a_subject_that_nobody_knows_is_answered_too() {
    let plan = plan(&github(&[], Vec::new()), &[]);
    assert!(plan.finding("branch `never-seen`").contains("nothing to do"));
}

#[test]
fn a_name_that_another_repository_has_is_waited_for() {
    let mut before = environment("feature/x");
    before.repository = "octo/old".to_owned();
    let found = plan(&github(&[("feature/x", "aaa1")], Vec::new()), std::slice::from_ref(&before));
    assert_eq!(found.write, []);
    assert!(found.waiting[0].contains("which is that of branch `feature/x` of octo/old"), "{found:?}");
    before.repository = "Octo/Shop".to_owned();
    let own = plan(&github(&[("feature/x", "bbb2")], Vec::new()), &[before]);
    assert_eq!((own.write.len(), own.write[0].repository.as_str()), (1, "Octo/Shop"));
}
