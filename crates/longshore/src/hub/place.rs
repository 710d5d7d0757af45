//! One repository of the stand-in: where it is, how it is made, and the hook that tells of pushes.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::git;

/// The hook, which `git` runs with the repository as its directory.
const HOOK: &str = include_str!("post-receive.sh");
/// Who has made the first commit, and when: the same files give the same commit everywhere.
const COMMITTER: &str = "Longshore <longshore@localhost> 1700000000 +0000";

/// A bare repository `OWNER/NAME.git`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) directory: PathBuf,
}

impl Place {
    /// Where a repository of this name would be; `None` when none can have it.
    pub(super) fn of(repositories: &Path, owner: &str, name: &str) -> Option<Self> {
        let is_word = |word: &str| {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            !word.is_empty() && word.len() <= 100 && !word.starts_with('.') && word.bytes().all(legal)
        };
        if !is_word(owner) || !is_word(name) || name.ends_with(".git") {
            return None;
        }
        let directory = repositories.join(owner).join(format!("{name}.git"));
        Some(Self { owner: owner.to_owned(), name: name.to_owned(), directory })
    }

    /// All that there are.
    pub(super) fn all(repositories: &Path) -> Vec<Self> {
        let names = |directory: &Path| {
            let entries = fs_err::read_dir(directory).into_iter().flatten().flatten();
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect::<Vec<_>>()
        };
        let mut found = Vec::new();
        for owner in names(repositories) {
            for folder in names(&repositories.join(&owner)) {
                found.extend(
                    folder.strip_suffix(".git").and_then(|name| Self::of(repositories, &owner, name)),
                );
            }
        }
        found
    }

    /// `OWNER/NAME`.
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Where the hook puts what was pushed.
    pub(super) fn pushes(&self) -> PathBuf {
        self.directory.join("pushes")
    }

    /// What git does not keep, beside the repository.
    pub(super) fn records(&self) -> PathBuf {
        self.directory.with_extension("json")
    }

    /// A number of its own, always the same.
    pub(super) fn id(&self) -> u32 {
        let digest = Sha256::digest(self.full_name());
        digest.iter().take(4).fold(0, |id, byte| (id << 8) | u32::from(*byte)) >> 1
    }

    /// As GitHub shows a repository, in answers and in webhooks.
    pub(super) async fn document(&self, url: &str) -> Result<Value> {
        let default_branch = git::default_branch(&self.directory).await?;
        let (full_name, id) = (self.full_name(), self.id());
        Ok(json!({
            "id": id, "node_id": format!("R_{id}"), "name": self.name, "full_name": full_name,
            "private": true, "fork": false, "archived": false, "disabled": false, "visibility": "private",
            "owner": {"login": self.owner, "name": self.owner, "id": 1, "type": "Organization"},
            "url": format!("{url}/repos/{full_name}"),
            "html_url": format!("{url}/{full_name}"),
            "clone_url": self.directory,
            "default_branch": default_branch, "master_branch": default_branch,
        }))
    }

    /// Puts the hook of this program where `git` runs it.
    pub(super) fn install_hook(&self) -> Result<()> {
        fs_err::create_dir_all(self.pushes())?;
        let hooks = self.directory.join("hooks");
        fs_err::create_dir_all(&hooks)?;
        // A push may be running the old one just now: it is replaced, not written over.
        let permissions = std::fs::Permissions::from_mode(0o755);
        let mut whole = tempfile::Builder::new().permissions(permissions).tempfile_in(&hooks)?;
        std::io::Write::write_all(&mut whole, HOOK.as_bytes())?;
        whole.persist(hooks.join("post-receive")).context("cannot install the hook for pushes")?;
        Ok(())
    }
}

/// Makes a bare repository with one commit on `main`, and gives back where it is. One that exists stays as it is. Paths
/// are relative, without quotes and line ends.
///
/// # Errors
/// The name is none, `git` is missing or refuses, or the disk does.
pub(crate) async fn create_repository(
    repositories: &Path,
    owner: &str,
    name: &str,
    seed: &[(&str, &[u8])],
) -> Result<PathBuf> {
    git::check().await?;
    let Some(place) = Place::of(repositories, owner, name) else {
        bail!("`{owner}/{name}` cannot be the name of a repository");
    };
    if place.directory.join("HEAD").is_file() {
        return Ok(place.directory);
    }
    let parent = repositories.join(owner);
    fs_err::create_dir_all(&parent)?;
    // It appears whole, or not at all.
    let begun = tempfile::Builder::new().prefix(".new-").tempdir_in(&parent)?;
    let new = Place { directory: begun.path().to_owned(), ..place.clone() };
    let what = format!("make the repository `{owner}/{name}`");
    git::must(&what, &new.directory, &["init", "--bare", "--quiet", "--template="], b"").await?;
    git::must(&what, &new.directory, &["symbolic-ref", "HEAD", "refs/heads/main"], b"").await?;
    // Whatever the one who pushes has configured for hooks, this repository's own are run.
    git::must(&what, &new.directory, &["config", "core.hooksPath", "hooks"], b"").await?;
    git::must(&what, &new.directory, &["fast-import", "--quiet"], &first_commit(seed)).await?;
    new.install_hook()?;
    fs_err::rename(begun.path(), &place.directory)?;
    Ok(place.directory)
}

/// The first commit in the words of `git fast-import`.
fn first_commit(seed: &[(&str, &[u8])]) -> Vec<u8> {
    let message = "The first commit\n";
    let mut text =
        format!("commit refs/heads/main\ncommitter {COMMITTER}\ndata {}\n{message}", message.len())
            .into_bytes();
    for (path, bytes) in seed {
        text.extend(format!("M 100644 inline {path}\ndata {}\n", bytes.len()).bytes());
        text.extend(*bytes);
        text.push(b'\n');
    }
    text
}
