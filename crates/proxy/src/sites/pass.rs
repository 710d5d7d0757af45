//! Passes into sites: signed texts that say for what, and until when. Pure.
//!
//! A pass is `KIND SECONDS . MAC`: `e` (an environment) or `a` (all of an app), the moment of its end in seconds since
//! 1970, and HMAC-SHA256 in hexadecimal. The MAC is over the use (a link or a cookie), the kind, the name and the end. The
//! name itself is not in the pass: it is that of the site where it is shown.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use longshore_model::Timestamp;
use sha2::Sha256;

/// The path that turns a link's pass into a cookie.
pub const ENTER_PATH: &str = "/.longshore/enter";

/// The bytes of a MAC in hexadecimal.
const MAC_DIGITS: usize = 64;

/// What passes are signed with. `Debug` does not show it.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// From 32 random bytes, which must stay the same for as long as passes are to be good.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        Self(Hmac::new_from_slice(bytes).expect("a key of any length"))
    }

    fn mac(&self, using: Use, scope: Scope<'_>, seconds: i64) -> Hmac<Sha256> {
        let (kind, name) = scope.parts();
        let mut mac = self.0.clone();
        // Only the name can hold a line's end, and what follows it is digits: there is one way to read it.
        mac.update(format!("longshore preview {}\n{kind}\n{name}\n{seconds}", using.word()).as_bytes());
        mac
    }

    fn sign(&self, using: Use, scope: Scope<'_>, expires: Timestamp) -> String {
        let seconds = expires.0.div_euclid(1000);
        let mac = self.mac(using, scope, seconds).finalize().into_bytes();
        format!("{}{seconds}.{}", scope.parts().0, hex::encode(mac))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(secret)")
    }
}

/// What a pass is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// One environment, by its id.
    Environment(&'a str),
    /// All environments of an app.
    App(&'a str),
}

impl<'a> Scope<'a> {
    const fn parts(self) -> (char, &'a str) {
        match self {
            Self::Environment(id) => ('e', id),
            Self::App(app) => ('a', app),
        }
    }
}

/// How a pass is shown. One is not good as the other: a link may be seen by many, and should end soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Link,
    Cookie,
}

impl Use {
    const fn word(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Cookie => "cookie",
        }
    }
}

/// Whose site a pass is shown at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) environment: &'a str,
    pub(super) app: &'a str,
}

/// The pass for a link (see [`enter_url`]). It may be used until it ends, and by anybody who has it.
#[must_use]
pub fn sign_link(key: &Key, scope: Scope<'_>, expires: Timestamp) -> String {
    key.sign(Use::Link, scope, expires)
}

/// The link that lets its reader into a site and leads to a path there (with its query). `site` is what the site's URLs
/// begin with, without a slash at the end.
#[must_use]
pub fn enter_url(site: &str, pass: &str, to: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("token", pass).append_pair("to", to);
    format!("{site}{ENTER_PATH}?{}", query.finish())
}

/// What a cookie says: the environment's own, whatever the link was good for.
pub(super) fn sign_cookie(key: &Key, environment: &str, expires: Timestamp) -> String {
    key.sign(Use::Cookie, Scope::Environment(environment), expires)
}

/// Whether a pass is good here and now. How long it takes says nothing about how a pass would be good.
pub(super) fn is_good(key: &Key, using: Use, place: Place<'_>, pass: &[u8], now: Timestamp) -> bool {
    let Some((kind, seconds, mac)) = str::from_utf8(pass).ok().and_then(read) else { return false };
    let scope = match kind {
        'e' => Scope::Environment(place.environment),
        _ => Scope::App(place.app),
    };
    now.0 < seconds.saturating_mul(1000) && key.mac(using, scope, seconds).verify_slice(&mac).is_ok()
}

/// The parts of a pass: its kind, its end, and its MAC. There is one way to write each.
fn read(pass: &str) -> Option<(char, i64, [u8; MAC_DIGITS / 2])> {
    let (head, digits) = pass.split_once('.')?;
    let kind = head.chars().next().filter(|kind| matches!(kind, 'e' | 'a'))?;
    let seconds: i64 = head[1..].parse().ok()?;
    if head[1..] != seconds.to_string() || digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return None;
    }
    let mut mac = [0; MAC_DIGITS / 2];
    hex::decode_to_slice(digits, &mut mac).ok()?;
    Some((kind, seconds, mac))
}

#[cfg(test)]
#[path = "pass_tests.rs"]
mod tests;
