//! The writer's side of the store: group commits, in the order of the submissions.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use rusqlite::{Connection, Transaction, params};

use super::{StoreError, Submission, Write};

/// How many submissions one transaction takes at most, so that the first caller never waits for a whole flood.
const GROUP_LIMIT: usize = 2_048;

/// The writer's thread.
pub(super) struct Writer {
    connection: Connection,
    /// Each record's row. Rows are numbered as they come, so that those of one time lie together: keyed by their random
    /// ids they would each touch another page.
    rows: HashMap<String, i64>,
    next_row: i64,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> rusqlite::Result<Self> {
        let mut rows = HashMap::new();
        let mut next_row = 1;
        {
            let mut statement = connection.prepare("SELECT number, scope, kind, id FROM record")?;
            let mut found = statement.query([])?;
            while let Some(row) = found.next()? {
                let number: i64 = row.get(0)?;
                let (scope, kind, id): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
                rows.insert(row_key(&scope, &kind, &id), number);
                next_row = next_row.max(number.saturating_add(1));
            }
        }
        Ok(Self { connection, rows, next_row })
    }

    /// Takes what waits, commits it as one transaction, and tells everybody.
    pub(super) fn write_all(mut self, submissions: &mpsc::Receiver<Submission>, committed: &AtomicU64) {
        while let Ok(first) = submissions.recv() {
            let mut group = vec![first];
            while group.len() < GROUP_LIMIT {
                match submissions.try_recv() {
                    Ok(next) => group.push(next),
                    Err(_) => break,
                }
            }
            let result = self.commit(&group).map_err(|error| StoreError::Failed(error.to_string()));
            let failed = result.is_err();
            if !failed {
                committed.fetch_add(group.len() as u64, Ordering::AcqRel);
            }
            for submission in group {
                // A caller that went away needs no answer.
                drop(submission.done.send(result.clone()));
            }
            if failed {
                // What the callers hold in memory is now ahead of the disk: nothing may be acknowledged any more.
                return;
            }
        }
    }

    fn commit(&mut self, group: &[Submission]) -> rusqlite::Result<()> {
        if group.iter().all(|submission| submission.writes.is_empty()) {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        for write in group.iter().flat_map(|submission| &submission.writes) {
            apply(&transaction, &mut self.rows, &mut self.next_row, write)?;
        }
        transaction.commit()
    }
}

fn row_key(scope: &str, kind: &str, id: &str) -> String {
    format!("{scope}\n{kind}\n{id}")
}

fn apply(
    transaction: &Transaction<'_>,
    rows: &mut HashMap<String, i64>,
    next_row: &mut i64,
    write: &Write,
) -> rusqlite::Result<()> {
    match write {
        Write::Put { scope, kind, id, body } => match rows.entry(row_key(scope, kind, id)) {
            Entry::Occupied(row) => {
                let update = "UPDATE record SET body = ?2 WHERE number = ?1";
                transaction.prepare_cached(update)?.execute(params![row.get(), body])?;
            }
            Entry::Vacant(row) => {
                let insert = "INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5)";
                let row = row.insert(*next_row);
                *next_row = next_row.saturating_add(1);
                transaction.prepare_cached(insert)?.execute(params![*row, scope.as_ref(), kind, id, body])?;
            }
        },
        Write::Delete { scope, kind, id } => {
            if let Some(row) = rows.remove(&row_key(scope, kind, id)) {
                transaction.prepare_cached("DELETE FROM record WHERE number = ?1")?.execute([row])?;
            }
        }
        Write::LogEvents { stream, first, ingested_ms, events } => {
            let mut insert =
                transaction.prepare_cached("INSERT OR REPLACE INTO log_event VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for (number, (at_ms, message)) in (*first..).zip(events) {
                insert.execute(params![stream, number, at_ms, ingested_ms, message])?;
            }
        }
        Write::ForgetLogEvents { stream, before_ms } => {
            transaction
                .prepare_cached("DELETE FROM log_event WHERE stream = ?1 AND at_ms < ?2")?
                .execute(params![stream, before_ms])?;
        }
        Write::ForgetAll => {
            transaction.execute("DELETE FROM record WHERE scope <> ''", [])?;
            transaction.execute("DELETE FROM log_event", [])?;
            rows.retain(|key, _| key.starts_with('\n'));
        }
    }
    Ok(())
}
