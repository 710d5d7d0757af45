//! Tables. On a phone their rows become cards, so the roles are said: a style would take them away from screen readers.

use maud::{Markup, html};

/// A row: the id by which the script knows it again, and a cell for each header.
pub(super) struct Row {
    pub(super) id: Option<String>,
    pub(super) cells: Vec<Markup>,
}

impl Row {
    pub(super) fn new<const CELLS: usize>(cells: [Markup; CELLS]) -> Self {
        Self { id: None, cells: cells.into() }
    }

    pub(super) fn with_id(self, id: String) -> Self {
        Self { id: Some(id), ..self }
    }
}

/// A table. `id` is that of its rows, for the script; `name` is for screen readers.
pub(super) fn table(id: &str, name: &str, headers: &[&str], rows: &[Row]) -> Markup {
    html! {
        div.scroll {
            table role="table" aria-label=(name) {
                thead role="rowgroup" {
                    tr role="row" { @for header in headers { th role="columnheader" scope="col" { (header) } } }
                }
                tbody role="rowgroup" #(id) data-live {
                    @for row in rows {
                        tr role="row" id=[row.id.as_ref()] {
                            @for (header, cell) in headers.iter().zip(&row.cells) {
                                td role="cell" data-label=(header) { (cell) }
                            }
                        }
                    }
                }
            }
        }
    }
}
