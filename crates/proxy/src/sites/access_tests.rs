//! Gates: who is let in, who is sent where, and what stays of a request's cookies.

use hyper::Method;
use hyper::header::{ACCEPT, LOCATION};
use proptest::prelude::*;

use super::super::pass::{Scope, sign_link};
use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const PLACE: Place<'_> = Place { environment: "a.shop", app: "shop" };

fn gate(key: &Key, access: Access) -> Gate<'_> {
    let dashboard = "https://ship.example.com";
    Gate { key, place: PLACE, access, secure: true, dashboard, cookie_seconds: 3600 }
}

fn answer(gate: &Gate<'_>, target: &str, headers: &[(&'static str, &str)]) -> Option<Response<Bytes>> {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
    let headers = HeaderMap::from_iter(headers);
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    refuse(gate, &Head { method: &Method::GET, path, query, headers: &headers, has_target: true }, NOW)
}

fn location(response: &Response<Bytes>) -> &str {
    response.headers()[LOCATION].to_str().unwrap()
}

#[test]
fn a_link_becomes_a_cookie_that_lets_in() {
    let key = Key::new(&[1; 32]);
    let gate = gate(&key, Access::Login);
    let pass = sign_link(&key, Scope::Environment("a.shop"), NOW.plus_seconds(60));
    let response = answer(&gate, &format!("{ENTER_PATH}?token={pass}&to=%2Fx%3Fy%3D%2520z"), &[]).unwrap();
    assert_eq!((response.status(), location(&response)), (StatusCode::SEE_OTHER, "/x?y=%20z"));
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
    let (value, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure");
    assert!(answer(&gate, "/x", &[("cookie", value)]).is_none());
    assert!(answer(&gate, "/x", &[("cookie", "a=b"), ("cookie", &format!("c=d;{value} ;e"))]).is_none());
    // A cookie that a neighbour has put there does not lock out.
    assert!(answer(&gate, "/x", &[("cookie", &format!("{COOKIE_NAME}=bad; {value}"))]).is_none());
    // Elsewhere, later, or as a link it is worth nothing.
    let other = Gate { place: Place { environment: "b.shop", app: "shop" }, ..gate.clone() };
    assert!(answer(&other, "/x", &[("cookie", value)]).is_some());
    let token = value.split_once('=').unwrap().1;
    let link = answer(&gate, &format!("{ENTER_PATH}?token={token}"), &[]).unwrap();
    assert_eq!(link.status(), StatusCode::FORBIDDEN);
    let lasts = |seconds| {
        let cookie = sign_cookie(&key, "a.shop", NOW.plus_seconds(seconds));
        answer(&gate, "/", &[("cookie", &format!("{COOKIE_NAME}={cookie}"))]).is_none()
    };
    assert!(lasts(1) && !lasts(0));
    let plain = answer(&Gate { secure: false, ..gate }, &format!("{ENTER_PATH}?token={pass}"), &[]).unwrap();
    assert!(!plain.headers()[SET_COOKIE].to_str().unwrap().contains("Secure"));
}

#[test]
fn who_has_no_pass_is_sent_to_the_dashboard_or_told_so() {
    let key = Key::new(&[1; 32]);
    let closed = gate(&key, Access::Login);
    let response = answer(&closed, "/x?y=1&z", &[("accept", "text/html,*/*")]).unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&response), "https://ship.example.com/enter?environment=a.shop&to=%2Fx%3Fy%3D1%26z");
    let response = answer(&closed, "/x", &[("accept", "*/*")]).unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let sentence =
        "This preview is not public: open it from https://ship.example.com or with a signed link\n";
    assert_eq!(response.body(), sentence);
    assert!(answer(&gate(&key, Access::Public), "/x", &[]).is_none());
}

#[test]
fn a_link_to_a_public_site_only_leads_on() {
    let key = Key::new(&[1; 32]);
    let response =
        answer(&gate(&key, Access::Public), &format!("{ENTER_PATH}?token=old&to=/x"), &[]).unwrap();
    assert_eq!((response.status(), location(&response)), (StatusCode::SEE_OTHER, "/x"));
    assert!(!response.headers().contains_key(SET_COOKIE));
}

#[test]
fn a_link_leads_nowhere_else() {
    let key = Key::new(&[1; 32]);
    let pass = sign_link(&key, Scope::App("shop"), NOW.plus_seconds(60));
    for (to, expected) in [
        ("", None),
        ("x", None),
        ("//evil.example.com", None),
        ("/\\evil.example.com", None),
        ("\\\\evil.example.com", None),
        ("/\t/evil.example.com", None),
        ("\t//evil.example.com", None),
        (" //evil.example.com", None),
        ("/x\r\nSet-Cookie: a=b", None),
        ("/ü", None),
        ("https://evil.example.com/", None),
        ("javascript:alert(1)", None),
        ("@evil.example.com", None),
        ("/", Some("/")),
        ("/a//b?c=//d#e", Some("/a//b?c=//d#e")),
    ] {
        let target: String = form_urlencoded::byte_serialize(to.as_bytes()).collect();
        let target = format!("{ENTER_PATH}?token={pass}&to={target}&to=/other");
        let response = answer(&gate(&key, Access::Login), &target, &[]).unwrap();
        assert_eq!(response.headers().get(LOCATION).map(|it| it.to_str().unwrap()), expected, "{to}");
        assert_eq!(response.headers().contains_key(SET_COOKIE), expected.is_some(), "{to}");
    }
}

#[test]
fn only_our_cookie_is_taken_off() {
    let rest = |cookies: &[&str]| {
        let all = cookies.iter().map(|value| (COOKIE, HeaderValue::from_str(value).unwrap()));
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("*/*"))]);
        headers.extend(all);
        strip(&mut headers);
        assert_eq!(headers[ACCEPT], "*/*");
        headers.get_all(COOKIE).iter().map(|it| it.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(rest(&["longshore_preview=1"]), none);
    assert_eq!(rest(&["a=1;  b=2"]), ["a=1;  b=2"]);
    assert_eq!(rest(&["a=1; longshore_preview=x; b=\"2\""]), ["a=1; b=\"2\""]);
    assert_eq!(rest(&["longshore_preview=x;longshore_preview=y", "c=3;longshore_preview="]), ["c=3"]);
    assert_eq!(
        rest(&["longshore_previews=x; xlongshore_preview=y"]),
        ["longshore_previews=x; xlongshore_preview=y"]
    );
}

proptest! {
    #[test]
    fn any_path_of_this_host_stays_on_it(to in "[/\\\\@:a\t .?#%]{0,6}") {
        if let Some(location) = path_of_this_host(&to) {
            let location = location.to_str().unwrap();
            prop_assert_eq!(location, to.as_str());
            // What a browser reads: without white space, and with every bar a slash.
            let read: String = location.chars().filter(|it| !it.is_whitespace()).collect();
            let read = read.replace('\\', "/");
            prop_assert!(read.starts_with('/') && !read.starts_with("//"), "{}", to);
        }
    }

    #[test]
    fn no_query_breaks_the_gate(query in "(token|to|[&=%a-f0-9/.]){0,40}") {
        let key = Key::new(&[1; 32]);
        let response = answer(&gate(&key, Access::Login), &format!("{ENTER_PATH}?{query}"), &[]).unwrap();
        prop_assert!(!response.headers().contains_key(SET_COOKIE));
        prop_assert!(matches!(response.status().as_u16(), 400 | 403));
    }
}
