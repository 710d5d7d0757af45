//! Wrong headers by the ten thousand: whoever does not sign stays outside.

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use longshore_ecs::random::Random;

use super::{NOW, Trial, mutate, run};
use crate::door::{Door, Keys, Knock};

const HEADERS: [&str; 3] = ["authorization", "x-amz-date", "host"];

/// The door's refusals.
const REFUSALS: [&str; 5] = [
    "AccessDeniedException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
];

fn headers(values: &[Vec<u8>; 3]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in HEADERS.into_iter().zip(values) {
        // What is no header at all is refused before anybody sees it.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    headers
}

#[tokio::test]
async fn no_header_opens_the_door_or_makes_it_panic() {
    let authorization = "AWS4-HMAC-SHA256 Credential=KEY/20330518/eu-west-1/ecs/aws4_request, \
                         SignedHeaders=host;x-amz-date, Signature=\
                         0000000000000000000000000000000000000000000000000000000000000000";
    let right: [&[u8]; 3] = [authorization.as_bytes(), b"20330518T033320Z", b"127.0.0.1:4510"];
    let locked = Door::Locked(Box::new(Keys::new("KEY".into(), "secret".into())));
    let doors = [&locked, &Door::AnyCredentials];
    run(async |seed, number| {
        let mut random = Random::seeded(seed.wrapping_add(number));
        let mut values = right.map(<[u8]>::to_vec);
        let changed = random.below(values.len());
        values[changed] = mutate::mutated(&mut random, &[right[changed]]);
        let path = mutate::mutated(&mut random, &[b"/", b"/a%20b/../c"]);
        let query = mutate::mutated(&mut random, &[b"", b"a=b&c=%41&c"]);
        let input = values.join(&b'\n');
        let trial =
            Trial { seed, number, what: "the headers authorization, x-amz-date, host", input: &input };
        let headers = headers(&values);
        let (path, query) = (String::from_utf8_lossy(&path), String::from_utf8_lossy(&query));
        let knock = Knock { method: "POST", path: &path, query: &query, headers: &headers, body: b"{}" };
        for door in doors {
            match door.open(&knock, NOW) {
                Ok(visitor) => assert!(matches!(door, Door::AnyCredentials), "{visitor:?} was let in"),
                Err(refusal) => {
                    assert!(REFUSALS.contains(&refusal.code.as_str()), "{refusal:?}");
                    assert!(matches!(refusal.status, 400 | 403), "{refusal:?}");
                }
            }
        }
        drop(trial);
    })
    .await;
}
