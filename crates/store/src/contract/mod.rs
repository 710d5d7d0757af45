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

/// Every condition, on a row that is there and on one that is not, for writes and for removals.
async fn conditions(store: &dyn Store) -> Result<(), Error> {
    let (held, broken) = (Written::Stored, Written::Conflict(0));
    let cases = [
        (Expect::Absent, &held, &broken),
        (Expect::Generation(1), &broken, &held),
        (Expect::Generation(0), &broken, &broken),
        (Expect::Generation(2), &broken, &broken),
        (Expect::Generation(u64::MAX), &broken, &broken),
        (Expect::Anything, &held, &held),
    ];
    for (expect, on_none, on_one) in cases {
        for body in [Some(b"new".to_vec()), None] {
            let write = Write { table: TABLE, key: "row".to_owned(), expect, body };
            store.write(vec![remove("row", Expect::Anything)]).await?;
            assert_eq!(&store.write(vec![write.clone()]).await?, on_none, "{write:?} without a row");
            store.write(vec![remove("row", Expect::Anything)]).await?;
            store.write(vec![put("row", Expect::Absent, "old")]).await?;
            assert_eq!(&store.write(vec![write.clone()]).await?, on_one, "{write:?} with a row");
            let after = store.read(TABLE, "row").await?;
            let expected = match (on_one, &write.body) {
                (Written::Conflict(_), _) => Some(row("row", 1, "old")),
                (Written::Stored, Some(body)) => Some(row("row", 2, body.clone())),
                (Written::Stored, None) => None,
            };
            assert_eq!(after, expected, "after {write:?}");
        }
    }
    Ok(())
}

async fn generations(store: &dyn Store) -> Result<(), Error> {
    assert_eq!(store.read(TABLE, "row").await?, None);
    for generation in 1..=5 {
        let expect = if generation == 1 { Expect::Absent } else { Expect::Generation(generation - 1) };
        assert_eq!(store.write(vec![put("row", expect, "body")]).await?, Written::Stored);
        assert_eq!(store.read(TABLE, "row").await?, Some(row("row", generation, "body")));
    }
    // The same body again is a write, too.
    store.write(vec![put("row", Expect::Anything, "body")]).await?;
    assert_eq!(store.read(TABLE, "row").await?, Some(row("row", 6, "body")));
    store.write(vec![remove("row", Expect::Generation(6))]).await?;
    assert_eq!(store.read(TABLE, "row").await?, None);
    store.write(vec![put("row", Expect::Absent, "anew")]).await?;
    assert_eq!(store.read(TABLE, "row").await?, Some(row("row", 1, "anew")));
    // Tables do not know each other's rows.
    assert_eq!(store.read(OTHER, "row").await?, None);
    let other = Write { table: OTHER, ..put("row", Expect::Absent, "other") };
    assert_eq!(store.write(vec![other]).await?, Written::Stored);
    assert_eq!(store.read(TABLE, "row").await?, Some(row("row", 1, "anew")));
    Ok(())
}

/// All of a batch, or none; and the first condition that does not hold is named.
async fn batches(store: &dyn Store) -> Result<(), Error> {
    assert_eq!(store.write(Vec::new()).await?, Written::Stored);
    store.write(vec![put("a", Expect::Absent, "a1"), put("b", Expect::Absent, "b1")]).await?;
    let mixed = vec![
        put("a", Expect::Generation(1), "a2"),
        remove("b", Expect::Generation(1)),
        put("c", Expect::Absent, "c1"),
        put("d", Expect::Generation(7), "d"),
        put("e", Expect::Generation(7), "e"),
    ];
    assert_eq!(store.write(mixed.clone()).await?, Written::Conflict(3));
    assert_eq!(store.read(TABLE, "a").await?, Some(row("a", 1, "a1")));
    assert_eq!(store.read(TABLE, "b").await?, Some(row("b", 1, "b1")));
    assert_eq!(store.read(TABLE, "c").await?, None);
    assert_eq!(store.write(mixed[..3].to_vec()).await?, Written::Stored);
    assert_eq!(store.read(TABLE, "a").await?, Some(row("a", 2, "a2")));
    assert_eq!(store.read(TABLE, "b").await?, None);
    assert_eq!(store.read(TABLE, "c").await?, Some(row("c", 1, "c1")));
    let other = Write { table: OTHER, ..put("a", Expect::Absent, "") };
    let over_tables = vec![other, put("a", Expect::Generation(1), "")];
    assert_eq!(store.write(over_tables).await?, Written::Conflict(1));
    assert_eq!(store.read(OTHER, "a").await?, None);
    let hundred = (0..100).map(|n| put(&format!("many/{n}"), Expect::Absent, "x")).collect();
    assert_eq!(store.write(hundred).await?, Written::Stored);
    assert_eq!(store.read(TABLE, "many/99").await?, Some(row("many/99", 1, "x")));
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
    assert_eq!(store.write(vec![put(&longest, Expect::Absent, "x")]).await?, Written::Stored);
    assert_eq!(store.read(TABLE, &longest).await?, Some(row(&longest, 1, "x")));
    Ok(())
}

async fn bodies(store: &dyn Store) -> Result<(), Error> {
    const MIB: usize = 1024 * 1024;
    for size in [0, 1, 4095, 4096, MIB, 25 * MIB] {
        // Every byte is there, and no two pages are alike.
        let body: Vec<u8> = (0..size).map(|at| (at ^ (at >> 8) ^ (at >> 16)).to_le_bytes()[0]).collect();
        let key = format!("size/{size}");
        assert_eq!(store.write(vec![put(&key, Expect::Absent, body.clone())]).await?, Written::Stored);
        let found = store.read(TABLE, &key).await?.map(|row| row.body);
        assert!(found == Some(body), "a body of {size} bytes came back as another one");
    }
    Ok(())
}
