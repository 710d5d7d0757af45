//! The writer's side: what waits is written in one transaction, each batch whole or not at all.

use std::path::PathBuf;

use longshore_model::Error;
use longshore_world::{Expect, Write, Written};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use super::{schema, trouble};

/// So many batches share a commit at most, so that the first one never waits for a whole flood.
const GROUP_LIMIT: usize = 512;
/// A group that has so many bytes takes no further batch.
const GROUP_BYTES_LIMIT: usize = 4 * 1024 * 1024;

/// A batch on its way to the disk.
pub(super) struct Submission {
    pub(super) writes: Vec<Write>,
    pub(super) done: oneshot::Sender<Result<Written, Error>>,
}

/// The writer's thread.
pub(super) struct Writer {
    file: PathBuf,
    connection: Connection,
}

impl Writer {
    pub(super) fn new(file: PathBuf, connection: Connection) -> Self {
        Self { file, connection }
    }

    /// Takes what waits, commits it, and tells everybody; until the store is dropped.
    pub(super) fn run(mut self, mut submissions: mpsc::Receiver<Submission>) {
        while let Some(first) = submissions.blocking_recv() {
            let (mut batches, mut waiting) = (Vec::new(), Vec::new());
            let (mut next, mut bytes) = (Some(first), 0);
            while let Some(Submission { writes, done }) = next.take() {
                bytes += writes.iter().filter_map(|write| write.body.as_ref()).map(Vec::len).sum::<usize>();
                batches.push(writes);
                waiting.push(done);
                if batches.len() < GROUP_LIMIT && bytes < GROUP_BYTES_LIMIT {
                    next = submissions.try_recv().ok();
                }
            }
            let results = match self.commit(&batches) {
                Ok(written) => written.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error); waiting.len()],
            };
            for (done, result) in waiting.into_iter().zip(results) {
                // A caller that went away needs no answer.
                drop(done.send(result));
            }
        }
    }

    /// Writes batches in their order. After an error none of them is written.
    pub(super) fn commit(&mut self, batches: &[Vec<Write>]) -> Result<Vec<Written>, Error> {
        let Self { file, connection } = self;
        let failed = |error: rusqlite::Error| trouble::of(file, "write to", &error);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // Another process may have brought the file to a schema that this one does not know.
        let (found, known) = (schema::version(&transaction).map_err(failed)?, schema::MIGRATIONS.len());
        if found != known {
            return Err(schema::newer(file, found, known));
        }
        let written = batches.iter().map(|writes| apply(&transaction, writes));
        let written = written.collect::<rusqlite::Result<Vec<_>>>().map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(written)
    }
}

#[cfg(test)]
impl Writer {
    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Writes a batch when all of its conditions hold.
fn apply(transaction: &Transaction<'_>, writes: &[Write]) -> rusqlite::Result<Written> {
    for (position, write) in writes.iter().enumerate() {
        if !holds(transaction, write)? {
            return Ok(Written::Conflict(position));
        }
    }
    let next = "UPDATE last SET generation = generation + 1 RETURNING generation";
    let generation: i64 = transaction.prepare_cached(next)?.query_row([], |row| row.get(0))?;
    for Write { table, key, body, .. } in writes {
        let key = key.as_bytes();
        match body {
            Some(body) => {
                let put = "INSERT INTO record (kind, key, generation, body) VALUES (?1, ?2, ?3, ?4) \
                           ON CONFLICT DO UPDATE SET generation = excluded.generation, body = excluded.body";
                transaction.prepare_cached(put)?.execute(params![table, key, generation, body])?;
            }
            None => {
                let remove = "DELETE FROM record WHERE kind = ?1 AND key = ?2";
                transaction.prepare_cached(remove)?.execute(params![table, key])?;
            }
        }
    }
    Ok(Written::Stored(generation.unsigned_abs()))
}

fn holds(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<bool> {
    if write.expect == Expect::Anything {
        return Ok(true);
    }
    let query = "SELECT generation FROM record WHERE kind = ?1 AND key = ?2";
    let mut statement = transaction.prepare_cached(query)?;
    let found: Option<i64> =
        statement.query_row(params![write.table, write.key.as_bytes()], |row| row.get(0)).optional()?;
    Ok(match write.expect {
        Expect::Anything => true,
        Expect::Absent => found.is_none(),
        Expect::Generation(expected) => found.is_some_and(|found| u64::try_from(found) == Ok(expected)),
    })
}
