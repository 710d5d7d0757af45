//! What has come in: every webhook, with what became of it.

use axum::response::Response;
use longshore_model::preview::view::DeliveryView;
use maud::{Markup, html};

use super::frame::Frame;
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
            div.scroll tabindex="0" role="region" aria-label="Deliveries" {
                table {
                    thead { tr { th { "State" } th { "When" } th { "What" } th { "About" } th { "What became of it" } } }
                    tbody #deliveries data-live { @for delivery in &deliveries { (row(&frame, delivery)) } }
                }
            }
        }
    };
    Ok(frame.page("Deliveries", "/deliveries", &main))
}

fn row(frame: &Frame, delivery: &DeliveryView) -> Markup {
    let group = match delivery.state.as_str() {
        "done" => "ready",
        "ignored" => "asleep",
        _ => "busy",
    };
    html! {
        tr #(format!("delivery-{}", delivery.id)) {
            td { span class=(format!("state {group}")) { span.dot aria-hidden="true" {} (delivery.state) } }
            td.meta { (frame.time(&delivery.at)) }
            td title=(delivery.id) { (delivery.source) " " code { (delivery.event) } }
            td {
                @if let Some(about) = &delivery.about { (about) }
                @if let Some(repository) = &delivery.repository { p.meta { (repository) } }
            }
            td { (delivery.text.as_deref().map(words::sentence).unwrap_or_default()) }
        }
    }
}

fn nothing_yet(frame: &Frame) -> Markup {
    let url = format!("{}/webhooks/github", frame.shared.app.public_url.trim_end_matches('/'));
    html! {
        section.empty {
            h2 { "Nothing has come yet" }
            p { "In the settings of a repository on GitHub, add a webhook:" }
            dl.facts {
                div { dt { "Payload URL" } dd { code { (url) } } }
                div { dt { "Content type" } dd { code { "application/json" } } }
                div { dt { "Secret" } dd { "the one that Longshore was given" } }
                div { dt { "Events" } dd { "pushes, pull requests, branch or tag creation and deletion" } }
            }
            p.hint { "GitHub then sends a ping, which is shown here. Without a webhook Longshore finds branches by looking every few minutes." }
        }
    }
}
