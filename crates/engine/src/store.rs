//! The engine's memory: SQLite in WAL mode, written by one thread in group commits before any answer is sent.
//!
//! Records are JSON under (scope, kind, id); log events have a table of their own. A commit is in the operating
//! system's hands when [`Ticket::durable`] returns: killing the engine loses nothing. After a power cut SQLite's
//! `synchronous = NORMAL` may miss the last commits, but never breaks the file.

mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use writer::Writer;

/// How many writes may wait for the writer; a full queue holds the callers up.
const QUEUE_LIMIT: usize = 65_536;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -16000;
    PRAGMA wal_autocheckpoint = 8192;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA temp_store = MEMORY;
    CREATE TABLE IF NOT EXISTS record (
        number INTEGER PRIMARY KEY, scope TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS log_event (
        stream INTEGER NOT NULL, number INTEGER NOT NULL, at_ms INTEGER NOT NULL, ingested_ms INTEGER NOT NULL,
        message TEXT NOT NULL,
        PRIMARY KEY (stream, number)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS log_event_by_time ON log_event (stream, at_ms, number);
";

/// What goes wrong with the state directory.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another engine has it.
    #[error("state directory `{}` is in use by another engine", .0.display())]
    InUse(PathBuf),
    /// It cannot be made or written.
    #[error("cannot use state directory `{}`: {cause}", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the operating system or SQLite says.
        cause: String,
    },
    /// A write or read failed later on.
    #[error("the engine's state cannot be read or written: {0}")]
    Failed(String),
    /// Containers may still run in a runtime that this engine does not use.
    #[error(
        "containers of this state ({containers}) were started by the {former} runtime, which is not in use now, and may still run"
    )]
    OutOfReach {
        /// The runtime that started them.
        former: String,
        /// How many.
        containers: usize,
    },
    /// The runtime of this name cannot tell which of the stored tasks still run, for the second reason.
    #[error("the {0} runtime cannot tell which tasks still run, so none was touched: {1}")]
    Unknowable(&'static str, String),
}

/// One change to the stored state.
#[derive(Debug)]
pub enum Write {
    /// Sets a record.
    Put {
        /// Account and region, or empty for the engine's own.
        scope: Arc<str>,
        /// What sort of record.
        kind: &'static str,
        /// Unique in scope and kind.
        id: String,
        /// JSON.
        body: String,
    },
    /// Removes a record; a missing one is fine.
    Delete {
        /// As in `Put`.
        scope: Arc<str>,
        /// As in `Put`.
        kind: &'static str,
        /// As in `Put`.
        id: String,
    },
    /// Appends log events to a stream, numbered from `first`.
    LogEvents {
        /// The stream's number, unique in the store.
        stream: i64,
        /// The first event's number.
        first: i64,
        /// When they arrived, in milliseconds since 1970.
        ingested_ms: i64,
        /// Time in milliseconds since 1970, and message.
        events: Vec<(i64, String)>,
    },
    /// Removes a stream's events that are older than a moment (all of them with `i64::MAX`).
    ForgetLogEvents {
        /// The stream's number.
        stream: i64,
        /// Milliseconds since 1970.
        before_ms: i64,
    },
    /// Removes everything but the engine's own records (scope `""`).
    ForgetAll,
}

/// A stored record.
#[derive(Debug)]
pub struct Record {
    /// Account and region, or empty.
    pub scope: String,
    /// What sort.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// JSON.
    pub body: String,
}

struct Submission {
    writes: Vec<Write>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// A submission on its way to the disk.
#[must_use = "nothing may be acknowledged before the ticket is durable"]
#[derive(Debug)]
pub struct Ticket(Option<oneshot::Receiver<Result<(), StoreError>>>);

impl Ticket {
    /// Waits until the submission is committed.
    ///
    /// # Errors
    /// When it could not be written; the caller must not acknowledge what it submitted.
    pub async fn durable(self) -> Result<(), StoreError> {
        match self.0 {
            None => Ok(()),
            Some(receiver) => {
                receiver.await.unwrap_or_else(|_| Err(StoreError::Failed("the writer has ended".into())))
            }
        }
    }
}

/// The stored state of one engine.
pub struct Store {
    directory: PathBuf,
    queue: mpsc::SyncSender<Submission>,
    reader: Arc<Mutex<Connection>>,
    submitted: AtomicU64,
    committed: Arc<AtomicU64>,
    _lock: File,
    temporary: Mutex<Option<tempfile::TempDir>>,
}

impl Store {
    /// Opens the state in `directory`, which is made (for this user alone) when it is missing.
    ///
    /// # Errors
    /// When another engine has it or it cannot be written.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_with(directory.to_owned(), None)
    }

    /// A state that goes away with the engine.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn ephemeral() -> Result<Self, StoreError> {
        let temporary = tempfile::Builder::new()
            .prefix("longshore-")
            .tempdir()
            .map_err(|cause| StoreError::Unusable { path: std::env::temp_dir(), cause: cause.to_string() })?;
        Self::open_with(temporary.path().to_owned(), Some(temporary))
    }

    /// Removes the directory of an ephemeral state, though others may still have a handle of it.
    pub(crate) fn discard(&self) {
        let temporary = self.temporary.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(Err(error)) = temporary.map(tempfile::TempDir::close) {
            tracing::warn!(error = %error, "cannot remove the directory of an engine that keeps nothing");
        }
    }

    fn open_with(directory: PathBuf, temporary: Option<tempfile::TempDir>) -> Result<Self, StoreError> {
        let unusable = |cause: String| StoreError::Unusable { path: directory.clone(), cause };
        make_private_directory(&directory).map_err(|error| unusable(error.to_string()))?;
        let lock = lock(&directory)?;
        let database = directory.join("state.sqlite");
        let writer = Connection::open(&database).map_err(|error| unusable(error.to_string()))?;
        writer.execute_batch(SCHEMA).map_err(|error| unusable(error.to_string()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader =
            Connection::open_with_flags(&database, flags).map_err(|error| unusable(error.to_string()))?;
        let (queue, submissions) = mpsc::sync_channel(QUEUE_LIMIT);
        let committed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&committed);
        let writer = Writer::new(writer).map_err(|error| unusable(error.to_string()))?;
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.write_all(&submissions, &counter))
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            directory,
            queue,
            reader: Arc::new(Mutex::new(reader)),
            submitted: AtomicU64::new(0),
            committed,
            _lock: lock,
            temporary: Mutex::new(temporary),
        })
    }

    /// Where the state is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Hands writes to the writer, in the order of the calls. An empty list costs nothing.
    pub fn submit(&self, writes: Vec<Write>) -> Ticket {
        if writes.is_empty() {
            return Ticket(None);
        }
        self.enqueue(writes)
    }

    /// A ticket for all that was submitted so far, so that an answer never shows what could still be lost.
    pub fn barrier(&self) -> Ticket {
        if self.committed.load(Ordering::Acquire) == self.submitted.load(Ordering::Acquire) {
            return Ticket(None);
        }
        self.enqueue(Vec::new())
    }

    fn enqueue(&self, writes: Vec<Write>) -> Ticket {
        let (done, receiver) = oneshot::channel();
        self.submitted.fetch_add(1, Ordering::AcqRel);
        // A failed send means that the writer has ended: the receiver then says so.
        drop(self.queue.send(Submission { writes, done }));
        Ticket(Some(receiver))
    }

    /// Every record, for the start.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn records(&self) -> Result<Vec<Record>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare("SELECT scope, kind, id, body FROM record ORDER BY number")?;
            let rows = statement.query_map([], |row| {
                Ok(Record { scope: row.get(0)?, kind: row.get(1)?, id: row.get(2)?, body: row.get(3)? })
            })?;
            rows.collect()
        })
        .await
    }

    /// Runs a query on the reading connection, off the async threads.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reader = Arc::clone(&self.reader);
        let read = move || {
            let connection = reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            query(&connection)
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(result) => result.map_err(|error| StoreError::Failed(error.to_string())),
            Err(error) => Err(StoreError::Failed(error.to_string())),
        }
    }
}

fn make_private_directory(directory: &Path) -> std::io::Result<()> {
    fs_err::create_dir_all(directory)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs_err::set_permissions(directory, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join("lock");
    let unusable = |cause: String| StoreError::Unusable { path: directory.to_owned(), cause };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| unusable(error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(directory.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(unusable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(id: &str, body: &str) -> Write {
        Write::Put { scope: "123456789012/eu-west-1".into(), kind: "task", id: id.into(), body: body.into() }
    }

    #[tokio::test]
    async fn what_was_durable_is_there_when_it_is_opened_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.submit(vec![put("a", "1"), put("b", "2")]).durable().await.unwrap();
        store.submit(vec![put("a", "3")]).durable().await.unwrap();
        drop(store);
        let records = loop {
            match Store::open(directory.path()) {
                Ok(store) => break store.records().await.unwrap(),
                Err(StoreError::InUse(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        let found: Vec<_> = records.iter().map(|r| (r.id.as_str(), r.body.as_str())).collect();
        assert_eq!(found, [("a", "3"), ("b", "2")]);
    }

    #[tokio::test]
    async fn a_second_engine_on_the_same_state_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let _first = Store::open(directory.path()).unwrap();
        assert!(matches!(Store::open(directory.path()), Err(StoreError::InUse(_))));
    }

    #[tokio::test]
    async fn a_barrier_waits_for_what_was_submitted_before_it() {
        let store = Store::ephemeral().unwrap();
        let writes = (0..100).map(|n| put(&n.to_string(), "x")).collect();
        let ticket = store.submit(writes);
        store.barrier().durable().await.unwrap();
        assert_eq!(store.records().await.unwrap().len(), 100);
        ticket.durable().await.unwrap();
    }
}
