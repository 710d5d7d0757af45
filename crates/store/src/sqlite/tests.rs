//! What SQLite's file does beyond the contract.

use std::os::unix::fs::PermissionsExt;

use longshore_world::Expect;
use rusqlite::Connection;

use super::*;

const TABLE: &str = "environment";

fn put(key: &str, expect: Expect, body: &[u8]) -> Write {
    Write { table: TABLE, key: key.to_owned(), expect, body: Some(body.to_vec()) }
}

fn mode(path: &Path) -> u32 {
    fs_err::metadata(path).unwrap().permissions().mode() & 0o777
}

fn words(error: &Error) -> String {
    format!("{error} | {}", error.hint().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    crate::contract::check(async || {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Arc::new(Sqlite::open(&directory.path().join(format!("{number}.sqlite"))).unwrap()) as Arc<dyn Store>
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_store_that_is_opened_again_has_everything() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.sqlite");
    let store = Sqlite::open(&file).unwrap();
    let body = vec![7; 3 * 1024 * 1024];
    store.write(vec![put("a", Expect::Absent, &body), put("b", Expect::Absent, b"")]).await.unwrap();
    store.write(vec![put("b", Expect::Generation(1), b"second")]).await.unwrap();
    drop(store);
    let store = Sqlite::open(&file).unwrap();
    let rows = store.scan(TABLE, &Scan { limit: 10, ..Scan::default() }).await.unwrap();
    let row = |key: &str, generation, body| Row { key: key.to_owned(), generation, body };
    assert!(rows == [row("a", 1, body), row("b", 2, b"second".to_vec())]);
}

#[tokio::test]
async fn the_files_are_for_this_user_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("deep/er/store.sqlite");
    let store = Sqlite::open(&file).unwrap();
    store.write(vec![put("a", Expect::Absent, b"")]).await.unwrap();
    assert_eq!(mode(&directory.path().join("deep")), 0o700);
    assert_eq!(mode(&directory.path().join("deep/er")), 0o700);
    for beside in ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm"] {
        assert_eq!(mode(&file.with_file_name(beside)), 0o600, "{beside}");
    }
    // One that others could read is closed.
    let open = directory.path().join("open.sqlite");
    fs_err::write(&open, "").unwrap();
    fs_err::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(Sqlite::open(&open).unwrap());
    assert_eq!(mode(&open), 0o600);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.sqlite");
    let store = Sqlite::open(&file).unwrap();
    store.write(vec![put("a", Expect::Absent, b"old")]).await.unwrap();
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    // The one that was open when the newer program came writes no more.
    let late = store.write(vec![put("a", Expect::Anything, b"new")]).await.unwrap_err();
    let early = Sqlite::open(&file).unwrap_err();
    for error in [&late, &early] {
        let said = words(error);
        assert!(said.contains("newer Longshore") && said.contains("version 99"), "{said}");
        assert!(said.contains("start the newer program"), "{said}");
    }
    let known = i64::try_from(schema::MIGRATIONS.len()).unwrap();
    Connection::open(&file).unwrap().pragma_update(None, "user_version", known).unwrap();
    let store = Sqlite::open(&file).unwrap();
    assert_eq!(store.read(TABLE, "a").await.unwrap().unwrap().body, b"old");
}

#[tokio::test]
async fn generations_go_on_from_those_of_the_first_schema() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.sqlite");
    let first = Connection::open(&file).unwrap();
    first.execute_batch(schema::MIGRATIONS[0]).unwrap();
    first.execute("INSERT INTO record VALUES (?1, x'61', 7, x'')", [TABLE]).unwrap();
    first.pragma_update(None, "application_id", 0x4c53_4852).unwrap();
    first.pragma_update(None, "user_version", 1).unwrap();
    drop(first);
    let store = Sqlite::open(&file).unwrap();
    let stale = store.write(vec![put("a", Expect::Generation(6), b"x")]).await.unwrap();
    assert_eq!(stale, Written::Conflict(0));
    let written = store.write(vec![put("a", Expect::Generation(7), b"x")]).await.unwrap();
    assert_eq!(written, Written::Stored(8));
}

#[test]
fn files_that_are_something_else_are_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("notes.txt");
    let long = "not a database. ".repeat(100);
    fs_err::write(&text, &long).unwrap();
    let said = words(&Sqlite::open(&text).unwrap_err());
    assert!(said.contains("it is no SQLite database"), "{said}");
    assert_eq!(fs_err::read_to_string(&text).unwrap(), long);

    let foreign = directory.path().join("foreign.sqlite");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (text TEXT)").unwrap();
    let before = fs_err::read(&foreign).unwrap();
    let said = words(&Sqlite::open(&foreign).unwrap_err());
    assert!(said.contains("no store of Longshore"), "{said}");
    assert_eq!(fs_err::read(&foreign).unwrap(), before);

    let said = words(&Sqlite::open(directory.path()).unwrap_err());
    assert!(said.contains("cannot make the store"), "{said}");
}

/// A writer of this file, to be driven by hand.
fn writer(file: &Path) -> Writer {
    make_private(file).unwrap();
    Writer::new(file.to_owned(), schema::open(file).unwrap())
}

#[test]
fn a_full_disk_is_said_and_the_store_goes_on_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.sqlite");
    let mut writer = writer(&file);
    writer.commit(&[vec![put("small", Expect::Absent, b"x")]]).unwrap();
    // For SQLite a file that may not grow is a full disk.
    writer.connection().pragma_update(None, "max_page_count", 20).unwrap();
    let batches = [
        vec![put("small", Expect::Generation(1), b"y")],
        vec![put("large", Expect::Absent, &vec![1; 1_000_000])],
    ];
    let error = writer.commit(&batches).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let said = words(&error);
    assert!(said.contains("cannot write to the store") && said.contains("the disk is full"), "{said}");
    assert!(said.contains("make room"), "{said}");
    writer.connection().pragma_update(None, "max_page_count", 1_000_000).unwrap();
    assert_eq!(writer.commit(&batches).unwrap(), [Written::Stored(2), Written::Stored(3)]);
}

#[test]
fn a_file_that_stays_locked_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.sqlite");
    let mut writer = writer(&file);
    schema::wait_when_busy(writer.connection(), 3).unwrap();
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let batch = [vec![put("a", Expect::Absent, b"x")]];
    let error = writer.commit(&batch).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(words(&error).contains("another process has held it"), "{}", words(&error));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(writer.commit(&batch).unwrap(), [Written::Stored(1)]);
}

#[test]
fn a_conflict_takes_nothing_else_of_its_group_along() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("store.sqlite"));
    let batches = [
        vec![put("a", Expect::Absent, b"1")],
        vec![put("b", Expect::Absent, b"1"), put("a", Expect::Absent, b"2")],
        vec![put("a", Expect::Generation(1), b"3"), put("b", Expect::Absent, b"3")],
    ];
    let expected = [Written::Stored(1), Written::Conflict(1), Written::Stored(2)];
    assert_eq!(writer.commit(&batches).unwrap(), expected);
}

#[tokio::test]
async fn a_write_whose_caller_has_left_happens_whole() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&directory.path().join("store.sqlite")).unwrap();
    let (done, answer) = oneshot::channel();
    drop(answer);
    let writes = vec![put("a", Expect::Absent, b"1"), put("b", Expect::Absent, b"1")];
    store.queue.send(Submission { writes, done }).await.unwrap();
    // The writer keeps the order of the queue.
    store.write(vec![put("c", Expect::Absent, b"1")]).await.unwrap();
    let rows = store.scan(TABLE, &Scan { limit: 10, ..Scan::default() }).await.unwrap();
    assert_eq!(rows.len(), 3);
}
