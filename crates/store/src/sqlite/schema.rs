//! The file's schema: how it is made, brought up to date, and told from files that are something else.

use std::path::Path;
use std::time::Duration;

use longshore_model::{Error, Kind};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::trouble;

/// What makes a file ours (`PRAGMA application_id`): "LSHR".
const APPLICATION: i32 = 0x4c53_4852;

/// How the schema came to be what it is; a file's `user_version` says how many of these it has seen. New ones are added at
/// the end, and none is ever changed.
pub(super) const MIGRATIONS: &[&str] = &["
    -- Keys are bytes, so that their order is that of bytes. The body is last: a generation is read without it.
    CREATE TABLE record (
        kind TEXT NOT NULL, key BLOB NOT NULL, generation INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (kind, key)
    );
", "
    -- One row: the generation of the last write.
    CREATE TABLE last (generation INTEGER NOT NULL);
    INSERT INTO last SELECT coalesce(max(generation), 0) FROM record;
"];

/// The settings of the connection that writes.
const SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -16000;
    PRAGMA wal_autocheckpoint = 4096;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA temp_store = MEMORY;
";

/// How often and how long is waited for another process that writes. SQLite's own way of waiting sleeps longer and longer,
/// and would starve beside a process that writes all the time.
const BUSY_ATTEMPTS: i32 = 10_000;
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// Opens the connection that writes, with the file brought up to date.
pub(super) fn open(file: &Path) -> Result<Connection, Error> {
    let failed = |error: rusqlite::Error| trouble::of(file, "open", &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    wait_when_busy(&mut connection, BUSY_ATTEMPTS).map_err(failed)?;
    // A file that is something else is left as it is.
    check_ours(file, &mut connection)?;
    use_wal(file, &connection)?;
    connection.execute_batch(SETTINGS).map_err(failed)?;
    migrate(file, &mut connection, MIGRATIONS)?;
    Ok(connection)
}

/// Lets the connection wait for other processes.
pub(super) fn wait_when_busy(connection: &mut Connection, attempts: i32) -> rusqlite::Result<()> {
    connection.busy_handler(Some(move |attempt: i32| {
        std::thread::sleep(BUSY_PAUSE);
        attempt < attempts
    }))
}

/// The schema's version that the file has.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// A file of a newer Longshore, which this one would not understand.
pub(super) fn newer(file: &Path, found: usize, known: usize) -> Error {
    let what = format!(
        "the store `{}` was written by a newer Longshore: its schema has version {found}, and this program knows up to {known}",
        file.display()
    );
    Error::new(Kind::Invalid, what).with_hint("start the newer program; nothing was changed")
}

fn check_ours(file: &Path, connection: &mut Connection) -> Result<(), Error> {
    if is_ours(connection).map_err(|error| trouble::of(file, "open", &error))? {
        return Ok(());
    }
    let what = format!("`{}` is a database, but no store of Longshore", file.display());
    Err(Error::new(Kind::Invalid, what).with_hint("name another file; nothing was changed"))
}

/// Ours, or nobody's yet. Both questions are about the same moment: another process may be making the file just now.
fn is_ours(connection: &mut Connection) -> rusqlite::Result<bool> {
    let moment = connection.transaction()?;
    let application: i32 = moment.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let objects: i64 = moment.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(application == APPLICATION || (application == 0 && objects == 0))
}

/// Readers do not wait for the writer in this mode.
fn use_wal(file: &Path, connection: &Connection) -> Result<(), Error> {
    let set =
        || connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
    let mut mode = set();
    // SQLite does not wait by itself when two processes make the same new file.
    for _ in 0..BUSY_ATTEMPTS {
        if !mode.as_ref().is_err_and(trouble::is_busy) {
            break;
        }
        std::thread::sleep(BUSY_PAUSE);
        mode = set();
    }
    match mode.map_err(|error| trouble::of(file, "open", &error))?.as_str() {
        "wal" => Ok(()),
        other => {
            let what = format!("cannot open the store `{}`: its journal stays `{other}`", file.display());
            Err(Error::new(Kind::Invalid, what)
                .with_hint("is it on a network file system? it must be on a local disk"))
        }
    }
}

fn migrate(file: &Path, connection: &mut Connection, migrations: &[&str]) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| trouble::of(file, "bring up to date", &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let found = version(&transaction).map_err(failed)?;
    let Some(missing) = migrations.get(found..) else { return Err(newer(file, found, migrations.len())) };
    if missing.is_empty() {
        return Ok(());
    }
    for migration in missing {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
    let version = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    transaction.pragma_update(None, "user_version", version).map_err(failed)?;
    transaction.commit().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(connection: &Connection) -> Vec<String> {
        let mut statement = connection.prepare("SELECT text FROM note ORDER BY rowid").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn migrations_run_once_each_and_in_order() {
        let file = Path::new("memory");
        let mut connection = Connection::open_in_memory().unwrap();
        let all = [
            "CREATE TABLE note (text TEXT)",
            "INSERT INTO note VALUES ('second')",
            "INSERT INTO note VALUES ('third')",
        ];
        migrate(file, &mut connection, &all[..2]).unwrap();
        assert_eq!(notes(&connection), ["second"]);
        migrate(file, &mut connection, &all).unwrap();
        migrate(file, &mut connection, &all).unwrap();
        assert_eq!(notes(&connection), ["second", "third"]);
        assert_eq!(version(&connection).unwrap(), 3);
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = ["CREATE TABLE note (text TEXT)", "INSERT INTO nothing VALUES (1)"];
        migrate(Path::new("memory"), &mut connection, &broken).unwrap_err();
        assert_eq!(version(&connection).unwrap(), 0);
        assert!(connection.prepare("SELECT text FROM note").is_err());
    }
}
