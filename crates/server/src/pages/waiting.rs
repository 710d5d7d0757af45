//! What is waited for beside the environments, on the first page: removals that are held, services that nobody knows, people
//! who cannot be told.

use longshore_model::preview::view::WaitingView;
use maud::{Markup, html};

use super::words;

/// Nothing, when nothing is waited for; its place is there all the same, for pages that are open.
pub(super) fn show(waiting: &[WaitingView]) -> Markup {
    html! {
        div #waiting data-live {
            @if !waiting.is_empty() {
                section.waiting aria-labelledby="waiting-title" {
                    h2 #waiting-title { "What is waited for" }
                    dl {
                        @for it in waiting {
                            dt { (it.about) }
                            @for reason in &it.waiting { dd { (words::sentence(reason)) } }
                        }
                    }
                }
            }
        }
    }
}
