//! Durable rows, written under conditions. What the rows mean is the affair of `control::book`.

use async_trait::async_trait;
use longshore_model::Error;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key in its table.
    pub key: String,
    /// Which write made it what it is. Later writes have greater numbers, and none has one twice, so that a row that is made
    /// anew after its removal is never taken for the earlier one.
    pub generation: u64,
    /// Its document.
    pub body: Vec<u8>,
}

/// What must be so for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// There is no such row.
    Absent,
    /// It is of this generation.
    Generation(u64),
    /// Whatever there is.
    Anything,
}

/// A write of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Such as `environment`.
    pub table: &'static str,
    /// The row's key: 1 to 512 bytes.
    pub key: String,
    /// What must be so.
    pub expect: Expect,
    /// The new document; `None` removes the row.
    pub body: Option<Vec<u8>>,
}

/// Which rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// Keys that begin so.
    pub prefix: String,
    /// Keys behind this one, in the order of the scan.
    pub after: Option<String>,
    /// At most so many rows.
    pub limit: usize,
    /// From the greatest key down.
    pub descending: bool,
}

/// What became of writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// All of them happened, and will survive the end of this process. The rows that were written have this generation.
    Stored(u64),
    /// None of them did: the condition of this one (an index into the writes) does not hold.
    Conflict(usize),
}

/// A store. Memory, SQLite and others behave alike: the suite `longshore_store::contract` holds them to it.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// A row; `None` when there is none.
    async fn read(&self, table: &'static str, key: &str) -> Result<Option<Row>, Error>;

    /// Rows in the order of their keys (of their bytes).
    async fn scan(&self, table: &'static str, scan: &Scan) -> Result<Vec<Row>, Error>;

    /// Writes all of these (at most 100), or none. An error says nothing about whether they happened: read again.
    async fn write(&self, writes: Vec<Write>) -> Result<Written, Error>;
}
