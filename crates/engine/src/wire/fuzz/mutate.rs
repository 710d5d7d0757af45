//! Makes wrong requests out of right ones: by bytes, and by the places of the JSON.

use longshore_ecs::random::Random;
use serde_json::{Map, Value, json};

/// How many changes an input has at most.
const CHANGES_LIMIT: usize = 4;

/// How deep a nest of lists is made: by bytes beyond what the parser allows, as a value just within.
const TOO_DEEP: usize = 5000;
const DEPTHS: [usize; 3] = [3, 60, 120];

/// Bytes that mean something to a parser of JSON, of forms, of numbers, of ARNs or of expressions.
const PIECES: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "-1",
    "0.5",
    "1e999",
    "2147483648",
    "-9223372036854775809",
    "99999999999999999999999",
    "\u{feff}",
    "\u{e9}",
    "arn:",
    "::",
    "/",
    "in [",
    "not(",
    "=~ .*",
    " ",
    "\n",
    "&",
    "=",
    "%",
    ".member.1",
    ".1.",
];

/// One of the seeds, changed here and there.
pub(super) fn mutated(random: &mut Random, seeds: &[&[u8]]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].to_vec();
    // Half of the inputs stay JSON: most others end at the first wrong byte.
    if random.below(2) == 0
        && let Ok(mut value) = serde_json::from_slice(&bytes)
    {
        for _ in 0..=random.below(CHANGES_LIMIT) {
            change_value(random, &mut value, seeds);
        }
        return value.to_string().into_bytes();
    }
    for _ in 0..=random.below(CHANGES_LIMIT) {
        change_bytes(random, &mut bytes, seeds);
    }
    bytes
}

fn change_bytes(random: &mut Random, bytes: &mut Vec<u8>, seeds: &[&[u8]]) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(16)).min(bytes.len());
    match random.below(30) {
        0 => drop(bytes.splice(at..at, [b'['; TOO_DEEP])),
        1..5 => drop(bytes.drain(at..end)),
        5..8 => bytes.truncate(at),
        8..14 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
        14..20 => drop(bytes.splice(at..end, PIECES[random.below(PIECES.len())].bytes())),
        20..24 => {
            let other = seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            drop(bytes.splice(at.., other[from..].iter().copied()));
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

/// Changes one place of the value: any of them with the same chance.
fn change_value(random: &mut Random, value: &mut Value, seeds: &[&[u8]]) {
    let mut left = random.below(places(value));
    if let Some(found) = find(value, &mut left) {
        *found = match random.below(8) {
            0 => Value::Null,
            1 => json!([found.take()]),
            2 => json!({"name": found.take()}),
            3 => nested(DEPTHS[random.below(DEPTHS.len())]),
            4 => another(random, seeds),
            5 => without_one(random, found.take()),
            6 => long_text(random),
            _ => odd(random),
        };
    }
}

fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(places).sum::<usize>(),
        Value::Object(members) => members.values().map(places).sum(),
        _ => 0,
    }
}

/// The place with this number, counted depth first.
fn find<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| find(item, left)),
        Value::Object(members) => members.values_mut().find_map(|member| find(member, left)),
        _ => None,
    }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

fn another(random: &mut Random, seeds: &[&[u8]]) -> Value {
    let mut other: Value =
        serde_json::from_slice(seeds[random.below(seeds.len())]).unwrap_or_else(|_| json!("seed"));
    let mut left = random.below(places(&other));
    find(&mut other, &mut left).map(Value::take).unwrap_or_default()
}

fn without_one(random: &mut Random, value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let gone = random.below(members.len());
            Value::Object(
                members.into_iter().enumerate().filter(|(n, _)| *n != gone).map(|(_, it)| it).collect(),
            )
        }
        Value::Array(mut items) => {
            if let Some(first) = items.first().cloned() {
                items.extend(std::iter::repeat_n(first, random.below(120)));
            }
            Value::Array(items)
        }
        other => other,
    }
}

fn long_text(random: &mut Random) -> Value {
    let length = [1, 64, 65, 127, 256, 1025, 9000][random.below(7)];
    json!(["a", "é", "\u{0}", " ", "9", "(", "["][random.below(7)].repeat(length))
}

fn odd(random: &mut Random) -> Value {
    let number = random.next_u64();
    match random.below(10) {
        0 => json!(number),
        1 => json!(i64::MIN),
        2 => json!(i32::MAX),
        3 => json!(-1),
        4 => json!(f64::from_bits(number)),
        5 => json!(true),
        6 => json!(PIECES[random.below(PIECES.len())]),
        7 => Value::Object(Map::new()),
        8 => json!([]),
        _ => json!(number.to_string()),
    }
}
