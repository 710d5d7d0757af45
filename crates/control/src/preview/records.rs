//! Records of environments in the store: each written whole, under its generation, together with what the change says.

use futures_util::future::try_join_all;
use longshore_decide::preview::environment::Outcome;
use longshore_decide::preview::telling::next_moment;
use longshore_decide::preview::timeline;
use longshore_model::preview::{Ended, Environment, Notice};
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::{Expect, Scan, Write};

use super::chronicle::Chronicle;
use crate::book::{Book, ENDED, ENVIRONMENTS, Kept, NOTICES, ROSTER, put, remove};

/// So often is a change tried again whose record was written by somebody else in between.
const AMEND_LIMIT: usize = 20;

/// A record, or the absence of one.
pub(super) type Found = Option<Kept<Environment>>;

/// A change of a record, and what is said of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change<'a> {
    /// The record as it should be kept; absent: it goes.
    pub(super) after: Option<&'a Environment>,
    /// What people should hear of.
    pub(super) notices: &'a [Notice],
    /// What is remembered of one that goes.
    pub(super) ended: Option<&'a Ended>,
    /// Who asked for the change, when it was asked for.
    pub(super) by: Option<&'a str>,
    /// What the action came to whose end is written.
    pub(super) outcome: Option<&'a Outcome>,
    /// What else is written with it, or not at all.
    pub(super) also: &'a [Write],
}

/// The environment's record.
pub(super) async fn read(book: &Book, id: &str) -> Result<Found, Error> {
    book.read(ENVIRONMENTS, id).await
}

/// All records of a repository, in the order of their ids. GitHub's names have no case, and longshore.toml may have named
/// it in another one.
pub(super) async fn of_repository(book: &Book, repository: &str) -> Result<Vec<Kept<Environment>>, Error> {
    let roster = book.all::<()>(ROSTER, "").await?;
    let mut ids: Vec<&str> = roster.iter().filter_map(|(key, _)| of(repository, key)).collect();
    ids.sort_unstable();
    let records = try_join_all(ids.into_iter().map(|id| read(book, id))).await?;
    Ok(records.into_iter().flatten().collect())
}

/// The rest of a key that begins with a repository.
fn of<'a>(repository: &str, key: &'a str) -> Option<&'a str> {
    let (own, rest) = key.rsplit_once('/')?;
    own.eq_ignore_ascii_case(repository).then_some(rest)
}

/// The records that have one of these ids, whosever they are.
pub(super) async fn of_ids(
    book: &Book,
    ids: impl Iterator<Item = &str>,
) -> Result<Vec<Kept<Environment>>, Error> {
    Ok(try_join_all(ids.map(|id| read(book, id))).await?.into_iter().flatten().collect())
}

/// Writes a record under the generation of `before`. `None`: somebody else was faster. Else the new generation.
pub(super) async fn write(
    book: &Book,
    before: &Found,
    change: &Change<'_>,
    chronicle: &mut Chronicle<'_>,
    now: Timestamp,
) -> Result<Option<Found>, Error> {
    let Some(id) = before.as_ref().map(|kept| &kept.value).or(change.after).map(|it| it.names.id.clone())
    else {
        return Ok(Some(None));
    };
    let expect = before.as_ref().map_or(Expect::Absent, |kept| Expect::Generation(kept.generation));
    let known = before.as_ref().map(|kept| &kept.value);
    let mut writes = vec![match change.after {
        Some(after) => put(ENVIRONMENTS, id.as_str(), expect, after),
        None => remove(ENVIRONMENTS, id.as_str(), expect),
    }];
    writes.extend(roster(known, change.after));
    writes.extend(change.ended.map(|ended| put(ENDED, ended_key(ended), Expect::Anything, ended)));
    for (kind, text) in timeline::lines(known, change.after, change.by, change.outcome) {
        writes.push(chronicle.line(now, kind, text));
    }
    if !change.notices.is_empty() {
        let moment = next_moment(last_notice(book).await?.as_deref(), now);
        writes.extend(change.notices.iter().map(|notice| chronicle.notice(&moment, notice)));
    }
    writes.extend_from_slice(change.also);
    let Some(generation) = book.stored(writes).await? else { return Ok(None) };
    Ok(Some(change.after.map(|after| Kept { value: after.clone(), generation })))
}

/// The key of the last notice that there is.
async fn last_notice(book: &Book) -> Result<Option<String>, Error> {
    let last = book.scan::<Notice>(NOTICES, &Scan { limit: 1, descending: true, ..Scan::default() }).await?;
    Ok(last.into_iter().next().map(|(key, _)| key))
}

/// Changes a record as `change` says, on its newest state, until nobody else was faster. What `change` leaves as it is
/// is not written. `said` has what the timeline says of it, beside what differs.
pub(super) async fn amend<R: Sync>(
    book: &Book,
    id: &str,
    said: &Change<'_>,
    chronicle: &mut Chronicle<'_>,
    now: Timestamp,
    change: impl FnMut(&mut Option<Environment>) -> R + Send,
) -> Result<R, Error> {
    amend_with(book, id, said, chronicle, now, change, |_| Vec::new()).await
}

/// The same, and `also` says what is written with what `change` has answered, whether the record has changed or not.
pub(super) async fn amend_with<R: Sync>(
    book: &Book,
    id: &str,
    said: &Change<'_>,
    chronicle: &mut Chronicle<'_>,
    now: Timestamp,
    mut change: impl FnMut(&mut Option<Environment>) -> R + Send,
    also: impl Fn(&R) -> Vec<Write> + Send,
) -> Result<R, Error> {
    for _ in 0..AMEND_LIMIT {
        let before = read(book, id).await?;
        let mut after = before.as_ref().map(|kept| kept.value.clone());
        let answer = change(&mut after);
        let also = also(&answer);
        let is_written = if after.as_ref() == before.as_ref().map(|kept| &kept.value) {
            also.is_empty() || book.write(also).await?
        } else {
            let change = Change { after: after.as_ref(), also: &also, ..*said };
            write(book, &before, &change, chronicle, now).await?.is_some()
        };
        if is_written {
            return Ok(answer);
        }
    }
    Err(Error::new(Kind::Conflict, format!("cannot change environment `{id}`: others keep changing it")))
}

/// What is remembered of a repository's environments that are gone, by key.
pub(super) async fn ended(book: &Book, repository: &str) -> Result<Vec<(String, Kept<Ended>)>, Error> {
    let all = book.all(ENDED, "").await?;
    Ok(all.into_iter().filter(|(key, _)| of(repository, key).is_some()).collect())
}

fn ended_key(ended: &Ended) -> String {
    format!("{}/{}", ended.repository, ended.environment)
}

/// The line of the repository's roster, when it has to change.
fn roster(before: Option<&Environment>, after: Option<&Environment>) -> Option<Write> {
    let key = |record: &Environment| format!("{}/{}", record.repository, record.names.id);
    match (before, after) {
        (None, Some(after)) => Some(put(ROSTER, key(after), Expect::Anything, &())),
        (Some(before), None) => Some(remove(ROSTER, key(before), Expect::Anything)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}
