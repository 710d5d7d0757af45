//! Who did what.

use axum::extract::Query;
use axum::response::Response;
use longshore_decide::preview::view::time;
use longshore_model::preview::Deed;
use maud::html;
use serde::Deserialize;

use super::encode;
use super::frame::Frame;
use super::table::{Row, table};
use super::words;
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
            @let rows: Vec<Row> = deeds.iter().map(|(_, deed)| row(&frame, deed)).collect();
            (table("audit", "Audit", &["When", "Who", "Where", "What", "Result"], &rows))
            @if let Some(key) = older {
                p.older { a href=(format!("/audit?after={}", encode(key))) { "Older" } }
            }
        }
    };
    Ok(frame.page("Audit", "/audit", &main))
}

fn row(frame: &Frame, deed: &Deed) -> Row {
    Row::new([
        html! { span.meta { (frame.time(&time(deed.at))) } },
        html! { span.whole { (deed.who) } },
        html! { span.meta.whole { (deed.via) } },
        html! { (deed.what) },
        html! { (words::prose(deed.outcome.as_deref().unwrap_or("not known"))) },
    ])
}
