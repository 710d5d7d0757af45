//! The engine's own credentials: made once for a state directory, readable by this user alone.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::StoreError;

/// The file's name in the state directory.
const FILE: &str = "credentials.json";

/// An access key pair and the identity of the state it belongs to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// `LSIA` and 16 more characters, so that it is never taken for a key of AWS's.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: String,
    /// Names this state directory: what the engine starts carries it.
    pub engine_id: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Those of a state directory, made when it has none.
    ///
    /// # Errors
    /// When the file cannot be read, understood or written.
    pub fn of(directory: &Path) -> Result<Self, StoreError> {
        match Self::read(directory)? {
            Some(credentials) => Ok(credentials),
            None => Self::generate(directory),
        }
    }

    /// Those of a state directory, if it has any.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn read(directory: &Path) -> Result<Option<Self>, StoreError> {
        let unusable = |cause: String| StoreError::Unusable { path: directory.to_owned(), cause };
        match fs_err::read_to_string(directory.join(FILE)) {
            Ok(text) => {
                let read = serde_json::from_str(&text);
                read.map(Some)
                    .map_err(|_| unusable(format!("{FILE} is damaged; delete it for new credentials")))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unusable(error.to_string())),
        }
    }

    fn generate(directory: &Path) -> Result<Self, StoreError> {
        let unusable = |error: std::io::Error| StoreError::Unusable {
            path: directory.to_owned(),
            cause: error.to_string(),
        };
        let random = random_bytes::<48>().map_err(unusable)?;
        let letters = |bytes: &[u8]| -> String {
            bytes
                .iter()
                .map(|byte| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(byte % 32)]))
                .collect()
        };
        let credentials = Self {
            access_key_id: format!("LSIA{}", letters(&random[..16])),
            secret_access_key: hex::encode(&random[16..36]),
            engine_id: hex::encode(&random[40..48]),
        };
        let mut file = tempfile::NamedTempFile::new_in(directory).map_err(unusable)?;
        // NamedTempFile is 0600 from the start; renaming makes it appear whole or not at all.
        let text = serde_json::to_string_pretty(&credentials).unwrap_or_default();
        file.write_all(text.as_bytes()).map_err(unusable)?;
        file.persist(directory.join(FILE)).map_err(|error| unusable(error.error))?;
        Ok(credentials)
    }
}

/// Bytes from the operating system's generator.
///
/// # Errors
/// When it has none to give.
pub fn random_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_made_once_and_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Credentials::read(directory.path()).unwrap(), None);
        let first = Credentials::of(directory.path()).unwrap();
        assert_eq!(Credentials::of(directory.path()).unwrap(), first);
        let mode = fs_err::metadata(directory.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{first:?}").contains(&first.secret_access_key));
    }
}
