//! The signature that hooks and webhooks carry, and the id by which one that comes twice is known.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::Secret;

/// The header of the signature.
pub(crate) const SIGNATURE: &str = "x-longshore-signature-256";
/// The header of the id.
pub(crate) const DELIVERY: &str = "x-longshore-delivery";

/// `sha256=` and the HMAC-SHA256 over the body's bytes in hex, as GitHub signs its own webhooks.
pub(crate) fn of(secret: &Secret, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        unreachable!("HMAC takes keys of any length")
    };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// An id that follows from the bytes alone: the same ones have the same id.
pub(crate) fn id(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
    #[test]
    fn githubs_published_vector_holds() {
        assert_eq!(
            of(&Secret::new("It's a Secret to Everybody"), b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
