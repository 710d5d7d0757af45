//! The readers' side: connections of their own, which see whole commits and wait for nobody.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use longshore_model::{Error, Kind};
use longshore_world::{Row, Scan};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use tokio::sync::Semaphore;

use super::{schema, trouble};

/// So many reads go on at once; further ones wait.
const READERS_LIMIT: usize = 4;
/// A reader waits for another process only while that one opens or repairs the file.
const BUSY_ATTEMPTS: i32 = 10_000;

/// Connections that read.
pub(super) struct Readers {
    file: PathBuf,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, places: Arc::new(Semaphore::new(READERS_LIMIT)), idle: Mutex::new(Vec::new()) }
    }

    /// Runs a query off the async threads.
    pub(super) async fn with<T: Send + 'static>(
        self: Arc<Self>,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let bug = |why: String| Error::new(Kind::Bug, "cannot read the store").caused_by(why);
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|error| bug(error.to_string()))?;
        let reading = tokio::task::spawn_blocking(move || {
            let result = self.connection().and_then(|connection| {
                let found = query(&connection)?;
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                Ok(found)
            });
            // The place is given back with the connection, also when nobody waits for the answer any more.
            drop(place);
            result.map_err(|error| trouble::of(&self.file, "read", &error))
        });
        reading.await.map_err(|error| bug(error.to_string()))?
    }

    fn connection(&self) -> rusqlite::Result<Connection> {
        if let Some(idle) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(idle);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.file, flags)?;
        schema::wait_when_busy(&mut connection, BUSY_ATTEMPTS)?;
        Ok(connection)
    }
}

pub(super) fn read(connection: &Connection, table: &str, key: &str) -> rusqlite::Result<Option<Row>> {
    let query = "SELECT key, generation, body FROM record WHERE kind = ?1 AND key = ?2";
    connection.prepare_cached(query)?.query_row(params![table, key.as_bytes()], row).optional()
}

pub(super) fn scan(connection: &Connection, table: &str, scan: &Scan) -> rusqlite::Result<Vec<Row>> {
    let query = if scan.descending {
        "SELECT key, generation, body FROM record WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key DESC LIMIT ?4"
    } else {
        "SELECT key, generation, body FROM record WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4"
    };
    let (first, end) = bounds(scan);
    let limit = i64::try_from(scan.limit).unwrap_or(i64::MAX);
    connection.prepare_cached(query)?.query_map(params![table, first, end, limit], row)?.collect()
}

/// The least key that a scan can find, and the first one beyond all of them.
fn bounds(scan: &Scan) -> (Vec<u8>, Vec<u8>) {
    let first = scan.prefix.as_bytes().to_vec();
    // No byte of UTF-8 is 0xff.
    let end = [scan.prefix.as_bytes(), &[0xff]].concat();
    match &scan.after {
        None => (first, end),
        Some(after) if scan.descending => (first, end.min(after.as_bytes().to_vec())),
        // The next key in the order of bytes has a zero more.
        Some(after) => (first.max([after.as_bytes(), &[0]].concat()), end),
    }
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let key: Vec<u8> = row.get(0)?;
    let generation: i64 = row.get(1)?;
    let unreadable =
        |column, kind, why: String| rusqlite::Error::FromSqlConversionFailure(column, kind, why.into());
    Ok(Row {
        key: String::from_utf8(key)
            .map_err(|error| unreadable(0, rusqlite::types::Type::Blob, error.to_string()))?,
        generation: u64::try_from(generation)
            .map_err(|error| unreadable(1, rusqlite::types::Type::Integer, error.to_string()))?,
        body: row.get(2)?,
    })
}
