//! What has come in: every webhook, with what became of it.

use axum::response::Response;
use longshore_model::preview::view::DeliveryView;
use maud::{Markup, html};

use super::frame::Frame;
use super::table::{Row, table};
use super::words;
use crate::problem::Problem;

/// Deliveries on the page.
const SHOWN: usize = 200;

/// The page.
pub(crate) async fn show(frame: Frame) -> Result<Response, Problem> {
    let deliveries = frame.shared.desk().deliveries(SHOWN).await?;
    let main = html! {
        div.head {
            h1 { "Deliveries" }
            p.totals { "What GitHub and Slack have sent, the newest first" }
        }
        @if deliveries.is_empty() { (nothing_yet(&frame)) } @else {
            @let rows: Vec<Row> = deliveries.iter().map(|delivery| row(&frame, delivery)).collect();
            (table("deliveries", "Deliveries", &["State", "When", "What", "About", "Result"], &rows))
        }
    };
    Ok(frame.page("Deliveries", "/deliveries", &main))
}

fn row(frame: &Frame, delivery: &DeliveryView) -> Row {
    let group = match delivery.state.as_str() {
        "done" => "ready",
        "ignored" => "asleep",
        _ => "busy",
    };
    let about = html! {
        @if let Some(about) = &delivery.about { (words::prose(about)) }
        @if let Some(repository) = &delivery.repository { p.meta { (repository) } }
    };
    let cells = [
        words::dot(group, &delivery.state),
        html! { span.meta { (frame.time(&delivery.at)) } },
        html! { span.whole title=(delivery.id) { (delivery.source) " " code { (delivery.event) } } },
        about,
        html! { (delivery.text.as_deref().map(words::sentence).unwrap_or_default()) },
    ];
    Row::new(cells).with_id(format!("delivery-{}", delivery.id))
}

fn nothing_yet(frame: &Frame) -> Markup {
    let url = format!("{}/webhooks/github", frame.shared.app.public_url);
    html! {
        section.empty {
            h2 { "Nothing has come yet" }
            p { "In the settings of a repository on GitHub, add a webhook:" }
            dl.facts {
                div { dt { "Payload URL" } dd { code { (url) } } }
                div { dt { "Content type" } dd { code { "application/json" } } }
                div { dt { "Secret" } dd { "the one that Longshore was given" } }
                div { dt { "Events" } dd { "pushes, pull requests and issue comments" } }
            }
            p.hint { "GitHub then sends a ping, which is shown here. Without a webhook Longshore finds branches by looking every few minutes." }
        }
    }
}
