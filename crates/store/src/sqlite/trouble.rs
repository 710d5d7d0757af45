//! SQLite's errors in words: what failed on which file, and what to do next.

use std::path::Path;

use longshore_model::{Error, Kind};
use rusqlite::ErrorCode;

/// Whether another process was in the way.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// `what` is a verb, such as `write to`.
pub(super) fn of(file: &Path, what: &str, error: &rusqlite::Error) -> Error {
    let (kind, why, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            Kind::Unavailable,
            "another process has held it for more than ten seconds",
            "does a backup or another tool keep it locked? `fuser FILE` shows which",
        ),
        Some(ErrorCode::DiskFull) => {
            (Kind::Unavailable, "the disk is full", "make room; nothing was written, and nothing is lost")
        }
        Some(ErrorCode::SystemIoFailure) => {
            (Kind::Unavailable, "the disk or its file system has failed", "the system's log may say more")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => (
            Kind::Denied,
            "this user may not write there",
            "look at the owner and the mode of the file and its directory",
        ),
        Some(ErrorCode::NotADatabase) => {
            (Kind::Invalid, "it is no SQLite database", "name another file; nothing was changed")
        }
        Some(ErrorCode::DatabaseCorrupt) => (
            Kind::Bug,
            "it is damaged",
            "keep the file, and start with a copy of it from a backup or with a new one",
        ),
        _ => {
            (Kind::Bug, "SQLite refuses", "this is a fault of Longshore: please report it with this message")
        }
    };
    Error::new(kind, format!("cannot {what} the store `{}`: {why}", file.display()))
        .caused_by(error.to_string())
        .with_hint(hint)
}
