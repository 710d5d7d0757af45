//! The store that ends with the process: sorted maps behind a lock.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use longshore_model::Error;
use longshore_world::{Expect, Row, Scan, Store, Write, Written};

use crate::rules;

type Table = BTreeMap<String, Row>;

/// Rows in memory.
#[derive(Default)]
pub struct Memory(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    by_name: BTreeMap<&'static str, Table>,
    /// That of the last write.
    generation: u64,
}

impl Memory {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Memory {
    /// Bodies may hold what is nobody's affair.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Memory").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Memory {
    async fn read(&self, table: &'static str, key: &str) -> Result<Option<Row>, Error> {
        Ok(self.tables().by_name.get(table).and_then(|rows| rows.get(key)).cloned())
    }

    async fn scan(&self, table: &'static str, scan: &Scan) -> Result<Vec<Row>, Error> {
        let tables = self.tables();
        let Some(rows) = tables.by_name.get(table) else { return Ok(Vec::new()) };
        let fits = |row: &&Row| row.key.starts_with(&scan.prefix);
        Ok(if scan.descending {
            let end = scan.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let below = rows.range::<str, _>((Bound::Unbounded, end)).rev().map(|(_, row)| row);
            below.skip_while(|row| !fits(row)).take_while(fits).take(scan.limit).cloned().collect()
        } else {
            let start = match scan.after.as_deref() {
                Some(after) if after >= scan.prefix.as_str() => Bound::Excluded(after),
                _ => Bound::Included(scan.prefix.as_str()),
            };
            let above = rows.range::<str, _>((start, Bound::Unbounded)).map(|(_, row)| row);
            above.take_while(fits).take(scan.limit).cloned().collect()
        })
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written, Error> {
        rules::check(&writes)?;
        let mut tables = self.tables();
        let holds = |write: &Write| {
            let found = tables.by_name.get(write.table).and_then(|rows| rows.get(&write.key));
            match write.expect {
                Expect::Anything => true,
                Expect::Absent => found.is_none(),
                Expect::Generation(expected) => found.is_some_and(|row| row.generation == expected),
            }
        };
        if let Some(position) = writes.iter().position(|write| !holds(write)) {
            return Ok(Written::Conflict(position));
        }
        tables.generation += 1;
        let generation = tables.generation;
        for Write { table, key, body, .. } in writes {
            let rows = tables.by_name.entry(table).or_default();
            match body {
                None => drop(rows.remove(&key)),
                Some(body) => drop(rows.insert(key.clone(), Row { key, generation, body })),
            }
        }
        Ok(Written::Stored(generation))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn memory_keeps_the_contract() {
        crate::contract::check(async || Arc::new(Memory::new()) as Arc<dyn Store>).await.unwrap();
    }
}
