//! AWS Signature Version 4, from the verifying side.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use longshore_model::Timestamp;
use sha2::{Digest, Sha256};

use super::Knock;
use crate::refusal::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far a signature's time may be from ours, in seconds, as on AWS.
const SKEW_SECONDS: i64 = 300;
/// How many derived keys are kept: a handful of regions and services for each day.
const DERIVED_LIMIT: usize = 256;

/// The engine's key.
pub struct Keys {
    access_key: String,
    secret_key: String,
    /// Signing keys by date, region and service: deriving one takes four HMACs.
    derived: Mutex<BTreeMap<(String, String, String), [u8; 32]>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// What the Authorization header claims.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    pub(super) access_key: &'a str,
    date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    time: &'a str,
}

impl<'a> Claim<'a> {
    pub(super) fn read(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(authorization) = text(AUTHORIZATION.as_str()) else {
            return Err(Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
        };
        let incomplete = |what: &str| {
            let message = format!("Authorization header requires {what}.");
            Refusal::new("IncompleteSignatureException", message)
        };
        let parts = authorization.strip_prefix(ALGORITHM).ok_or_else(|| {
            Refusal::new(
                "IncompleteSignatureException",
                format!("Unsupported AWS 'algorithm', use {ALGORITHM}."),
            )
        })?;
        let part =
            |name: &str| parts.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let credential = part("Credential").ok_or_else(|| incomplete("'Credential' parameter"))?;
        let scope: Vec<&str> = credential.split('/').collect();
        let [access_key, date, region, service, "aws4_request"] = scope[..] else {
            return Err(incomplete("a 'Credential' of the form KEY/DATE/REGION/SERVICE/aws4_request"));
        };
        if region.is_empty()
            || !region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            let message = "Credential should be scoped to a valid region. ";
            return Err(Refusal::new("InvalidSignatureException", message));
        }
        Ok(Self {
            access_key,
            date,
            region,
            service,
            signed_headers: part("SignedHeaders").ok_or_else(|| incomplete("'SignedHeaders' parameter"))?,
            signature: part("Signature").ok_or_else(|| incomplete("'Signature' parameter"))?,
            time: text("x-amz-date").ok_or_else(|| incomplete("existence of an 'X-Amz-Date' header"))?,
        })
    }
}

impl Keys {
    /// A key pair.
    #[must_use]
    pub fn new(access_key: String, secret_key: String) -> Self {
        Self { access_key, secret_key, derived: Mutex::new(BTreeMap::new()) }
    }

    pub(super) fn check(&self, claim: &Claim<'_>, knock: &Knock<'_>, now: Timestamp) -> Result<(), Refusal> {
        if claim.access_key != self.access_key {
            let message = "The security token included in the request is invalid.";
            return Err(Refusal::new("UnrecognizedClientException", message));
        }
        check_time(claim, now)?;
        if !claim.signed_headers.split(';').any(|name| name == "host") {
            let message = "'Host' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(Refusal::new("InvalidSignatureException", message));
        }
        let canonical = canonical_request(claim, knock);
        let scope = format!("{}/{}/{}/aws4_request", claim.date, claim.region, claim.service);
        let to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{}", claim.time, sha256_hex(canonical.as_bytes()));
        let key = self.signing_key(claim);
        let matches = hex::decode(claim.signature)
            .is_ok_and(|given| mac(&key, to_sign.as_bytes()).verify_slice(&given).is_ok());
        if matches {
            return Ok(());
        }
        Err(Refusal::new(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ))
    }

    fn signing_key(&self, claim: &Claim<'_>) -> [u8; 32] {
        let scope = (claim.date.to_owned(), claim.region.to_owned(), claim.service.to_owned());
        let mut derived = self.derived.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(key) = derived.get(&scope) {
            return *key;
        }
        let mut key = hash(format!("AWS4{}", self.secret_key).as_bytes(), claim.date.as_bytes());
        for part in [claim.region, claim.service, "aws4_request"] {
            key = hash(&key, part.as_bytes());
        }
        if derived.len() >= DERIVED_LIMIT {
            derived.clear();
        }
        derived.insert(scope, key);
        key
    }
}

fn check_time(claim: &Claim<'_>, now: Timestamp) -> Result<(), Refusal> {
    let invalid = |message: String| Refusal::new("InvalidSignatureException", message);
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", claim.time);
    let signed = civil.ok().and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let Some(signed) = signed else {
        return Err(invalid(format!("Date '{}' is not in the form YYYYMMDDTHHMMSSZ.", claim.time)));
    };
    if !claim.time.starts_with(claim.date) {
        return Err(invalid(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date.".into(),
        ));
    }
    let signed = Timestamp(signed.timestamp().as_millisecond());
    let limit = now.plus_seconds(-SKEW_SECONDS);
    if signed < limit {
        return Err(invalid(format!(
            "Signature expired: {} is now earlier than {} ({} - 5 min.)",
            claim.time,
            basic(limit),
            basic(now)
        )));
    }
    let limit = now.plus_seconds(SKEW_SECONDS);
    if signed > limit {
        return Err(invalid(format!(
            "Signature not yet current: {} is still later than {} ({} + 5 min.)",
            claim.time,
            basic(limit),
            basic(now)
        )));
    }
    Ok(())
}

fn basic(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map(|at| at.strftime("%Y%m%dT%H%M%SZ").to_string())
        .unwrap_or_default()
}

fn canonical_request(claim: &Claim<'_>, knock: &Knock<'_>) -> String {
    let mut pairs: Vec<&str> = knock.query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let mut canonical = format!("{}\n{}\n{}\n", knock.method, knock.path, pairs.join("&"));
    for name in claim.signed_headers.split(';') {
        let values: Vec<String> = knock
            .headers
            .get_all(name)
            .iter()
            .map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            })
            .collect();
        canonical.push_str(name);
        canonical.push(':');
        canonical.push_str(&values.join(","));
        canonical.push('\n');
    }
    canonical.push('\n');
    canonical.push_str(claim.signed_headers);
    canonical.push('\n');
    canonical.push_str(&sha256_hex(knock.body));
    canonical
}

fn mac(key: &[u8], data: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(data);
    mac
}

fn hash(key: &[u8], data: &[u8]) -> [u8; 32] {
    mac(key, data).finalize().into_bytes().into()
}

/// The SHA-256 of some bytes in hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's own Signature Version 4 documentation (iam, ListUsers).
    #[test]
    fn the_documented_example_is_accepted_and_any_change_of_it_refused() {
        let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        let authorization = |signature: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, Signature={signature}"
            )
        };
        let keys = Keys::new("AKIDEXAMPLE".into(), "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into());
        let now = Timestamp(1_440_938_160_000);
        let check = |signature: &str, query: &str, body: &[u8], now: Timestamp| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "iam.amazonaws.com".parse().unwrap());
            let form = "application/x-www-form-urlencoded; charset=utf-8";
            headers.insert("content-type", form.parse().unwrap());
            headers.insert("x-amz-date", "20150830T123600Z".parse().unwrap());
            headers.insert("authorization", authorization(signature).parse().unwrap());
            let claim = Claim::read(&headers).unwrap();
            let knock = Knock { method: "GET", path: "/", query, headers: &headers, body };
            keys.check(&claim, &knock, now).map_err(|refusal| refusal.code)
        };
        let query = "Action=ListUsers&Version=2010-05-08";
        let refused = Err("InvalidSignatureException".to_owned());
        assert_eq!(check(signature, query, b"", now), Ok(()));
        assert_eq!(check(&signature.replace("5d67", "5d68"), query, b"", now), refused);
        assert_eq!(check(signature, "Action=ListRoles", b"", now), refused);
        assert_eq!(check(signature, query, b"x", now), refused);
        assert_eq!(check("", query, b"", now), refused);
        assert_eq!(check(signature, query, b"", now.plus_seconds(301)), refused);
        assert_eq!(check(signature, query, b"", now.plus_seconds(-301)), refused);
    }

    #[test]
    fn a_request_without_a_signature_is_told_what_it_lacks() {
        let code = |authorization: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(text) = authorization {
                headers.insert("authorization", text.parse().unwrap());
            }
            Claim::read(&headers).map(|_| ()).map_err(|refusal| refusal.code).unwrap_err()
        };
        assert_eq!(code(None), "MissingAuthenticationTokenException");
        for text in ["Basic abc", "AWS4-HMAC-SHA256 FooBar", "AWS4-HMAC-SHA256 Credential=a/b/c"] {
            assert_eq!(code(Some(text)), "IncompleteSignatureException", "{text}");
        }
    }
}
