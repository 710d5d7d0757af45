//! A round of a repository: GitHub's branches and pull requests against the records, and the end of the deliveries that
//! asked for it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use longshore_decide::preview::cadence;
use longshore_decide::preview::repository::{self, Plan, Seen};
use longshore_model::preview::{Delivery, DeliveryState, Ended, Environment, Policy, Wish, github};
use longshore_model::{Error, Timestamp};
use longshore_world::{Expect, Write};
use serde::{Deserialize, Serialize};

use super::chronicle::Chronicle;
use super::comments::Comment;
use super::records::{self, Change, Found};
use super::{Object, Previews, Round};
use crate::book::{Book, DELIVERIES, ENDED, Kept, PENDING, REPOSITORIES, put, remove};

/// When somebody else was faster, GitHub is asked again, so often at most in one round.
const TRIES: usize = 5;

/// So many deliveries are ended at the same time: a store that has to wait for its disk does so once for all of them.
const ENDED_AT_ONCE: usize = 64;
/// What is wanted of each environment of a repository, by its id, and in which life.
type Wishes = BTreeMap<String, (u32, Wish)>;

/// What others have changed meanwhile, so that it was not written, by the display text of its subject.
type Late = BTreeSet<String>;

fn wishes(kept: &[Kept<Environment>]) -> Wishes {
    let records = kept.iter().map(|kept| &kept.value);
    records.map(|it| (it.names.id.clone(), (it.life, it.wish.clone()))).collect()
}

/// What is kept of a repository.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ledger {
    /// When a person has last said that many may be removed.
    pub(super) confirmed_at: Option<Timestamp>,
    /// When GitHub was last read, whole.
    pub(super) read_at: Option<Timestamp>,
    /// Rounds in a row that failed: GitHub could not be read, or somebody who asked in a comment not be answered.
    pub(super) errors: u32,
    /// Why nothing more happens now.
    pub(super) waiting: Vec<String>,
}

/// The ledger of a repository, or an empty one.
pub(super) async fn ledger(book: &Book, name: &str) -> Result<Ledger, Error> {
    Ok(book.read(REPOSITORIES, name).await?.map(|kept| kept.value).unwrap_or_default())
}

impl Previews {
    pub(super) async fn repository(&self, name: &str, round: &str) -> Result<Round, Error> {
        let Some(policy) = self.policy(name).cloned() else {
            return Ok(Round { gone: true, ..Round::default() });
        };
        // Read before GitHub is: what came later may speak of what this look has not seen.
        let pending = self.pending(name).await?;
        let mut wake = Vec::new();
        let mut last = None;
        for _ in 0..TRIES {
            // These, too: a wish that somebody writes meanwhile may be newer than what this look sees.
            let wishes = wishes(&records::of_repository(&self.book, name).await?);
            let listing = self.world.github.repository(name).await;
            let github = listing.as_ref().map_err(super::act::words);
            let brought = self.bring_up_to(&policy, &wishes, github.clone(), round, &mut wake).await?;
            let Some((plan, late)) = brought else { continue };
            let is_done = late.is_empty();
            last = Some((plan, late, github.is_ok(), listing.err()));
            if is_done {
                break;
            }
        }
        let is_done = last.as_ref().is_some_and(|(_, late, is_read, _)| late.is_empty() && *is_read);
        let (mut plan, late, is_read, trouble) = last.unwrap_or_default();
        if !is_done && trouble.is_none() {
            plan.waiting.push(format!("others keep changing its environments: {TRIES} tries have failed"));
        }
        let now = self.now();
        let (mut is_left, mut unanswered) = (false, None);
        if is_read {
            let comments = self.end(pending, &plan, &late, now).await?;
            (is_left, unanswered) = self.answer(comments, &mut wake).await;
        }
        let ledger = self.keep(name, &plan, is_done, is_left, now).await?;
        let look_again_at = Some(cadence::next_repository(ledger.errors, now));
        Ok(Round { look_again_at, wake, waiting: plan.waiting, trouble: trouble.or(unanswered), gone: false })
    }

    /// Decides, and writes each record under its generation, but for those that somebody else has written meanwhile. `None`:
    /// somebody has changed a wish since GitHub was asked, and nothing was decided.
    async fn bring_up_to(
        &self,
        policy: &Policy,
        wishes_before: &Wishes,
        github: Result<&github::Repository, String>,
        round: &str,
        wake: &mut Vec<Object>,
    ) -> Result<Option<(Plan, Late)>, Error> {
        let name = &policy.repository;
        let kept = records::of_repository(&self.book, name).await?;
        if wishes(&kept) != *wishes_before {
            return Ok(None);
        }
        let ended = records::ended(&self.book, name).await?;
        let ledger = self.ledger(name).await?;
        let mut environments: Vec<Environment> = kept.iter().map(|kept| kept.value.clone()).collect();
        let gone: Vec<Ended> = ended.iter().map(|(_, kept)| kept.value.clone()).collect();
        let now = self.now();
        let confirmed_at = ledger.confirmed_at;
        let decide = |environments: &[Environment]| {
            repository::decide(
                &Seen { policy, github: github.clone(), environments, ended: &gone, confirmed_at },
                now,
            )
        };
        let mut plan = decide(&environments);
        // Under the ids of new ones there may be somebody: of a repository that longshore.toml had in the place of this.
        let new = plan.write.iter().map(|record| record.names.id.as_str());
        let new = new.filter(|id| kept.iter().all(|kept| kept.value.names.id != *id));
        let others = records::of_ids(&self.book, new).await?;
        if !others.is_empty() {
            environments.extend(others.into_iter().map(|kept| kept.value));
            plan = decide(&environments);
        }
        let mut kept: BTreeMap<String, Kept<Environment>> =
            kept.into_iter().map(|kept| (kept.value.names.id.clone(), kept)).collect();
        let mut late = Late::new();
        for record in &plan.write {
            let id = &record.names.id;
            let notices: Vec<_> = plan.notices.iter().filter(|it| it.environment == *id).cloned().collect();
            let before: Found = kept.remove(id);
            let change = Change { after: Some(record), notices: &notices, ..Change::default() };
            let mut chronicle = Chronicle::new(id, round);
            let written = records::write(&self.book, &before, &change, &mut chronicle, now).await?;
            if written.is_none() {
                late.insert(record.subject.to_string());
            }
            wake.push(Object::Environment(id.clone()));
        }
        if !plan.notices.is_empty() {
            wake.extend(self.notifiers());
        }
        let over = ended.into_iter().filter(|(_, kept)| plan.over.contains(&kept.value.environment));
        for (key, kept) in over {
            let write = remove(ENDED, key, Expect::Generation(kept.generation));
            if !self.book.write(vec![write]).await? {
                late.insert(kept.value.subject.to_string());
            }
        }
        Ok(Some((plan, late)))
    }

    pub(super) async fn ledger(&self, name: &str) -> Result<Ledger, Error> {
        ledger(&self.book, name).await
    }

    /// Writes down what the look came to.
    async fn keep(
        &self,
        name: &str,
        plan: &Plan,
        is_read: bool,
        is_left: bool,
        now: Timestamp,
    ) -> Result<Ledger, Error> {
        let change = |row: &mut Option<Ledger>| {
            let ledger = row.get_or_insert_default();
            ledger.waiting.clone_from(&plan.waiting);
            ledger.errors = if is_read && !is_left { 0 } else { ledger.errors.saturating_add(1) };
            if is_read {
                ledger.read_at = Some(now);
            }
            ledger.clone()
        };
        self.book.amend(REPOSITORIES, name, change).await
    }

    /// Deliveries of a repository that nobody has ended, with the keys of their lines in the list of these.
    async fn pending(&self, name: &str) -> Result<Vec<(String, String)>, Error> {
        let pending = self.book.all::<String>(PENDING, &format!("{name}/")).await?;
        Ok(pending.into_iter().map(|(key, kept)| (key, kept.value)).collect())
    }

    /// Ends deliveries with what the look has found of that which they speak of. What asks for more than a look is left,
    /// in the order of its coming; and those that speak of what was too late have their end when it is not.
    async fn end(
        &self,
        pending: Vec<(String, String)>,
        plan: &Plan,
        late: &Late,
        now: Timestamp,
    ) -> Result<Vec<Comment>, Error> {
        tracing::debug!(deliveries = pending.len(), at = now.0, "deliveries end");
        let ends: Vec<_> = pending.into_iter().map(|(key, id)| self.end_one(key, id, plan, late)).collect();
        let left = stream::iter(ends).buffer_unordered(ENDED_AT_ONCE);
        let left: Vec<Option<Comment>> = left.try_collect().await?;
        let mut left: Vec<Comment> = left.into_iter().flatten().collect();
        left.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(left)
    }

    async fn end_one(
        &self,
        key: String,
        id: String,
        plan: &Plan,
        late: &Late,
    ) -> Result<Option<Comment>, Error> {
        let is_pending = |kept: &Kept<Delivery>| {
            matches!(kept.value.state, DeliveryState::Accepted | DeliveryState::Answering(_))
        };
        let kept = self.book.read::<Delivery>(DELIVERIES, &id).await?.filter(is_pending);
        if let Some(kept) = &kept {
            if let Some(comment) = self.comment_of(&key, kept).await? {
                return Ok(Some(comment));
            }
            if kept.value.about.as_ref().is_some_and(|about| late.contains(about)) {
                return Ok(None);
            }
        }
        let mut writes = vec![remove(PENDING, key, Expect::Anything)];
        writes.extend(kept.map(|kept| ended_delivery(kept, plan)));
        // Where it is not written, somebody else has ended it.
        self.book.write(writes).await.map(|_| None)
    }
}

fn ended_delivery(mut kept: Kept<Delivery>, plan: &Plan) -> Write {
    let found = kept.value.about.as_deref().map(|about| plan.finding(about));
    let found = found.unwrap_or("its repository was looked at");
    kept.value.state = DeliveryState::Done(found.to_owned());
    let id = kept.value.id.as_str();
    put(DELIVERIES, id, Expect::Generation(kept.generation), &kept.value)
}
