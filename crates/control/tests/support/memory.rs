//! A store in memory that can be told to fail, for the tests of this crate alone.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use longshore_model::{Error, Kind};
use longshore_world::{Expect, Row, Scan, Store, Write, Written};

/// A row's generation and document, by table and key.
type Rows = BTreeMap<(&'static str, String), (u64, Vec<u8>)>;

/// A store that forgets everything at its end.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    rows: Mutex<Rows>,
    generation: Mutex<u64>,
    down: Mutex<bool>,
}

impl Memory {
    /// From now on, whether each call fails.
    pub(crate) fn set_down(&self, down: bool) {
        *self.down.lock().unwrap() = down;
    }

    /// The keys of a table.
    pub(crate) fn keys(&self, table: &str) -> Vec<String> {
        let rows = self.rows.lock().unwrap();
        rows.keys().filter(|(own, _)| *own == table).map(|(_, key)| key.clone()).collect()
    }

    fn is_up(&self) -> Result<(), Error> {
        match *self.down.lock().unwrap() {
            true => Err(Error::new(Kind::Unavailable, "the store does not answer")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Memory {
    async fn read(&self, table: &'static str, key: &str) -> Result<Option<Row>, Error> {
        self.is_up()?;
        let rows = self.rows.lock().unwrap();
        let row = rows.get(&(table, key.to_owned()));
        Ok(row.map(|(generation, body)| Row {
            key: key.to_owned(),
            generation: *generation,
            body: body.clone(),
        }))
    }

    async fn scan(&self, table: &'static str, scan: &Scan) -> Result<Vec<Row>, Error> {
        self.is_up()?;
        let rows = self.rows.lock().unwrap();
        let mut found: Vec<Row> = rows
            .range((table, scan.prefix.clone())..)
            .take_while(|((own, key), _)| *own == table && key.starts_with(&scan.prefix))
            .map(|((_, key), (generation, body))| Row {
                key: key.clone(),
                generation: *generation,
                body: body.clone(),
            })
            .collect();
        if scan.descending {
            found.reverse();
        }
        found.retain(|row| {
            scan.after.as_ref().is_none_or(|after| match scan.descending {
                true => row.key < *after,
                false => row.key > *after,
            })
        });
        found.truncate(scan.limit);
        Ok(found)
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written, Error> {
        self.is_up()?;
        assert!(writes.len() <= 100, "too many writes at once");
        let mut rows = self.rows.lock().unwrap();
        for (index, write) in writes.iter().enumerate() {
            let generation = rows.get(&(write.table, write.key.clone())).map(|(generation, _)| *generation);
            let holds = match write.expect {
                Expect::Absent => generation.is_none(),
                Expect::Generation(expected) => generation == Some(expected),
                Expect::Anything => true,
            };
            if !holds {
                return Ok(Written::Conflict(index));
            }
        }
        let mut last = self.generation.lock().unwrap();
        *last += 1;
        for write in writes {
            let key = (write.table, write.key);
            match write.body {
                Some(body) => {
                    rows.insert(key, (*last, body));
                }
                None => {
                    rows.remove(&key);
                }
            }
        }
        Ok(Written::Stored(*last))
    }
}
