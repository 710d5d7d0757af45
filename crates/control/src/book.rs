//! The store with meaning: which table holds what, as versioned JSON documents.

use std::sync::Arc;

use longshore_model::{Error, Kind};
use longshore_world::{Expect, Row, Scan, Store, Write, Written};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::broadcast;

/// The version of documents that this program writes. It reads all earlier ones, too: see [`upgrade`].
const VERSION: u64 = 1;

/// So many rows are read at once when all of a table are wanted.
const PAGE: usize = 1000;

/// So often is a change tried again whose record was written by somebody else in between.
const AMEND_LIMIT: usize = 20;

/// How many changes a slow listener may be behind before it loses the oldest.
const BACKLOG: usize = 1024;

/// Environments, by their id: [`longshore_model::preview::Environment`].
pub const ENVIRONMENTS: &str = "environment";
/// Deliveries, by their id: [`longshore_model::preview::Delivery`].
pub const DELIVERIES: &str = "delivery";
/// The bytes of deliveries, by their id: what was sent, to be looked into and replayed.
pub const PAYLOADS: &str = "payload";
/// Timelines, by `OBJECT/TIME/ORDINAL`: [`longshore_model::preview::Entry`].
pub const ENTRIES: &str = "entry";
/// The environments of a repository in the order of their making, by `REPOSITORY/TIME/ID`: written together with the
/// records themselves.
pub const ROSTER: &str = "roster";
/// What is remembered of environments that are gone, by `REPOSITORY/ID`: [`longshore_model::preview::Ended`].
pub const ENDED: &str = "ended";
/// Deliveries by their coming, as `TIME/ID`.
pub const ARRIVALS: &str = "arrival";
/// Deliveries whose round has not ended yet, by `REPOSITORY/TIME/ID`.
pub const PENDING: &str = "pending";
/// What notifiers are to be told, by `TIME/ORDINAL`: [`longshore_model::preview::Notice`].
pub const NOTICES: &str = "notice";
/// How far a notifier has been told, and what it remembers of each environment.
pub const NOTIFIERS: &str = "notifier";
/// What is kept of a repository: confirmations, the last look at GitHub.
pub const REPOSITORIES: &str = "repository";
/// Who holds what, until when.
pub const LEASES: &str = "lease";
/// Tokens of the API, by the SHA-256 of the token.
pub const TOKENS: &str = "token";
/// Sessions of people, by the SHA-256 of the cookie.
pub const SESSIONS: &str = "session";
/// Who did what, by `TIME/ORDINAL`.
pub const AUDIT: &str = "audit";

/// A document and the generation under which it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept<T> {
    /// The document.
    pub value: T,
    /// What a change of it must name.
    pub generation: u64,
}

/// The documents of a table as they were read last, in the order of their keys: their bytes, and what they say.
#[derive(Debug)]
pub struct LastRead<T>(Vec<(Row, Arc<T>)>);

impl<T> Default for LastRead<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// The store with meaning.
#[derive(Debug, Clone)]
pub struct Book {
    store: Arc<dyn Store>,
    changes: broadcast::Sender<String>,
}

impl Book {
    /// Over a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, changes: broadcast::Sender::new(BACKLOG) }
    }

    /// The ids of environments whose record is written through this book, from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<String> {
        self.changes.subscribe()
    }

    /// The store, for rows that are no documents.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// A document.
    ///
    /// # Errors
    /// Those of the store, and [`Kind::Bug`] for a document that cannot be read.
    pub async fn read<T: DeserializeOwned>(
        &self,
        table: &'static str,
        key: &str,
    ) -> Result<Option<Kept<T>>, Error> {
        self.store.read(table, key).await?.map(|row| document(table, &row)).transpose()
    }

    /// Documents in the order of their keys.
    ///
    /// # Errors
    /// As [`Book::read`].
    pub async fn scan<T: DeserializeOwned>(
        &self,
        table: &'static str,
        scan: &Scan,
    ) -> Result<Vec<(String, Kept<T>)>, Error> {
        let rows = self.store.scan(table, scan).await?;
        rows.into_iter().map(|row| Ok((row.key.clone(), document(table, &row)?))).collect()
    }

    /// All documents of a table whose keys begin so.
    ///
    /// # Errors
    /// As [`Book::read`].
    pub async fn all<T: DeserializeOwned>(
        &self,
        table: &'static str,
        prefix: &str,
    ) -> Result<Vec<(String, Kept<T>)>, Error> {
        let mut all: Vec<(String, Kept<T>)> = Vec::new();
        loop {
            let after = all.last().map(|(key, _)| key.clone());
            let scan = Scan { prefix: prefix.to_owned(), after, limit: PAGE, descending: false };
            let page = self.scan(table, &scan).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// As [`Book::all`], and what has the same bytes as before is not taken apart once more.
    ///
    /// # Errors
    /// As [`Book::read`].
    pub async fn all_again<T: DeserializeOwned>(
        &self,
        table: &'static str,
        last: &mut LastRead<T>,
    ) -> Result<Vec<Arc<T>>, Error> {
        let mut before = std::mem::take(&mut last.0).into_iter().peekable();
        let mut scan = Scan { limit: PAGE, ..Scan::default() };
        loop {
            let page = self.store.scan(table, &scan).await?;
            let is_last = page.len() < PAGE;
            scan.after = page.last().map(|row| row.key.clone());
            for row in page {
                while before.next_if(|(earlier, _)| earlier.key < row.key).is_some() {}
                let same = before.next_if(|(earlier, _)| earlier.key == row.key && earlier.body == row.body);
                let value = match same {
                    Some((_, value)) => value,
                    None => Arc::new(document(table, &row)?.value),
                };
                last.0.push((row, value));
            }
            if is_last {
                return Ok(last.0.iter().map(|(_, value)| Arc::clone(value)).collect());
            }
        }
    }

    /// Writes all, or none. `false` means that somebody else has written one of them in between.
    ///
    /// # Errors
    /// Those of the store: then it is not known whether they were written.
    pub async fn write(&self, writes: Vec<Write>) -> Result<bool, Error> {
        self.stored(writes).await.map(|generation| generation.is_some())
    }

    /// As [`Book::write`], and gives the generation of what was written.
    ///
    /// # Errors
    /// As [`Book::write`].
    pub async fn stored(&self, writes: Vec<Write>) -> Result<Option<u64>, Error> {
        let environments = writes.iter().filter(|write| write.table == ENVIRONMENTS);
        let environments: Vec<String> = environments.map(|write| write.key.clone()).collect();
        let Written::Stored(generation) = self.store.write(writes).await? else { return Ok(None) };
        for environment in environments {
            // Nobody listens, often.
            drop(self.changes.send(environment));
        }
        Ok(Some(generation))
    }

    /// Changes a document as `change` says, on its newest state, until nobody else was faster. `change` is given `None`
    /// when there is none; what it leaves there is written, `None` removes the row.
    ///
    /// # Errors
    /// As [`Book::read`], and [`Kind::Conflict`] when others keep being faster.
    pub async fn amend<T, R>(
        &self,
        table: &'static str,
        key: &str,
        mut change: impl FnMut(&mut Option<T>) -> R + Send,
    ) -> Result<R, Error>
    where
        T: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync,
        R: Send,
    {
        for _ in 0..AMEND_LIMIT {
            let kept = self.read::<T>(table, key).await?;
            let expect = kept.as_ref().map_or(Expect::Absent, |kept| Expect::Generation(kept.generation));
            let before = kept.map(|kept| kept.value);
            let mut after = before.clone();
            let answer = change(&mut after);
            if after == before || self.write(vec![put_option(table, key, expect, after.as_ref())]).await? {
                return Ok(answer);
            }
        }
        Err(Error::new(Kind::Conflict, format!("cannot change {table} `{key}`: others keep changing it")))
    }
}

/// A write of a document.
#[must_use]
pub fn put<T: Serialize>(table: &'static str, key: impl Into<String>, expect: Expect, value: &T) -> Write {
    let document = json!({"version": VERSION, "value": value});
    Write { table, key: key.into(), expect, body: Some(document.to_string().into_bytes()) }
}

/// The removal of a document.
#[must_use]
pub fn remove(table: &'static str, key: impl Into<String>, expect: Expect) -> Write {
    Write { table, key: key.into(), expect, body: None }
}

fn put_option<T: Serialize>(table: &'static str, key: &str, expect: Expect, value: Option<&T>) -> Write {
    match value {
        Some(value) => put(table, key, expect, value),
        None => remove(table, key, expect),
    }
}

/// A document of today's version.
#[derive(Deserialize)]
struct Document<T> {
    version: u64,
    value: T,
}

fn document<T: DeserializeOwned>(table: &'static str, row: &Row) -> Result<Kept<T>, Error> {
    // Nearly all are of today's version, and a sweep reads thousands: these are read without a detour.
    if let Ok(Document { version: VERSION, value }) = serde_json::from_slice(&row.body) {
        return Ok(Kept { value, generation: row.generation });
    }
    let unreadable = |why: String| {
        let what = format!("cannot read {table} `{}` of the store", row.key);
        Error::new(Kind::Bug, what).caused_by(why).with_hint("was it written by a newer Longshore?")
    };
    let mut document: Value =
        serde_json::from_slice(&row.body).map_err(|error| unreadable(error.to_string()))?;
    let version = document["version"].as_u64().unwrap_or_default();
    let value = upgrade(table, version, document["value"].take()).map_err(unreadable)?;
    let value = serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
    Ok(Kept { value, generation: row.generation })
}

/// Brings a document of an earlier version to today's, a version at a time.
fn upgrade(_table: &str, version: u64, value: Value) -> Result<Value, String> {
    match version {
        VERSION => Ok(value),
        other => Err(format!("its version is {other}, and this program knows up to {VERSION}")),
    }
}
