//! Who did what.

use axum::extract::Query;
use axum::response::Response;
use maud::html;
use serde::Deserialize;

use super::encode;
use super::frame::Frame;
use crate::api::rfc3339;
use crate::audit;
use crate::problem::Problem;

/// Lines on the page.
const SHOWN: usize = 100;

/// From where on.
#[derive(Debug, Deserialize)]
pub(crate) struct From {
    after: Option<String>,
}

/// The page.
pub(crate) async fn show(frame: Frame, Query(from): Query<From>) -> Result<Response, Problem> {
    let deeds = audit::page(frame.shared.desk().book(), from.after, SHOWN).await?;
    let older = (deeds.len() == SHOWN).then(|| deeds.last().map(|(key, _)| key)).flatten();
    let main = html! {
        div.head {
            h1 { "Audit" }
            p.totals { "Who did what, the newest first" }
        }
        @if deeds.is_empty() {
            section.empty {
                h2 { "Nobody has done anything yet" }
                p { "What people and tokens ask for on this page, over the API and in Slack is written down here." }
            }
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Audit" {
                table {
                    thead { tr { th { "When" } th { "Who" } th { "Where" } th { "What" } th { "What became of it" } } }
                    tbody {
                        @for (_, deed) in &deeds {
                            tr {
                                td.meta { (frame.time(&rfc3339(deed.at))) }
                                td { (deed.who) }
                                td.meta { (deed.via) }
                                td { (deed.what) }
                                td { (deed.outcome.as_deref().unwrap_or("not known")) }
                            }
                        }
                    }
                }
            }
            @if let Some(key) = older {
                p.older { a href=(format!("/audit?after={}", encode(key))) { "Older" } }
            }
        }
    };
    Ok(frame.page("Audit", "/audit", &main))
}
