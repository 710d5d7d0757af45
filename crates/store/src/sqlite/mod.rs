//! The store in one SQLite file. One thread writes, and all that waits for it shares a commit; readers have connections
//! of their own and never wait for it.
//!
//! What [`Store::write`] has acknowledged is on the disk (`synchronous = FULL`: each commit ends with fsync): neither
//! kill -9 nor a power cut takes it back, as long as the disk does what it says. Several processes may have the file open:
//! each group of writes takes SQLite's write lock before it looks at a row (`BEGIN IMMEDIATE`), so that conditions hold
//! across processes, too. The file must be on a local disk: readers and writer share memory beside it.

mod reader;
mod schema;
mod trouble;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Error, Kind};
use longshore_world::{Row, Scan, Store, Write, Written};
use tokio::sync::{mpsc, oneshot};

use self::reader::Readers;
use self::writer::{Submission, Writer};
use crate::rules;

/// So many batches may wait for the writer; further ones wait for a place.
const QUEUE_LIMIT: usize = 4096;

/// Rows in a file of SQLite.
pub struct Sqlite {
    file: PathBuf,
    queue: mpsc::Sender<Submission>,
    readers: Arc<Readers>,
}

impl Sqlite {
    /// Opens the store in this file; a missing one is made, with the directories above it. They are for this user
    /// alone: the file has mode 0600, new directories 0700. It waits while another process brings the file up to date.
    ///
    /// # Errors
    /// When it cannot be made or read, is no store, or was written by a newer Longshore.
    pub fn open(file: &Path) -> Result<Self, Error> {
        make_private(file).map_err(|error| {
            let what = format!("cannot make the store `{}`", file.display());
            Error::new(Kind::Denied, what).caused_by(error.to_string())
        })?;
        let connection = schema::open(file)?;
        let (queue, submissions) = mpsc::channel(QUEUE_LIMIT);
        let writer = Writer::new(file.to_owned(), connection);
        std::thread::Builder::new().name("store".into()).spawn(move || writer.run(submissions)).map_err(
            |error| {
                let what = format!("cannot start the writer of the store `{}`", file.display());
                Error::new(Kind::Unavailable, what).caused_by(error.to_string())
            },
        )?;
        Ok(Self { file: file.to_owned(), queue, readers: Arc::new(Readers::new(file.to_owned())) })
    }

    /// Where it is.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Sqlite").field("file", &self.file).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn read(&self, table: &'static str, key: &str) -> Result<Option<Row>, Error> {
        let key = key.to_owned();
        Arc::clone(&self.readers).with(move |connection| reader::read(connection, table, &key)).await
    }

    async fn scan(&self, table: &'static str, scan: &Scan) -> Result<Vec<Row>, Error> {
        let scan = scan.clone();
        Arc::clone(&self.readers).with(move |connection| reader::scan(connection, table, &scan)).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written, Error> {
        rules::check(&writes)?;
        let (done, answer) = oneshot::channel();
        let ended =
            || Error::new(Kind::Bug, format!("the writer of the store `{}` has ended", self.file.display()));
        self.queue.send(Submission { writes, done }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

/// SQLite gives the files beside it (`-wal`, `-shm`) the mode of this one.
fn make_private(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
    if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let made = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    made.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
