//! Where people come in.

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use maud::html;

use super::{encode, frame};
use crate::app::Shared;
use crate::people::csrf;

/// The page. `to` is where they wanted to go.
pub(crate) fn show(shared: &Shared, to: &str, token: &str) -> Html<String> {
    let main = html! {
        section.login {
            h1 { "Log in" }
            @if shared.app.login.is_some() {
                a.button.main href=(format!("/login/github?to={}", encode(to))) { "Log in with GitHub" }
                p.or { span { "or" } }
            }
            form method="post" action="/login" {
                input type="hidden" name=(csrf::FIELD) value=(token);
                input type="hidden" name="to" value=(to);
                // Password managers keep what has a name.
                input type="text" name="username" value="longshore" autocomplete="username" hidden;
                label for="token" { "Token" }
                input #token type="password" name="token" required autocomplete="current-password"
                    autocapitalize="none" spellcheck="false" placeholder="longshore_…";
                p.hint {
                    "An operator makes one with " code { "POST /api/v1/tokens" } ". Where Longshore was started, it says "
                    "which file has the first one."
                }
                button.button.main[shared.app.login.is_none()] { "Log in" }
            }
        }
    };
    Html(frame::whole(shared, None, "Log in", "", &main).into_string())
}

/// The page that leads on by itself, once somebody is in. `to` is a place on this server.
pub(crate) fn go_on(shared: &Shared, to: &str) -> Response {
    let main = html! {
        section.login {
            h1 { "You are logged in" }
            p { a href=(to) { "Go on to the preview" } }
        }
    };
    let page = Html(frame::whole(shared, None, "You are logged in", "", &main).into_string());
    ([(header::REFRESH, format!("0; url={to}"))], page).into_response()
}
