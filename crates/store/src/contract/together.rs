//! Many at once: nothing is lost, nothing is done twice, and nobody sees a half.

use std::sync::Arc;

use longshore_model::Error;
use longshore_world::{Expect, Row, Scan, Store, Write, Written};
use tokio::task::JoinSet;

use super::{TABLE, put, row, stored};

const TASKS: u64 = 16;
const ROUNDS: u64 = 20;

fn number(row: &Row) -> u64 {
    let text = String::from_utf8_lossy(&row.body);
    text.parse().unwrap_or_else(|_| panic!("{row:?} holds no number"))
}

/// Adds one to a row, however often somebody else is faster.
///
/// # Errors
/// Those of the store.
pub async fn add_one(store: &dyn Store, key: &str) -> Result<(), Error> {
    loop {
        let found = store.read(TABLE, key).await?;
        let (expect, next) = match &found {
            None => (Expect::Absent, 1),
            Some(row) => (Expect::Generation(row.generation), number(row) + 1),
        };
        if let Written::Stored(_) = store.write(vec![put(key, expect, next.to_string())]).await? {
            return Ok(());
        }
    }
}

async fn all(mut tasks: JoinSet<Result<u64, Error>>) -> Result<u64, Error> {
    let mut sum = 0;
    while let Some(end) = tasks.join_next().await {
        sum += end.unwrap_or_else(|error| panic!("a task failed: {error}"))?;
    }
    Ok(sum)
}

/// Many tasks count in one row.
pub(super) async fn amends(store: Arc<dyn Store>) -> Result<(), Error> {
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for _ in 0..ROUNDS {
                add_one(&*store, "counter").await?;
            }
            Ok(0)
        });
    }
    all(tasks).await?;
    let counted = store.read(TABLE, "counter").await?.map(|row| number(&row));
    assert_eq!(counted, Some(TASKS * ROUNDS));
    Ok(())
}

/// Many tasks want each of the same rows; each row goes to one of them, and who is told so has it.
pub(super) async fn claims(store: Arc<dyn Store>) -> Result<(), Error> {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut won = 0;
            for round in 0..ROUNDS {
                let key = format!("claim/{round}");
                let claim = vec![put(&key, Expect::Absent, task.to_string())];
                if let Written::Stored(generation) = store.write(claim).await? {
                    won += 1;
                    assert_eq!(store.read(TABLE, &key).await?, Some(row(&key, generation, task.to_string())));
                }
            }
            Ok(won)
        });
    }
    assert_eq!(all(tasks).await?, ROUNDS);
    Ok(())
}

/// Units move between rows in batches of two, and every scan in between finds all of them.
pub(super) async fn transfers(store: Arc<dyn Store>) -> Result<(), Error> {
    const ROWS: u64 = 4;
    let whole = Scan { prefix: "account/".to_owned(), limit: 100, ..Scan::default() };
    let account = |number: u64| format!("account/{}", number % ROWS);
    let accounts = (0..ROWS).map(|number| put(&account(number), Expect::Absent, "100")).collect();
    let first = stored(&*store, accounts).await?;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (store, whole) = (Arc::clone(&store), whole.clone());
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                let rows = store.scan(TABLE, &whole).await?;
                assert_eq!(rows.iter().map(number).sum::<u64>(), 100 * ROWS, "{rows:?}");
                let (from, to) = (account(task + round), account(task + 1));
                let find = |key: &str| rows.iter().find(|row| row.key == key);
                if let (Some(from), Some(to)) = (find(&from), find(&to))
                    && from.key != to.key
                    && number(from) > 0
                {
                    let expect = |row: &Row| Expect::Generation(row.generation);
                    let writes: Vec<Write> = vec![
                        put(&from.key, expect(from), (number(from) - 1).to_string()),
                        put(&to.key, expect(to), (number(to) + 1).to_string()),
                    ];
                    store.write(writes).await?;
                }
            }
            Ok(0)
        });
    }
    all(tasks).await?;
    let rows = store.scan(TABLE, &whole).await?;
    assert_eq!(rows.iter().map(number).sum::<u64>(), 100 * ROWS);
    assert!(rows.iter().any(|row| row.generation > first), "nothing was moved");
    Ok(())
}
