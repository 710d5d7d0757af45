//! Memory and SQLite answer every sequence of calls alike.

use longshore_store::{Memory, Sqlite};
use longshore_world::{Expect, Scan, Store, Write};
use proptest::collection::vec;
use proptest::prelude::*;

const TABLES: [&str; 2] = ["first", "second"];

#[derive(Debug, Clone)]
enum Call {
    Write(Vec<Write>),
    Read(&'static str, String),
    Scan(&'static str, Scan),
}

fn table() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(TABLES.to_vec())
}

/// Few keys, so that calls meet; near to each other, so that order and prefixes matter.
fn key() -> impl Strategy<Value = String> {
    let bytes = proptest::sample::select(vec!["a", "b", "/", "\0", "\u{7f}", "é", "\u{ffff}"]);
    vec(bytes, 0..3).prop_map(|parts| parts.concat())
}

fn expect() -> impl Strategy<Value = Expect> {
    prop_oneof![Just(Expect::Absent), Just(Expect::Anything), (0_u64..20).prop_map(Expect::Generation),]
}

fn write() -> impl Strategy<Value = Write> {
    let body = proptest::option::weighted(0.7, vec(any::<u8>(), 0..4));
    (table(), key(), expect(), body).prop_map(|(table, key, expect, body)| Write { table, key, expect, body })
}

fn scan() -> impl Strategy<Value = Scan> {
    (key(), proptest::option::of(key()), 0_usize..6, any::<bool>())
        .prop_map(|(prefix, after, limit, descending)| Scan { prefix, after, limit, descending })
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => vec(write(), 0..4).prop_map(Call::Write),
        1 => (table(), key()).prop_map(|(table, key)| Call::Read(table, key)),
        2 => (table(), scan()).prop_map(|(table, scan)| Call::Scan(table, scan)),
    ]
}

async fn answer(store: &dyn Store, call: &Call) -> String {
    match call {
        Call::Write(writes) => format!("{:?}", store.write(writes.clone()).await),
        Call::Read(table, key) => format!("{:?}", store.read(table, key).await),
        Call::Scan(table, scan) => format!("{:?}", store.scan(table, scan).await),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn memory_and_sqlite_are_alike(calls in vec(call(), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (memory, sqlite) = (Memory::new(), Sqlite::open(&directory.path().join("store.sqlite")).unwrap());
            for call in &calls {
                prop_assert_eq!(answer(&memory, call).await, answer(&sqlite, call).await, "{:?}", call);
            }
            for table in TABLES {
                let whole = Call::Scan(table, Scan { limit: usize::MAX, ..Scan::default() });
                prop_assert_eq!(answer(&memory, &whole).await, answer(&sqlite, &whole).await);
            }
            Ok(())
        })?;
    }
}
