//! Batches: up to ten entries, each of which succeeds or fails by itself.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::refusal::Refusal;

/// How many entries a batch may have.
const ENTRIES_LIMIT: usize = 10;

/// A batch, with the entries of its operation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Batch<E> {
    pub(super) queue_url: Option<String>,
    pub(super) entries: Vec<Entry<E>>,
}

/// An entry: its id, and the members of the operation for one message.
#[derive(Debug, Deserialize)]
pub(super) struct Entry<E> {
    #[serde(rename = "Id", default)]
    pub(super) id: String,
    #[serde(flatten)]
    pub(super) request: E,
}

impl<E> Default for Batch<E> {
    fn default() -> Self {
        Self { queue_url: None, entries: Vec::new() }
    }
}

impl<E> Batch<E> {
    /// Whether a batch is one; `kind` names its entries.
    pub(super) fn check(&self, kind: &str) -> Result<(), Refusal> {
        if self.entries.is_empty() {
            let message = format!("There should be at least one {kind} in the request.");
            return Err(Refusal::new("EmptyBatchRequest", message));
        }
        if self.entries.len() > ENTRIES_LIMIT {
            let message = format!(
                "Maximum number of entries per request are {ENTRIES_LIMIT}. You have sent {}.",
                self.entries.len()
            );
            return Err(Refusal::new("TooManyEntriesInBatchRequest", message));
        }
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.entries.iter().any(|it| !(1..=80).contains(&it.id.len()) || !it.id.chars().all(is_allowed)) {
            return Err(Refusal::new(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 \
                 letters long.",
            ));
        }
        let mut seen = BTreeSet::new();
        match self.entries.iter().find(|entry| !seen.insert(&entry.id)) {
            Some(entry) => {
                Err(Refusal::new("BatchEntryIdsNotDistinct", format!("Id {} repeated.", entry.id)))
            }
            None => Ok(()),
        }
    }

    /// The answer of a batch: what `each` says of every entry.
    pub(super) fn answer(self, mut each: impl FnMut(E) -> Result<Value, Refusal>) -> Value {
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for Entry { id, request } in self.entries {
            match each(request) {
                Ok(mut answer) => {
                    answer["Id"] = json!(id);
                    successful.push(answer);
                }
                Err(refusal) => failed.push(json!({
                    "Id": id,
                    "SenderFault": refusal.status < 500,
                    "Code": refusal.code.trim_end_matches("Exception"),
                    "Message": refusal.message,
                })),
            }
        }
        json!({ "Successful": successful, "Failed": failed })
    }
}
