//! Secrets and ids that nobody can guess.

use longshore_model::{Error, Kind};
use sha2::{Digest, Sha256};

/// 32 random bytes in hexadecimal.
///
/// # Errors
/// When the system has no randomness to give.
pub(crate) fn secret() -> Result<String, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(Kind::Unavailable, "cannot make a secret: the system gives no random bytes")
            .caused_by(error.to_string())
    })?;
    Ok(hex::encode(bytes))
}

/// A short id for a log line; not a secret.
pub(crate) fn id() -> String {
    let mut bytes = [0; 8];
    // Without randomness the lines of two requests look alike, which harms nobody.
    let _filled = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

/// The SHA-256 of a secret in hexadecimal: what is stored instead of it. Looking a hash up takes a time that says nothing
/// about the secret, as one changed bit of the secret changes half of the hash.
pub(crate) fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}
