//! What every store must do, as one suite: a store is what passes it.

mod order;
mod together;

use std::sync::Arc;

use longshore_model::Error;
use longshore_world::{Expect, Row, Store, Write, Written};

pub use self::together::add_one;

/// A table of the suite.
pub const TABLE: &str = "first";
/// Another one.
const OTHER: &str = "second";

/// Checks a store; each call of `make` gives an empty one. It panics with what is wrong.
///
/// # Errors
/// Those of the store where it should have none.
pub async fn check(make: impl AsyncFn() -> Arc<dyn Store>) -> Result<(), Error> {
    conditions(&*make().await).await?;
    generations(&*make().await).await?;
    batches(&*make().await).await?;
    refusals(&*make().await).await?;
    bodies(&*make().await).await?;
    order::keys(&*make().await).await?;
    order::scans(&*make().await).await?;
    order::pages(&*make().await).await?;
    together::amends(make().await).await?;
    together::claims(make().await).await?;
    together::transfers(make().await).await
}

fn put(key: &str, expect: Expect, body: impl Into<Vec<u8>>) -> Write {
    Write { table: TABLE, key: key.to_owned(), expect, body: Some(body.into()) }
}

fn remove(key: &str, expect: Expect) -> Write {
    Write { table: TABLE, key: key.to_owned(), expect, body: None }
}

fn row(key: &str, generation: u64, body: impl Into<Vec<u8>>) -> Row {
    Row { key: key.to_owned(), generation, body: body.into() }
}

/// The generation under which these were written.
async fn stored(store: &dyn Store, writes: Vec<Write>) -> Result<u64, Error> {
    match store.write(writes).await? {
        Written::Stored(generation) => Ok(generation),
        Written::Conflict(position) => panic!("the condition of write {position} does not hold"),
    }
}

/// Every condition, on a row that is there and on one that is not, for writes and for removals.
async fn conditions(store: &dyn Store) -> Result<(), Error> {
    type Case = (fn(u64) -> Expect, bool, bool);
    let cases: [Case; 6] = [
        (|_| Expect::Absent, true, false),
        (Expect::Generation, false, true),
        (|generation| Expect::Generation(generation - 1), false, false),
        (|generation| Expect::Generation(generation + 1), false, false),
        (|_| Expect::Generation(u64::MAX), false, false),
        (|_| Expect::Anything, true, true),
    ];
    for (expect, on_none, on_one) in cases {
        for body in [Some(b"new".to_vec()), None] {
            let old = stored(store, vec![put("row", Expect::Anything, "old")]).await?;
            let write = Write { table: TABLE, key: "row".to_owned(), expect: expect(old), body };
            stored(store, vec![remove("row", Expect::Anything)]).await?;
            let written = store.write(vec![write.clone()]).await?;
            assert_eq!(written != Written::Conflict(0), on_none, "{write:?} without a row");
            stored(store, vec![remove("row", Expect::Anything)]).await?;
            let old = stored(store, vec![put("row", Expect::Absent, "old")]).await?;
            let write = Write { expect: expect(old), ..write };
            let written = store.write(vec![write.clone()]).await?;
            assert_eq!(written != Written::Conflict(0), on_one, "{write:?} with a row");
            let expected = match (written, write.body.clone()) {
                (Written::Conflict(_), _) => Some(row("row", old, "old")),
                (Written::Stored(generation), Some(body)) => Some(row("row", generation, body)),
                (Written::Stored(_), None) => None,
            };
            assert_eq!(store.read(TABLE, "row").await?, expected, "after {write:?}");
        }
    }
    Ok(())
}

/// Each write has its own, greater than all before: also for a row that was there already, and is made anew.
async fn generations(store: &dyn Store) -> Result<(), Error> {
    assert_eq!(store.read(TABLE, "row").await?, None);
    let mut last = 0;
    for life in 0..3 {
        for write in 0..3 {
            let expect = if write == 0 { Expect::Absent } else { Expect::Generation(last) };
            let generation = stored(store, vec![put("row", expect, "body")]).await?;
            assert!(generation > last, "{generation} after {last} in life {life}");
            assert_eq!(store.read(TABLE, "row").await?, Some(row("row", generation, "body")));
            last = generation;
        }
        // The same body again is a write, too.
        let again = stored(store, vec![put("row", Expect::Anything, "body")]).await?;
        assert!(again > last);
        stored(store, vec![remove("row", Expect::Generation(again))]).await?;
        assert_eq!(store.read(TABLE, "row").await?, None);
        last = again;
    }
    // Tables do not know each other's rows.
    let mine = stored(store, vec![put("row", Expect::Absent, "mine")]).await?;
    assert_eq!(store.read(OTHER, "row").await?, None);
    let other = Write { table: OTHER, ..put("row", Expect::Absent, "other") };
    stored(store, vec![other]).await?;
    assert_eq!(store.read(TABLE, "row").await?, Some(row("row", mine, "mine")));
    Ok(())
}

/// All of a batch, or none; and the first condition that does not hold is named.
async fn batches(store: &dyn Store) -> Result<(), Error> {
    stored(store, Vec::new()).await?;
    let first = stored(store, vec![put("a", Expect::Absent, "a1"), put("b", Expect::Absent, "b1")]).await?;
    let mixed = vec![
        put("a", Expect::Generation(first), "a2"),
        remove("b", Expect::Generation(first)),
        put("c", Expect::Absent, "c1"),
        put("d", Expect::Generation(7), "d"),
        put("e", Expect::Generation(7), "e"),
    ];
    assert_eq!(store.write(mixed.clone()).await?, Written::Conflict(3));
    assert_eq!(store.read(TABLE, "a").await?, Some(row("a", first, "a1")));
    assert_eq!(store.read(TABLE, "b").await?, Some(row("b", first, "b1")));
    assert_eq!(store.read(TABLE, "c").await?, None);
    let second = stored(store, mixed[..3].to_vec()).await?;
    assert_eq!(store.read(TABLE, "a").await?, Some(row("a", second, "a2")));
    assert_eq!(store.read(TABLE, "b").await?, None);
    assert_eq!(store.read(TABLE, "c").await?, Some(row("c", second, "c1")));
    let other = Write { table: OTHER, ..put("a", Expect::Absent, "") };
    let over_tables = vec![other, put("a", Expect::Generation(first), "")];
    assert_eq!(store.write(over_tables).await?, Written::Conflict(1));
    assert_eq!(store.read(OTHER, "a").await?, None);
    let hundred = (0..100).map(|n| put(&format!("many/{n}"), Expect::Absent, "x")).collect();
    let hundred = stored(store, hundred).await?;
    assert_eq!(store.read(TABLE, "many/99").await?, Some(row("many/99", hundred, "x")));
    Ok(())
}

/// What is no batch changes nothing.
async fn refusals(store: &dyn Store) -> Result<(), Error> {
    let longest = "k".repeat(crate::KEY_LIMIT_BYTES);
    let too_long = format!("{longest}k");
    let good = || put("good", Expect::Anything, "x");
    let too_many = (0..=crate::WRITES_LIMIT).map(|n| put(&n.to_string(), Expect::Anything, "x")).collect();
    let refused: [Vec<Write>; 4] = [
        vec![good(), put("", Expect::Anything, "x")],
        vec![good(), put(&too_long, Expect::Anything, "x")],
        vec![good(), remove("good", Expect::Anything)],
        too_many,
    ];
    for writes in refused {
        let error = store.write(writes).await.err().map(|error| error.kind());
        assert_eq!(error, Some(longshore_model::Kind::Invalid));
        assert_eq!(store.read(TABLE, "good").await?, None);
        assert_eq!(store.read(TABLE, "1").await?, None);
    }
    let generation = stored(store, vec![put(&longest, Expect::Absent, "x")]).await?;
    assert_eq!(store.read(TABLE, &longest).await?, Some(row(&longest, generation, "x")));
    Ok(())
}

async fn bodies(store: &dyn Store) -> Result<(), Error> {
    const MIB: usize = 1024 * 1024;
    for size in [0, 1, 4095, 4096, MIB, 25 * MIB] {
        // Every byte is there, and no two pages are alike.
        let body: Vec<u8> = (0..size).map(|at| (at ^ (at >> 8) ^ (at >> 16)).to_le_bytes()[0]).collect();
        let key = format!("size/{size}");
        stored(store, vec![put(&key, Expect::Absent, body.clone())]).await?;
        let found = store.read(TABLE, &key).await?.map(|row| row.body);
        assert!(found == Some(body), "a body of {size} bytes came back as another one");
    }
    Ok(())
}
