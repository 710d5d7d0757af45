//! What all pages share: head, navigation, a notice of what was just done.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use longshore_model::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::{decode, encode, words};
use crate::app::Shared;
use crate::people::{Visitor, csrf, sessions, word};
use crate::problem::Problem;

/// The cookie of a notice; it is shown once.
const NOTICE: &str = "notice";

/// A notice is forgotten after this, in seconds.
const NOTICE_S: i64 = 60;

/// The longest notice, in characters: a cookie has room for 4096 bytes, and an encoded character takes up to twelve.
const NOTICE_LIMIT: usize = 300;

/// The pages of the navigation.
const TABS: [(&str, &str, bool); 4] = [
    ("/", "Environments", false),
    ("/runs", "Cluster", false),
    ("/deliveries", "Deliveries", false),
    ("/audit", "Audit", true),
];

/// What a page is made in: who reads it, when, and what was just done.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) shared: Arc<Shared>,
    pub(crate) visitor: Visitor,
    pub(crate) now: Timestamp,
    /// Where this page is, with its query: forms come back to it.
    pub(crate) here: String,
    notice: Option<(bool, String)>,
}

impl FromRequestParts<Arc<Shared>> for Frame {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let Some(visitor) = parts.extensions.get::<Visitor>().cloned() else {
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "you are not logged in", "log in at /login"));
        };
        // What the script fetches for itself must not use up what a person is to read.
        let is_script = parts.headers.contains_key("x-live");
        let notice = sessions::cookie(shared, &parts.headers, NOTICE).filter(|_| !is_script);
        let notice = notice.map(decode).and_then(|text| {
            let (kind, text) = text.split_once(':')?;
            Some((kind == "ok", text.to_owned()))
        });
        let here = parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
        Ok(Self { shared: Arc::clone(shared), visitor, now: shared.now(), here, notice })
    }
}

impl Frame {
    /// The whole page. `tab` is the path of its place in the navigation.
    pub(crate) fn page(&self, title: &str, tab: &str, main: &Markup) -> Response {
        let notice = self.notice.as_ref();
        let main = html! {
            @if let Some((is_good, text)) = notice {
                p.notice.bad[!is_good] role="status" { (words::prose(text)) }
            }
            (main)
        };
        let page = Html(whole(&self.shared, Some(&self.visitor), title, tab, &main).into_string());
        if notice.is_some() {
            let gone = sessions::set_cookie(&self.shared, NOTICE, "", 0);
            return ([(header::SET_COOKIE, gone)], page).into_response();
        }
        page.into_response()
    }

    /// The hidden fields of each form.
    pub(crate) fn hidden(&self) -> Markup {
        html! {
            input type="hidden" name=(csrf::FIELD) value=(self.visitor.csrf);
            input type="hidden" name="to" value=(self.here);
        }
    }

    pub(crate) fn time(&self, rfc3339: &str) -> Markup {
        words::time(rfc3339, self.now)
    }
}

/// Goes back to a page, which then says what was done.
pub(crate) fn back(shared: &Shared, to: &str, done: &Result<String, Problem>) -> Response {
    let (kind, text) = match done {
        Ok(text) => ("ok", text.clone()),
        Err(Problem { error, hint: Some(hint), .. }) => ("bad", format!("{error} ({hint})")),
        Err(problem) => ("bad", problem.error.clone()),
    };
    let text: String = text.chars().take(NOTICE_LIMIT).collect();
    let cookie = sessions::set_cookie(shared, NOTICE, &encode(&format!("{kind}:{text}")), NOTICE_S);
    ([(header::SET_COOKIE, cookie)], Redirect::to(super::local(to))).into_response()
}

/// The page of a problem.
pub(super) fn problem(shared: &Shared, visitor: Option<&Visitor>, problem: &Problem) -> Html<String> {
    let main = html! {
        section.problem {
            p.code { (problem.status.as_u16()) }
            h1 { (words::sentence(&problem.error)) }
            @if let Some(hint) = &problem.hint { p.hint { (words::sentence(hint)) } }
            p { a href="/" { "To the environments" } }
        }
    };
    let title = problem.status.canonical_reason().unwrap_or("A problem");
    Html(whole(shared, visitor, title, "", &main).into_string())
}

/// A page, with or without somebody who is logged in.
pub(super) fn whole(
    shared: &Shared,
    visitor: Option<&Visitor>,
    title: &str,
    tab: &str,
    main: &Markup,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) " · Longshore" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" type="image/svg+xml" href=(shared.assets.path("icon.svg"));
                link rel="stylesheet" href=(shared.assets.path("style.css"));
                script defer src=(shared.assets.path("script.js")) {}
            }
            body data-events[visitor.is_some()] {
                a.skip href="#main" { "To the content" }
                header.top {
                    div.bar {
                        a.brand href="/" {
                            img src=(shared.assets.path("icon.svg")) alt="" width="20" height="20";
                            "Longshore"
                        }
                        @if let Some(visitor) = visitor { (navigation(visitor, tab)) }
                    }
                }
                main #main tabindex="-1" { (main) }
                p #announce .unseen role="status" aria-live="polite" {}
            }
        }
    }
}

fn navigation(visitor: &Visitor, tab: &str) -> Markup {
    html! {
        nav aria-label="Pages" {
            @for (path, name, is_for_operators) in TABS {
                @if !is_for_operators || visitor.is_operator() {
                    a href=(path) aria-current=[(path == tab).then_some("page")] { (name) }
                }
            }
        }
        div.me {
            span #live .live hidden title="This page keeps itself fresh" { "live" }
            span.who title=(format!("logged in as {} {}", "a", word(visitor.role))) { (visitor.name) }
            form method="post" action="/logout" {
                input type="hidden" name=(csrf::FIELD) value=(visitor.csrf);
                button.link { "Log out" }
            }
        }
    }
}
