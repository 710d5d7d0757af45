//! Passes: good where and as long as they say, and no other text is one.

use proptest::prelude::*;

use super::*;

const HERE: Place<'_> = Place { environment: "a.shop", app: "shop" };
const NOW: Timestamp = Timestamp(1_700_000_000_500);

fn key() -> Key {
    Key::new(&[7; 32])
}

fn link_is_good(pass: &str) -> bool {
    is_good(&key(), Use::Link, HERE, pass.as_bytes(), NOW)
}

#[test]
fn a_pass_is_good_for_what_it_was_made_for() {
    let end = NOW.plus_seconds(60);
    let cases = [
        (Scope::Environment("a.shop"), true),
        (Scope::Environment("b.shop"), false),
        (Scope::Environment("shop"), false),
        (Scope::App("shop"), true),
        (Scope::App("a.shop"), false),
        (Scope::App("other"), false),
    ];
    for (scope, expected) in cases {
        assert_eq!(link_is_good(&sign_link(&key(), scope, end)), expected, "{scope:?}");
    }
    let pass = sign_link(&key(), Scope::App("shop"), end);
    assert!(!is_good(&Key::new(&[8; 32]), Use::Link, HERE, pass.as_bytes(), NOW));
    assert!(!is_good(&key(), Use::Cookie, HERE, pass.as_bytes(), NOW));
    let cookie = sign_cookie(&key(), "a.shop", end);
    assert!(is_good(&key(), Use::Cookie, HERE, cookie.as_bytes(), NOW));
    assert!(!link_is_good(&cookie));
}

#[test]
fn a_pass_ends_with_its_second() {
    let pass = sign_link(&key(), Scope::App("shop"), Timestamp(1_700_000_060_999));
    let good_at = |at| is_good(&key(), Use::Link, HERE, pass.as_bytes(), Timestamp(at));
    assert!(good_at(0) && good_at(1_700_000_059_999));
    assert!(!good_at(1_700_000_060_000) && !good_at(i64::MAX));
    assert!(!link_is_good(&sign_link(&key(), Scope::App("shop"), Timestamp(-5))));
    assert!(link_is_good(&sign_link(&key(), Scope::App("shop"), Timestamp(i64::MAX))));
}

#[test]
fn a_pass_looks_as_it_always_did() {
    // From Python: hmac.new(bytes([7] * 32), b"longshore preview link\ne\na.shop\n1700000060", "sha256").hexdigest()
    let pass = sign_link(&key(), Scope::Environment("a.shop"), Timestamp(1_700_000_060_000));
    assert_eq!(pass, "e1700000060.41edbd97fcad4a137ab9c2fdf8317d915117b1dc820ed1ce25ceb7392a00bcfb");
    assert_eq!(format!("{:?}", key()), "(secret)");
}

#[test]
fn a_link_holds_any_path() {
    let url = enter_url("https://a.shop.example.com:8443", "e1.ff", "/x y?q=1&r=ü#z");
    assert_eq!(
        url,
        "https://a.shop.example.com:8443/.longshore/enter?token=e1.ff&to=%2Fx+y%3Fq%3D1%26r%3D%C3%BC%23z"
    );
}

/// Any end from long ago to far ahead.
fn end() -> impl Strategy<Value = Timestamp> {
    prop_oneof![(0..4_000_000_000_000_i64), any::<i64>()].prop_map(Timestamp)
}

proptest! {
    #[test]
    fn a_pass_is_good_until_its_end_and_then_never(end in end(), now in end()) {
        let pass = sign_link(&key(), Scope::Environment("a.shop"), end);
        let seconds = end.0.div_euclid(1000);
        let good = is_good(&key(), Use::Link, HERE, pass.as_bytes(), now);
        prop_assert_eq!(good, now.0 < seconds.saturating_mul(1000));
    }

    #[test]
    fn one_changed_byte_spoils_a_pass(place in 0_usize..76, byte in any::<u8>()) {
        let pass = sign_link(&key(), Scope::Environment("a.shop"), NOW.plus_seconds(60));
        let mut bytes = pass.clone().into_bytes();
        prop_assert_eq!(bytes.len(), 76);
        bytes[place] = byte;
        let good = is_good(&key(), Use::Link, HERE, &bytes, NOW);
        prop_assert_eq!(good, bytes == pass.as_bytes());
    }

    #[test]
    fn nothing_else_is_a_pass(
        text in prop_oneof![
            "[ea][+-]?[0-9]{0,20}\\.?[0-9a-fA-F]{0,66}",
            "\\PC{0,80}",
            Just("e9223372036854775807.".to_owned() + &"0".repeat(64)),
        ],
    ) {
        prop_assert!(!link_is_good(&text));
    }

    #[test]
    fn no_bytes_are_a_pass(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(!is_good(&key(), Use::Link, HERE, &bytes, NOW));
    }

    #[test]
    fn names_do_not_run_into_each_other(name in "[a-z\n0-9]{0,12}", seconds in 0_i64..1000, other in "[a-z\n0-9]{0,12}") {
        let pass = sign_link(&key(), Scope::App(&name), Timestamp(seconds * 1000));
        let there = Place { environment: "x", app: &other };
        prop_assert_eq!(is_good(&key(), Use::Link, there, pass.as_bytes(), Timestamp(-1)), name == other);
    }
}
