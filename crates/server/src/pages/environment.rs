//! One environment: what it is like, what it runs, what has happened.

use std::time::Duration;

use axum::extract::Path;
use axum::response::Response;
use longshore_decide::preview::told::told;
use longshore_model::Error;
use longshore_model::preview::view::{EntryView, EnvironmentDetail, EnvironmentView, ServiceView, TaskView};
use maud::{Markup, html};

use super::environments::{actions, address, cost, ends, subject};
use super::frame::Frame;
use super::words;
use crate::problem::Problem;

/// Lines of the log on the page.
const LINES: u16 = 60;

/// The page does not wait longer for the log.
const LOG_TIME: Duration = Duration::from_secs(2);

/// Lines of the timeline on the page.
const ENTRIES: usize = 100;

/// The page.
pub(crate) async fn show(frame: Frame, Path(id): Path<String>) -> Result<Response, Problem> {
    let desk = frame.shared.desk();
    let log = tokio::time::timeout(LOG_TIME, desk.logs(&id, LINES));
    let (detail, log) = tokio::join!(desk.environment(&id), log);
    let detail = detail?;
    let it = &detail.environment;
    let main = html! {
        nav.crumbs aria-label="Where this is" { a href="/" { "Environments" } span aria-hidden="true" { " / " } (it.id) }
        div.head #head data-live data-name=(it.branch) data-state=(it.state) {
            div {
                h1 { (words::breakable(&it.branch)) }
                p.meta { (words::state(&it.state)) (subject(&frame, it)) }
            }
            div.open { (address(it)) }
        }
        (remarks(it))
        (facts(&frame, it))
        @if frame.visitor.is_operator() {
            section.actions #actions data-live aria-label="Actions" { (actions(&frame, it)) }
        }
        div.columns {
            section aria-labelledby="timeline-title" {
                h2 #timeline-title { "Timeline" }
                (entries(&frame, &detail))
            }
            div {
                section aria-labelledby="services-title" {
                    h2 #services-title { "Services and tasks" }
                    (services(&detail.services))
                }
                section aria-labelledby="log-title" {
                    h2 #log-title { "Log" }
                    (lines(log.ok().as_ref()))
                }
            }
        }
    };
    Ok(frame.page(&it.branch, "/", &main))
}

fn remarks(it: &EnvironmentView) -> Markup {
    html! {
        div class=(format!("remarks is-{}", words::group(&it.state))) #remarks data-live {
            @if let Some(failure) = &it.failure {
                section.failure aria-label="Why it failed" {
                    p { (words::sentence(failure)) }
                    @if !it.log_tail.is_empty() {
                        pre tabindex="0" aria-label="The last lines of the task that failed" { (it.log_tail.join("\n")) }
                    }
                }
            }
            @for reason in &it.waiting { p.remark { (words::sentence(reason)) } }
        }
    }
}

fn facts(frame: &Frame, it: &EnvironmentView) -> Markup {
    let moment = |at: Option<&String>, otherwise: &str| match at {
        Some(at) => frame.time(at),
        None => html! { (otherwise) },
    };
    html! {
        dl.facts #facts data-live {
            div { dt { "Asked for by" } dd { (it.by) } }
            div { dt { "Made" } dd { (frame.time(&it.created_at)) } }
            div { dt { "Deployed" } dd { (moment(it.deployed_at.as_ref(), "not yet")) } }
            div { dt { "Last request" } dd { (moment(it.last_request_at.as_ref(), "none yet")) } }
            div { dt { "Life" } dd { (ends(frame, it)) } }
            @if let Some(at) = &it.sleeps_at { div { dt { "Sleeps" } dd { (frame.time(at)) } } }
            @if it.usd_per_day.is_some() { div { dt { "Cost" } dd { (cost(it)) } } }
        }
    }
}

fn entries(frame: &Frame, detail: &EnvironmentDetail) -> Markup {
    let mark = |entry: &EntryView| match entry.kind.as_str() {
        "error" => "failed",
        "intent" => "busy",
        "state" => words::group(&entry.text),
        "done" => "past",
        _ => "asleep",
    };
    html! {
        ol.timeline #timeline data-live {
            @for entry in told(&detail.timeline).take(ENTRIES) {
                li data-kind=(entry.kind) title=(format!("round {}", entry.round)) {
                    span class=(format!("state {}", mark(entry))) {
                        span.dot aria-hidden="true" {}
                        span.unseen { (entry.kind) ": " }
                    }
                    span.text { (words::prose(&entry.text)) }
                    span.meta { (frame.time(&entry.at)) }
                }
            }
            @if detail.timeline.is_empty() { li.none { "Nothing has happened yet." } }
        }
    }
}

fn services(services: &[ServiceView]) -> Markup {
    html! {
        div.services #services data-live {
            @for service in services {
                h3 { code { (service.name) } }
                @if service.tasks.is_empty() { p.none { "No task runs." } } @else {
                    ul { @for task in &service.tasks { (task_line(task)) } }
                }
            }
            @if services.is_empty() { p.none { "It has no service in ECS now." } }
        }
    }
}

fn task_line(task: &TaskView) -> Markup {
    let (group, health) = match (task.healthy, task.status.as_str()) {
        (_, "STOPPED") => ("asleep", "stopped"),
        (Some(true), _) => ("ready", "healthy"),
        (Some(false), _) => ("failed", "unhealthy"),
        (None, _) => ("busy", "not checked yet"),
    };
    html! {
        li {
            (words::dot(group, health))
            code title=(task.id) { (task.id.get(..8).unwrap_or(&task.id)) }
            span.meta { (task.status) " · " (task.task_definition) }
            @if let Some(reason) = &task.reason { span.meta { (reason) } }
        }
    }
}

fn lines(log: Option<&Result<Vec<String>, Error>>) -> Markup {
    html! {
        div #log data-live {
            @match log {
                Some(Ok(lines)) if lines.is_empty() => { p.none { "It has written nothing yet." } }
                Some(Ok(lines)) => { pre tabindex="0" aria-label="The last lines of its tasks" { (lines.join("\n")) } }
                Some(Err(error)) => { p.none { (words::sentence(&error.to_string())) } }
                None => { p.none { "The log could not be read in time. Reload the page to try again." } }
            }
        }
    }
}
