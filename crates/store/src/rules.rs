//! What every store refuses before it looks at a row.

use std::collections::BTreeSet;

use longshore_model::{Error, Kind};
use longshore_world::Write;

/// The most writes of one batch.
pub const WRITES_LIMIT: usize = 100;
/// The longest key.
pub const KEY_LIMIT_BYTES: usize = 512;
/// The largest body. A webhook of GitHub is at most 25 MB.
pub const BODY_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// Whether these can be one batch. A row is named once: of two writes to it, it would not be clear which of them the
/// other's condition means, and DynamoDB refuses it, too.
pub(crate) fn check(writes: &[Write]) -> Result<(), Error> {
    let refused = |why: String| Err(Error::new(Kind::Invalid, format!("cannot write to the store: {why}")));
    if writes.len() > WRITES_LIMIT {
        return refused(format!("a batch of {} writes, and {WRITES_LIMIT} are the most", writes.len()));
    }
    let mut named = BTreeSet::new();
    for Write { table, key, body, .. } in writes {
        if key.is_empty() || key.len() > KEY_LIMIT_BYTES {
            let found = key.len();
            return refused(format!(
                "a key of {found} bytes in {table}, and 1 to {KEY_LIMIT_BYTES} are possible"
            ));
        }
        let size = body.as_ref().map_or(0, Vec::len);
        if size > BODY_LIMIT_BYTES {
            return refused(format!("{size} bytes for {table} `{key}`, and {BODY_LIMIT_BYTES} are the most"));
        }
        if !named.insert((*table, key.as_str())) {
            return refused(format!("{table} `{key}` is named twice in one batch"));
        }
    }
    Ok(())
}
