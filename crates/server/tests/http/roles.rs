//! Who may use which route: a row for each. A route that is added without a row fails here.

use std::collections::BTreeSet;

use longshore_model::preview::State;
use longshore_model::preview::view::Role;
use longshore_server::Access;

use crate::samples;
use crate::support::{Answer, FORM, HTML, Server, form};

/// What a route answers: to nobody, to a viewer's token and an operator's, to a viewer's browser and an operator's.
struct Row(&'static str, &'static str, &'static str, &'static str, [u16; 5]);

/// Method, route, an address of it, a body, and the answers.
const ROWS: [Row; 33] = [
    Row("GET", "/healthz", "/healthz", "", [200, 200, 200, 200, 200]),
    Row("GET", "/readyz", "/readyz", "", [200, 200, 200, 200, 200]),
    Row("GET", "/metrics", "/metrics", "", [401, 200, 200, 401, 401]),
    Row("GET", "/assets/{hash}/{name}", "/assets/x/style.css", "", [200, 200, 200, 200, 200]),
    Row("POST", "/webhooks/github", "/webhooks/github", "{}", [401, 401, 401, 401, 401]),
    Row("POST", "/webhooks/slack", "/webhooks/slack", "text=list", [401, 401, 401, 401, 401]),
    Row("GET", "/api/v1/openapi.json", "/api/v1/openapi.json", "", [200, 200, 200, 200, 200]),
    Row("GET", "/api/v1/environments", "/api/v1/environments", "", [401, 200, 200, 401, 401]),
    Row("POST", "/api/v1/environments", "/api/v1/environments", WAKE, [401, 403, 200, 401, 401]),
    Row("GET", "/api/v1/environments/{id}", "/api/v1/environments/x.shop", "", [401, 200, 200, 401, 401]),
    Row(
        "GET",
        "/api/v1/environments/{id}/logs",
        "/api/v1/environments/x.shop/logs",
        "",
        [401, 503, 503, 401, 401],
    ),
    Row("GET", "/api/v1/deliveries", "/api/v1/deliveries", "", [401, 200, 200, 401, 401]),
    Row("GET", "/api/v1/waiting", "/api/v1/waiting", "", [401, 200, 200, 401, 401]),
    Row("GET", "/api/v1/events", "/api/v1/events", "", [401, 200, 200, 401, 401]),
    Row("GET", "/api/v1/audit", "/api/v1/audit", "", [401, 403, 200, 401, 401]),
    Row("GET", "/api/v1/tokens", "/api/v1/tokens", "", [401, 403, 200, 401, 401]),
    Row(
        "POST",
        "/api/v1/tokens",
        "/api/v1/tokens",
        r#"{"name":"new","role":"viewer"}"#,
        [401, 403, 201, 401, 401],
    ),
    Row("DELETE", "/api/v1/tokens/{name}", "/api/v1/tokens/new", "", [401, 403, 204, 401, 401]),
    Row("GET", "/login", "/login", "", [200, 200, 200, 303, 303]),
    // None of them has the token of the login's form.
    Row("POST", "/login", "/login", "token=x", [403, 403, 403, 403, 403]),
    Row("GET", "/login/github", "/login/github", "", [404, 404, 404, 404, 404]),
    Row("GET", "/login/callback", "/login/callback", "", [404, 404, 404, 404, 404]),
    Row("GET", "/enter", "/enter?environment=x.shop&to=%2F", "", [303, 303, 303, 303, 303]),
    Row("GET", "/events", "/events", "", [401, 401, 401, 200, 200]),
    Row("GET", "/", "/", "", [303, 303, 303, 200, 200]),
    Row("POST", "/environments", "/environments", "subject=feature%2Fx", [401, 401, 401, 403, 303]),
    Row("GET", "/environments/{id}", "/environments/x.shop", "", [303, 303, 303, 200, 200]),
    Row("POST", "/environments/{id}/{verb}", "/environments/x.shop/pin", "", [401, 401, 401, 403, 303]),
    Row("POST", "/confirm", "/confirm", "repository=octo%2Fshop", [401, 401, 401, 403, 303]),
    Row("GET", "/deliveries", "/deliveries", "", [303, 303, 303, 200, 200]),
    Row("GET", "/runs", "/runs", "", [303, 303, 303, 200, 200]),
    Row("GET", "/audit", "/audit", "", [303, 303, 303, 403, 200]),
    // The last: it ends the sessions.
    Row("POST", "/logout", "/logout", "", [401, 401, 401, 303, 303]),
];

const WAKE: &str = r#"{"verb":"wake","environment":"x.shop"}"#;

/// Redirects to the login are not the answer that somebody wanted.
fn is_let_in(answer: &Answer) -> bool {
    let to_login = answer.header("location").starts_with("/login");
    ![401, 403].contains(&answer.status.as_u16()) && !to_login
}

#[test]
fn every_route_has_a_row() {
    let table = longshore_server::table();
    let routes: BTreeSet<(String, &str)> =
        table.iter().map(|(method, path, _)| (method.clone(), *path)).collect();
    let rows: BTreeSet<(String, &str)> = ROWS.iter().map(|row| (row.0.to_owned(), row.1)).collect();
    assert_eq!(routes, rows);
    assert_eq!(table.len(), routes.len(), "a route is there twice");
}

#[tokio::test]
async fn every_route_answers_each_role_as_its_row_says() {
    let server = Server::start().await;
    let it = samples::environment("shop", "feature/x", State::Ready, server.now(), 5);
    samples::keep(&server.book, &it, &[]).await;
    let viewer = server.token("viewer", Role::Viewer).await;
    let operator = server.token("operator", Role::Operator).await;
    let browsers = [server.browser(Role::Viewer).await, server.browser(Role::Operator).await];
    for Row(method, route, path, body, expected) in ROWS {
        let mut answers = Vec::new();
        for token in [None, Some(&viewer), Some(&operator)] {
            let bearer = token.map(|token| format!("Bearer {token}"));
            let mut headers = vec![HTML[0], ("content-type", FORM)];
            headers.extend(bearer.as_ref().map(|bearer| ("authorization", bearer.as_str())));
            answers.push(ask(&server, method, path, &headers, body.to_owned()).await);
        }
        for browser in &browsers {
            // Forms carry their token: it is the role that is asked for here.
            let csrf = form(&[("csrf", &browser.csrf)]);
            let body = if method == "POST" && !body.starts_with('{') {
                format!("{body}&{csrf}")
            } else {
                body.to_owned()
            };
            let headers = [HTML[0], ("cookie", &browser.cookie), ("content-type", FORM)];
            answers.push(ask(&server, method, path, &headers, body).await);
        }
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        assert_eq!(statuses, expected, "{method} {route}");
        let table = longshore_server::table();
        let (_, _, access) = table.iter().find(|(its, path, _)| its == method && *path == route).unwrap();
        let let_in: Vec<bool> = answers.iter().map(is_let_in).collect();
        match access {
            Access::Public if method == "GET" => assert_eq!(let_in, [true; 5], "{route}"),
            Access::Public | Access::Signed => assert_eq!(let_in, [false; 5], "{route}"),
            Access::Token(Role::Viewer) => assert_eq!(let_in, [false, true, true, false, false], "{route}"),
            Access::Token(Role::Operator) => {
                assert_eq!(let_in, [false, false, true, false, false], "{route}")
            }
            Access::Session(_) if route == "/logout" => {
                assert_eq!(let_in, [false; 5], "it leads to the login")
            }
            Access::Session(Role::Viewer) => assert_eq!(let_in, [false, false, false, true, true], "{route}"),
            Access::Session(Role::Operator) => {
                assert_eq!(let_in, [false, false, false, false, true], "{route}")
            }
        }
    }
    server.stop().await;
}

/// Streams have no end to wait for.
async fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
    if !path.ends_with("/events") {
        return server.send(method, path, headers, body).await;
    }
    let mut request = hyper::Request::builder().method(method).uri(path).header("host", &server.authority);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "accept") {
        request = request.header(*name, *value);
    }
    let response = server.open(request.body(body.into()).unwrap()).await;
    Answer { status: response.status(), headers: response.headers().clone(), body: String::new() }
}
