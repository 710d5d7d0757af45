//! The cluster: its services and runs, and how often AWS is called for all of this.

use axum::response::Response;
use longshore_model::Error;
use maud::{Markup, html};

use super::frame::Frame;
use super::words;
use crate::glance::{ApiCalls, RunRow, ServiceRow};

/// The page. What cannot be read is said in its place.
pub(crate) async fn show(frame: Frame) -> Response {
    let glance = &frame.shared.app.glance;
    let (services, runs, calls) = tokio::join!(glance.services(), glance.runs(), glance.api_calls());
    let main = html! {
        div.head { h1 { "Cluster" } }
        section aria-labelledby="services-title" {
            h2 #services-title { "Services" }
            (part(&services, "The cluster has no service.", service_table))
        }
        section aria-labelledby="runs-title" {
            h2 #runs-title { "Runs" }
            (part(&runs, "Nothing has run lately. `longshore run` starts a task and shows its log.", |runs| run_table(&frame, runs)))
        }
        section aria-labelledby="calls-title" {
            h2 #calls-title { "Calls of AWS in the last minute" }
            (call_table(&calls))
        }
    };
    frame.page("Cluster", "/runs", &main)
}

fn part<T>(rows: &Result<Vec<T>, Error>, nothing: &str, table: impl FnOnce(&[T]) -> Markup) -> Markup {
    match rows {
        Ok(rows) if rows.is_empty() => html! { p.none { (nothing) } },
        Ok(rows) => table(rows),
        Err(error) => html! { p.remark.bad { (words::sentence(&error.to_string())) } },
    }
}

fn service_table(services: &[ServiceRow]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Services" {
            table {
                thead { tr { th { "Service" } th { "Revision" } th { "Tasks" } th { "State" } } }
                tbody #services data-live {
                    @for service in services {
                        @let is_whole = service.running == service.desired && service.pending == 0;
                        tr {
                            td { code { (service.name) } }
                            td.meta { (service.task_definition) }
                            td {
                                (service.running) " of " (service.desired)
                                @if service.pending > 0 { span.meta { " · " (service.pending) " on the way" } }
                            }
                            td {
                                span class=(if is_whole { "state ready" } else { "state busy" }) {
                                    span.dot aria-hidden="true" {} (service.state)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn run_table(frame: &Frame, runs: &[RunRow]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Runs" {
            table {
                thead { tr { th { "Run" } th { "Revision" } th { "Began" } th { "State" } th { "End" } } }
                tbody #runs data-live {
                    @for run in runs {
                        @let group = match (run.status.as_str(), run.exit_code) {
                            ("STOPPED", Some(0)) => "ready",
                            ("STOPPED", _) => "failed",
                            _ => "busy",
                        };
                        tr {
                            td { code title=(run.id) { (run.id.get(..8).unwrap_or(&run.id)) } }
                            td.meta { (run.task_definition) }
                            td.meta { @if let Some(at) = &run.started_at { (frame.time(at)) } }
                            td { span class=(format!("state {group}")) { span.dot aria-hidden="true" {} (run.status.to_lowercase()) } }
                            td {
                                @if let Some(code) = run.exit_code { "exit code " (code) }
                                @if let Some(reason) = &run.reason { p.meta { (reason) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn call_table(calls: &[ApiCalls]) -> Markup {
    html! {
        @if calls.is_empty() { p.none { "AWS was not called." } } @else {
            div.scroll tabindex="0" role="region" aria-label="Calls of AWS" {
                table {
                    thead { tr { th { "Operation" } th { "Calls" } th { "Of AWS's limit" } th { "Throttled" } } }
                    tbody #calls data-live { @for call in calls { (call_row(call)) } }
                }
            }
        }
    }
}

fn call_row(call: &ApiCalls) -> Markup {
    html! {
        tr {
            td { code { (call.operation) } }
            td { (call.last_minute) }
            td {
                @match call.limit_per_minute {
                    Some(limit) => {
                        meter min="0" max=(limit) high=(limit / 2) optimum="0" value=(call.last_minute)
                            aria-label=(format!("{} of {limit}", call.last_minute)) {}
                        span.meta { " " (limit) " a minute" }
                    }
                    None => { span.meta { "not published" } }
                }
            }
            td { @if call.throttled > 0 { strong.bad { (call.throttled) } } @else { span.meta { "0" } } }
        }
    }
}
