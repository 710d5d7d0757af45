//! Secrets as they are in memory and in the store: versions, and the stages that point at them.

use std::collections::BTreeMap;

use longshore_ecs::random::Random;
use longshore_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::beside::{Hidden, random};

/// The stage of the version that is read when nothing else is asked for.
pub(super) const CURRENT: &str = "AWSCURRENT";

/// The stage of the version that was current before.
const PREVIOUS: &str = "AWSPREVIOUS";

/// How many versions without a stage are kept beside the staged ones.
const UNSTAGED_VERSIONS: usize = 100;

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// All secrets of one account and region, by name.
pub(super) struct State {
    pub(super) all: BTreeMap<String, Secret>,
    pub(super) random: Random,
}

/// What is stored of a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) description: Option<String>,
    pub(super) kms_key_id: Option<String>,
    pub(super) tags: Vec<Tag>,
    pub(super) created: Timestamp,
    pub(super) changed: Timestamp,
    /// When it will be deleted, when it is marked for that.
    pub(super) deletion: Option<Timestamp>,
    /// Oldest first.
    pub(super) versions: Vec<Version>,
}

/// A tag as Secrets Manager writes it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Tag {
    key: String,
    value: String,
}

/// One version: text or bytes (in base64), never both.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) stages: Vec<String>,
    pub(super) created: Timestamp,
    pub(super) text: Option<Hidden>,
    pub(super) binary: Option<Hidden>,
}

impl State {
    pub(super) fn new() -> Self {
        Self { all: BTreeMap::new(), random: random() }
    }

    /// What AWS puts behind a secret's name in its ARN: a hyphen and six random characters.
    pub(super) fn arn_end(&mut self) -> String {
        let mut end = String::from("-");
        for _ in 0..6 {
            end.push(char::from(ALPHANUMERIC[self.random.below(ALPHANUMERIC.len())]));
        }
        end
    }
}

impl Secret {
    /// The version that a stage points at.
    pub(super) fn staged(&self, stage: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.has(stage))
    }

    /// Adds a version and moves its stages to it; the version that was current becomes the previous one.
    pub(super) fn add(&mut self, version: Version, now: Timestamp) {
        let replaced = self.staged(CURRENT).filter(|_| version.has(CURRENT)).map(|old| old.id.clone());
        for old in &mut self.versions {
            let moves = |stage: &String| version.has(stage) || (replaced.is_some() && stage == PREVIOUS);
            old.stages.retain(|stage| !moves(stage));
            if replaced.as_ref() == Some(&old.id) {
                old.stages.push(PREVIOUS.into());
            }
        }
        self.versions.push(version);
        let mut surplus = self.versions.iter().filter(|version| version.stages.is_empty()).count();
        self.versions.retain(|version| {
            let forget = version.stages.is_empty() && surplus > UNSTAGED_VERSIONS;
            surplus -= usize::from(forget);
            !forget
        });
        self.changed = now;
    }
}

impl Version {
    pub(super) fn has(&self, stage: &str) -> bool {
        self.stages.iter().any(|own| own == stage)
    }
}
