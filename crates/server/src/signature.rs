//! Signatures of what comes in, checked in constant time over the bytes as they were sent.

use hmac::{Hmac, KeyInit, Mac};
use longshore_model::Timestamp;
use sha2::Sha256;

/// Slack's requests are refused when their timestamp is further away than this, in seconds (Slack: "Verifying requests
/// from Slack").
const SLACK_WINDOW_S: i64 = 300;

/// Whether `header` (`X-Hub-Signature-256`) is GitHub's signature of a body (GitHub: "Validating webhook deliveries").
pub(crate) fn is_from_github(secret: &[u8], body: &[u8], header: &str) -> bool {
    header.strip_prefix("sha256=").is_some_and(|signature| is_mac(secret, &[body], signature))
}

/// Whether a signature and a timestamp are Slack's for a body, and fresh.
pub(crate) fn is_from_slack(
    secret: &[u8],
    body: &[u8],
    timestamp: &str,
    signature: &str,
    now: Timestamp,
) -> bool {
    let Ok(at) = timestamp.parse::<i64>() else { return false };
    let is_fresh = (now.0 / 1000).saturating_sub(at).saturating_abs() <= SLACK_WINDOW_S;
    let base = format!("v0:{timestamp}:");
    is_fresh
        && signature
            .strip_prefix("v0=")
            .is_some_and(|signature| is_mac(secret, &[base.as_bytes(), body], signature))
}

/// The signature of a text with our own key, in hexadecimal. `purpose` keeps one use from passing for another.
pub(crate) fn sign(key: &[u8], purpose: &str, text: &str) -> String {
    mac(key, &[purpose.as_bytes(), b":", text.as_bytes()])
        .map(|mac| hex::encode(mac.finalize().into_bytes()))
        .unwrap_or_default()
}

/// Whether `signature` is what [`sign`] makes.
pub(crate) fn is_signed(key: &[u8], purpose: &str, text: &str, signature: &str) -> bool {
    is_mac(key, &[purpose.as_bytes(), b":", text.as_bytes()], signature)
}

/// Whether two secrets are the same, in a time that says nothing about where they differ.
pub(crate) fn is_same(ours: &str, theirs: &str) -> bool {
    // A MAC under a fixed key makes both as long as each other; `verify` compares without a shortcut.
    let Some(expected) = mac(b"compare", &[ours.as_bytes()]) else { return false };
    mac(b"compare", &[theirs.as_bytes()])
        .is_some_and(|theirs| expected.verify(&theirs.finalize().into_bytes()).is_ok())
}

fn is_mac(key: &[u8], parts: &[&[u8]], signature: &str) -> bool {
    let Ok(signature) = hex::decode(signature) else { return false };
    mac(key, parts).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of any length; the type does not say so.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GITHUB: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn githubs_published_vector_holds() {
        let secret = b"It's a Secret to Everybody";
        assert!(is_from_github(secret, b"Hello, World!", GITHUB));
        assert!(!is_from_github(secret, b"Hello, World?", GITHUB));
        assert!(!is_from_github(b"another", b"Hello, World!", GITHUB));
        for forged in
            ["", "sha256=", "sha1=757107ea", "sha256=zz", &GITHUB[7..], &GITHUB[..70], &GITHUB[..69]]
        {
            assert!(!is_from_github(secret, b"Hello, World!", forged), "{forged}");
        }
    }

    #[test]
    fn slacks_published_vector_holds_for_five_minutes() {
        let secret = b"8f742231b10e8888abcd99yyyzzz85a5";
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
            &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=\
            https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
            &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let at = |seconds: i64| Timestamp((1_531_420_618 + seconds) * 1000);
        let is_good = |now| is_from_slack(secret, body, "1531420618", signature, now);
        assert!(is_good(at(0)) && is_good(at(300)) && is_good(at(-300)));
        assert!(!is_good(at(301)) && !is_good(at(-301)));
        assert!(!is_from_slack(secret, body, "1531420619", signature, at(0)), "the timestamp is signed, too");
        assert!(!is_from_slack(secret, b"text=", "1531420618", signature, at(0)));
        assert!(!is_from_slack(secret, body, "", signature, at(0)));
        assert!(!is_from_slack(secret, body, "1531420618", "v0=", at(0)));
    }

    #[test]
    fn our_own_signatures_are_for_one_purpose_and_text() {
        let signature = sign(b"key", "form", "a");
        assert!(is_signed(b"key", "form", "a", &signature));
        assert!(!is_signed(b"key", "login", "a", &signature));
        assert!(!is_signed(b"key", "form", "b", &signature));
        assert!(!is_signed(b"other", "form", "a", &signature));
        assert!(!is_signed(b"key", "form", "a", ""));
        assert!(is_same("token", "token") && !is_same("token", "tokem") && !is_same("token", ""));
    }
}
