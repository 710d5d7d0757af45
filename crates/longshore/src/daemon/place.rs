//! The daemon's directory: its store, its keys, and where it can be reached. Nobody else can read it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::env;
use crate::error::Failed;
use crate::serve::default_state;

/// The rows.
const STORE: &str = "store.sqlite";
/// Signs forms, links and cookies.
const KEY: &str = "key";
/// Where the API and the dashboard are.
const ENDPOINT: &str = "endpoint";
/// Where the environments behind our own proxy are.
const PROXY: &str = "proxy";
/// The token of an operator on this machine.
const TOKEN: &str = "token";
/// What all tokens begin with, so that scanners for secrets know them.
const TOKEN_PREFIX: &str = "longshore_";
/// Locked by the process that serves from here; what it holds is the name under which it holds the lease.
const HOLDER: &str = "holder";
/// The daemon's directory within the engine's, where `longshore up` keeps it.
const WITHIN: &str = "serve";

/// So long is tried to reach a daemon on this machine.
const REACH: Duration = Duration::from_secs(1);

/// How to reach a daemon on this machine.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) endpoint: String,
    pub(crate) token: String,
}

/// A directory in use.
#[derive(Debug)]
pub(crate) struct Place {
    directory: PathBuf,
    /// This process among all that ever served.
    pub(crate) holder: String,
    /// What forms, links and cookies are signed with.
    pub(crate) key: [u8; 32],
    /// The operator's token.
    pub(crate) token: String,
    lock: Option<File>,
}

/// The daemon's directory unless another is asked for.
pub(crate) fn default_directory() -> Result<PathBuf> {
    let home = env::data_home().ok_or_else(|| {
        Failed::usage("there is no place for the state: HOME is not set")
            .with_hint("name one with `--state DIR`")
    })?;
    Ok(home.join("longshore").join(WITHIN))
}

/// The daemon's directory of an engine that `longshore up` started.
pub(crate) fn within(engine: &Path) -> PathBuf {
    engine.join(WITHIN)
}

/// The daemon of this machine: that of `longshore serve`, else that of `longshore up`.
pub(crate) fn local() -> Result<Local> {
    let directories = [default_directory()?, within(&default_state()?)];
    directories.iter().find_map(|directory| reach(directory)).ok_or_else(|| {
        Failed::new("no `longshore serve` runs on this machine")
            .with_hint("start one, or `longshore up`; or name one with LONGSHORE_SERVER and LONGSHORE_TOKEN")
            .into()
    })
}

/// The daemon that serves from a directory, if it answers.
pub(crate) fn reach(directory: &Path) -> Option<Local> {
    let endpoint = fs_err::read_to_string(directory.join(ENDPOINT)).ok()?.trim().to_owned();
    let address = endpoint.strip_prefix("http://")?.parse().ok()?;
    std::net::TcpStream::connect_timeout(&address, REACH).ok()?;
    let token = fs_err::read_to_string(directory.join(TOKEN)).ok()?.trim().to_owned();
    Some(Local { endpoint, token })
}

impl Place {
    /// Opens the directory, and makes what is missing in it.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .with_context(|| format!("cannot make the directory {}", directory.display()))?;
        let key =
            hex::decode(kept(&directory.join(KEY), "")?.trim()).ok().and_then(|key| key.try_into().ok());
        let Some(key) = key else {
            return Err(Failed::new(format!("`{}` holds no key", directory.join(KEY).display()))
                .with_hint("remove it: then a new one is made, and people log in again")
                .into());
        };
        let token = kept(&directory.join(TOKEN), TOKEN_PREFIX)?.trim().to_owned();
        let lock = fs_err::OpenOptions::new().create(true).append(true).open(directory.join(HOLDER))?;
        let lock = lock.into_parts().0;
        let mut place = Self { directory: directory.to_owned(), holder: random()?, key, token, lock: None };
        // Who had the lock has ended, so its lease is ours at once. A second process here is another holder.
        if lock.try_lock().is_ok() {
            place.holder = kept(&directory.join(HOLDER), "")?.trim().to_owned();
            place.lock = Some(lock);
        }
        Ok(place)
    }

    /// Where all of it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file of the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.directory.join(STORE)
    }

    /// Whether another process served from here when this one began.
    pub(crate) fn is_second(&self) -> bool {
        self.lock.is_none()
    }

    /// Says where whoever acts here is reached.
    pub(crate) fn announce(&self, endpoint: &str, proxy: &str) -> Result<()> {
        self.replace(PROXY, proxy)?;
        self.replace(ENDPOINT, endpoint)
    }

    /// Whoever reads the file at this moment reads one of the two texts, and none that is half there.
    fn replace(&self, name: &str, text: &str) -> Result<()> {
        let (file, next) = (self.directory.join(name), self.directory.join(format!("{name}.next")));
        fs_err::write(&next, text)?;
        Ok(fs_err::rename(next, file)?)
    }
}

/// A secret that is made once, with this before it, and kept; a file that is empty counts as none.
fn kept(file: &Path, prefix: &str) -> Result<String> {
    match fs_err::read_to_string(file) {
        Ok(text) if !text.trim().is_empty() => return Ok(text),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let text = format!("{prefix}{}", random()?);
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create(true).truncate(true).mode(0o600).open(file);
    let mut opened = opened.with_context(|| format!("cannot write {}", file.display()))?;
    opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all())?;
    Ok(text)
}

/// 32 random bytes in hexadecimal digits.
pub(crate) fn random() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("cannot make a key: {error}"))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_made_once_stays_and_a_second_process_is_another_holder() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("serve");
        let first = Place::open(&directory).unwrap();
        let second = Place::open(&directory).unwrap();
        assert_eq!((first.key, &first.token), (second.key, &second.token));
        assert_ne!(first.holder, second.holder);
        let holder = first.holder.clone();
        drop((first, second));
        assert_eq!(Place::open(&directory).unwrap().holder, holder, "a restart holds what it held");
        for (name, mode) in [("", 0o700), ("key", 0o600), ("token", 0o600)] {
            let found = fs_err::metadata(directory.join(name)).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode, "{name}");
        }
    }

    #[test]
    fn a_damaged_key_is_named() {
        let home = tempfile::tempdir().unwrap();
        fs_err::write(home.path().join(KEY), "no key").unwrap();
        let error = Place::open(home.path()).unwrap_err();
        assert!(error.to_string().contains("holds no key"), "{error}");
    }
}
