//! Keys and their order.

use longshore_model::Error;
use longshore_world::{Expect, Scan, Store, Write};

use super::{OTHER, TABLE, put, remove, row, stored};

/// In the order of their bytes, which is neither that of words nor that of UTF-16.
const KEYS: [&str; 22] = [
    "\0",
    "\0\0",
    "\n",
    " ",
    "!",
    "%",
    "'; DROP TABLE record; --",
    "*",
    "/",
    "//",
    "A",
    "B",
    "_",
    "a",
    "a\0",
    "a/",
    "a/b",
    "a0",
    "aa",
    "é",
    "\u{ffff}",
    "\u{1f6a2}",
];

/// The generation of its rows.
async fn fill(store: &dyn Store) -> Result<u64, Error> {
    // Neither in their order nor against it.
    let mixed = KEYS.iter().step_by(2).chain(KEYS.iter().skip(1).step_by(2));
    let writes = mixed.map(|key| put(key, Expect::Absent, *key)).collect();
    let generation = stored(store, writes).await?;
    let other = KEYS.map(|key| Write { table: OTHER, ..put(&format!("{key}!"), Expect::Absent, "") });
    stored(store, other.to_vec()).await?;
    Ok(generation)
}

async fn found(store: &dyn Store, scan: &Scan) -> Result<Vec<String>, Error> {
    Ok(store.scan(TABLE, scan).await?.into_iter().map(|row| row.key).collect())
}

/// Each key is one row, to the last byte.
pub(super) async fn keys(store: &dyn Store) -> Result<(), Error> {
    let generation = fill(store).await?;
    for key in KEYS {
        assert_eq!(store.read(TABLE, key).await?, Some(row(key, generation, key)), "{key:?}");
    }
    for missing in ["", "b", "AA", "e\u{301}", "%%", "a/B"] {
        assert_eq!(store.read(TABLE, missing).await?, None, "{missing:?}");
    }
    for key in KEYS {
        stored(store, vec![remove(key, Expect::Generation(generation))]).await?;
        assert_eq!(store.read(TABLE, key).await?, None, "{key:?}");
    }
    assert_eq!(found(store, &Scan { limit: 100, ..Scan::default() }).await?, Vec::<String>::new());
    Ok(())
}

/// Every prefix, start and direction, compared with what the words of [`Scan`] say.
pub(super) async fn scans(store: &dyn Store) -> Result<(), Error> {
    let generation = fill(store).await?;
    let whole = store.scan(TABLE, &Scan { limit: KEYS.len(), ..Scan::default() }).await?;
    assert_eq!(whole, KEYS.map(|key| row(key, generation, key)));
    let starts = ["", "\0", "%", "A", "a", "a/", "a/b", "a/c", "z", "é", "\u{1f6a2}", "\u{10ffff}"];
    let afters = starts.iter().map(|after| Some((*after).to_owned())).chain([None]);
    for (after, descending) in afters.flat_map(|after| [(after.clone(), false), (after, true)]) {
        for prefix in starts {
            for limit in [0, 1, 3, KEYS.len(), usize::MAX] {
                let scan = Scan { prefix: prefix.to_owned(), after: after.clone(), limit, descending };
                assert_eq!(found(store, &scan).await?, expected(&scan), "{scan:?}");
            }
        }
    }
    Ok(())
}

fn expected(scan: &Scan) -> Vec<String> {
    let mut keys = KEYS.map(ToOwned::to_owned).to_vec();
    if scan.descending {
        keys.reverse();
    }
    let is_behind = |key: &String| match &scan.after {
        None => true,
        Some(after) if scan.descending => key < after,
        Some(after) => key > after,
    };
    keys.retain(|key| key.starts_with(&scan.prefix) && is_behind(key));
    keys.truncate(scan.limit);
    keys
}

/// A table is read to its end by pages, from either side.
pub(super) async fn pages(store: &dyn Store) -> Result<(), Error> {
    let key = |number: usize| format!("row/{number:04}");
    for hundred in 0..3 {
        let writes = (hundred * 100..(hundred + 1) * 100).map(|n| put(&key(n), Expect::Absent, ""));
        store.write(writes.collect()).await?;
    }
    for descending in [false, true] {
        let mut read: Vec<String> = Vec::new();
        loop {
            let after = read.last().cloned();
            let page = Scan { prefix: "row/".to_owned(), after, limit: 7, descending };
            let page = found(store, &page).await?;
            assert!(page.len() <= 7);
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        let mut all: Vec<String> = (0..300).map(key).collect();
        if descending {
            all.reverse();
        }
        assert_eq!(read, all);
    }
    Ok(())
}
