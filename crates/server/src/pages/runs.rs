//! The cluster: its services and runs, and how often AWS is called for all of this.

use axum::response::Response;
use longshore_model::Error;
use maud::{Markup, html};

use super::frame::Frame;
use super::table::{Row, table};
use super::words;
use crate::glance::{ApiCalls, RunRow, ServiceRow};

/// The page. What cannot be read is said in its place.
pub(crate) async fn show(frame: Frame) -> Response {
    let shared = &frame.shared;
    let (services, runs, calls) =
        tokio::join!(shared.services(), shared.runs(), shared.app.glance.api_calls());
    let main = html! {
        div.head data-lag { h1 { "Cluster" } }
        section aria-labelledby="services-title" {
            h2 #services-title { "Services" }
            (part(&services, "The cluster has no service.", service_table))
        }
        section aria-labelledby="runs-title" {
            h2 #runs-title { "Runs" }
            (part(&runs, "Nothing has run lately. `longshore run` starts a task and shows its log.", |runs| run_table(&frame, runs)))
        }
        section aria-labelledby="calls-title" {
            h2 #calls-title { "Calls of AWS in the last minute, beside its limits" }
            (call_table(&calls))
        }
    };
    frame.page("Cluster", "/runs", &main)
}

fn part<T>(rows: &Result<Vec<T>, Error>, nothing: &str, table: impl FnOnce(&[T]) -> Markup) -> Markup {
    match rows {
        Ok(rows) if rows.is_empty() => html! { p.none { (words::prose(nothing)) } },
        Ok(rows) => table(rows),
        Err(error) => html! { p.remark.bad { (words::sentence(&error.to_string())) } },
    }
}

fn service_table(services: &[ServiceRow]) -> Markup {
    let row = |service: &ServiceRow| {
        let group = match (service.running == service.desired && service.pending == 0, service.desired) {
            (true, 0) => "asleep",
            (true, _) => "ready",
            (false, _) => "busy",
        };
        let tasks = html! {
            (service.running) " of " (service.desired)
            @if service.pending > 0 { span.meta { " · " (service.pending) " on the way" } }
        };
        Row::new([
            html! { code { (service.name) } },
            html! { span.meta { (service.task_definition) } },
            tasks,
            words::dot(group, &service.state),
        ])
    };
    let rows: Vec<Row> = services.iter().map(row).collect();
    table("services", "Services", &["Service", "Revision", "Tasks", "State"], &rows)
}

fn run_table(frame: &Frame, runs: &[RunRow]) -> Markup {
    let row = |run: &RunRow| {
        let group = match (run.status.as_str(), run.exit_code) {
            ("STOPPED", Some(0)) => "ready",
            ("STOPPED", _) => "failed",
            _ => "busy",
        };
        let end = html! {
            @if let Some(code) = run.exit_code { "exit code " (code) }
            @if let Some(reason) = &run.reason { p.meta { (reason) } }
        };
        Row::new([
            html! { code title=(run.id) { (run.id.get(..8).unwrap_or(&run.id)) } },
            html! { span.meta { (run.task_definition) } },
            html! { span.meta { @if let Some(at) = &run.started_at { (frame.time(at)) } } },
            words::dot(group, &run.status.to_lowercase()),
            end,
        ])
    };
    let rows: Vec<Row> = runs.iter().map(row).collect();
    table("runs", "Runs", &["Run", "Revision", "Began", "State", "End"], &rows)
}

fn call_table(calls: &[ApiCalls]) -> Markup {
    if calls.is_empty() {
        return html! { p.none { "AWS was not called." } };
    }
    let row = |call: &ApiCalls| {
        let limit = match call.limit_per_minute {
            Some(limit) => html! {
                meter min="0" max=(limit) high=(limit / 2) optimum="0" value=(call.last_minute)
                    aria-label=(format!("{} of {limit}", call.last_minute)) {}
                span.meta { " " (limit) " a minute" }
            },
            None => html! { span.meta { "not published" } },
        };
        Row::new([html! { code { (call.operation) } }, html! { (call.last_minute) }, limit])
    };
    let rows: Vec<Row> = calls.iter().map(row).collect();
    table("calls", "Calls of AWS", &["Operation", "Calls", "Limit"], &rows)
}
