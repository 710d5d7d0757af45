//! The first page: all environments.

use axum::extract::Query;
use axum::response::Response;
use longshore_model::preview::Policy;
use longshore_model::preview::view::EnvironmentView;
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::Frame;
use super::{encode, waiting, words};
use crate::problem::Problem;

/// The filters by state: a word of the query, and what people read.
const GROUPS: [(&str, &str); 5] =
    [("", "All"), ("ready", "Ready"), ("busy", "In progress"), ("asleep", "Asleep"), ("failed", "Failed")];

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
}

impl Filter {
    fn has_text(&self, environment: &EnvironmentView) -> bool {
        let wanted = self.q.trim().to_lowercase();
        let number = environment.pull_request.map(|number| format!("#{number}"));
        let texts = [
            Some(environment.branch.as_str()),
            Some(environment.id.as_str()),
            Some(environment.repository.as_str()),
            Some(environment.sha.as_str()),
            Some(environment.by.as_str()),
            number.as_deref(),
        ];
        texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&wanted))
    }

    fn has_state(&self, environment: &EnvironmentView) -> bool {
        self.state.is_empty()
            || self.state == environment.state
            || self.state == words::group(&environment.state)
    }
}

/// The page.
pub(crate) async fn show(frame: Frame, Query(filter): Query<Filter>) -> Result<Response, Problem> {
    let all = frame.shared.desk().environments().await?;
    let waiting = frame.shared.desk().waiting().await?;
    let found: Vec<&EnvironmentView> = all.iter().filter(|it| filter.has_text(it)).collect();
    let shown: Vec<&EnvironmentView> = found.iter().copied().filter(|it| filter.has_state(it)).collect();
    let main = html! {
        div.head {
            h1 { "Environments" }
            p.totals #totals data-live { (totals(&all)) }
        }
        (waiting::show(&waiting))
        @if all.is_empty() {
            (nothing_yet(&frame))
        } @else {
            (filters(&filter, &found))
            ol.rows #environments data-live {
                @for environment in &shown { (row(&frame, environment)) }
                @if shown.is_empty() {
                    li.none #none { "Nothing is like this. " a href="/" { "Show all" } }
                }
            }
        }
        (make(&frame))
    };
    Ok(frame.page("Environments", "/", &main))
}

fn totals(all: &[EnvironmentView]) -> Markup {
    let usd: f64 = all.iter().filter_map(|it| it.usd_per_day).sum();
    let ready = all.iter().filter(|it| it.state == "ready").count();
    html! {
        @if !all.is_empty() {
            (words::count(all.len(), "environment", "environments"))
            " · " (ready) " ready"
            @if usd > 0.0 { " · about " (words::money(usd)) " a day" }
        }
    }
}

fn filters(filter: &Filter, found: &[&EnvironmentView]) -> Markup {
    let link = |state: &str| match (filter.q.is_empty(), state.is_empty()) {
        (true, true) => "/".to_owned(),
        (true, false) => format!("/?state={state}"),
        (false, true) => format!("/?q={}", encode(&filter.q)),
        (false, false) => format!("/?q={}&state={state}", encode(&filter.q)),
    };
    let count = |state: &str| {
        let filter = Filter { state: state.to_owned(), ..Filter::default() };
        found.iter().filter(|it| filter.has_state(it)).count()
    };
    html! {
        div.tools {
            nav.groups #groups data-live aria-label="Filter by state" {
                @for (state, name) in GROUPS {
                    a href=(link(state)) aria-current=[(state == filter.state).then_some("true")] {
                        (name) " " span.number { (count(state)) }
                    }
                }
            }
            form.search role="search" method="get" action="/" {
                @if !filter.state.is_empty() { input type="hidden" name="state" value=(filter.state); }
                label.unseen for="q" { "Filter by branch, pull request, commit or person" }
                input #q type="search" name="q" value=(filter.q) placeholder="Filter" autocomplete="off" spellcheck="false";
                button.unseen { "Filter" }
            }
        }
    }
}

fn row(frame: &Frame, it: &EnvironmentView) -> Markup {
    let page = format!("/environments/{}", encode(&it.id));
    html! {
        li class=(format!("row is-{}", words::group(&it.state))) #(format!("row-{}", it.id))
            data-name=(it.branch) data-state=(it.state) {
            div.cell-state { (words::state(&it.state)) }
            div.cell-what {
                h2 { a href=(page) { (words::breakable(&it.branch)) } }
                p.meta { (subject(frame, it)) }
            }
            div.cell-where { (address(it)) }
            div.cell-when {
                p { @match &it.deployed_at {
                    Some(at) => { "deployed " (frame.time(at)) }
                    None => { "made " (frame.time(&it.created_at)) }
                } }
                p.meta { (ends(frame, it)) }
            }
            div.cell-cost { (cost(it)) }
            div.cell-menu { @if frame.visitor.is_operator() { (menu(frame, it)) } }
            (remarks(it))
        }
    }
}

/// Its repository, pull request and commit.
pub(super) fn subject(frame: &Frame, it: &EnvironmentView) -> Markup {
    let base = frame.shared.app.repositories_url.as_ref();
    let repository = base.map(|base| format!("{}/{}", base.trim_end_matches('/'), it.repository));
    let link = |path: &str, text: &str| match &repository {
        Some(repository) => html! { a href=(format!("{repository}/{path}")) { (text) } },
        None => html! { span { (text) } },
    };
    html! {
        span { (it.repository) }
        @if let Some(number) = it.pull_request { (link(&format!("pull/{number}"), &format!("#{number}"))) }
        span.sha { (link(&format!("commit/{}", encode(&it.sha)), words::short(&it.sha))) }
        @if it.deployed_sha.as_ref().is_some_and(|deployed| *deployed != it.sha) {
            span { "runs " code { (words::short(it.deployed_sha.as_deref().unwrap_or_default())) } }
        }
    }
}

/// Where it answers. Links of anything but a web address are text.
pub(super) fn address(it: &EnvironmentView) -> Markup {
    let Some(url) = &it.url else {
        let none = if it.state == "removing" { "no address" } else { "no address yet" };
        return html! { span.meta { (none) } };
    };
    let bare = url.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    if bare.len() == url.trim_end_matches('/').len() {
        return html! { (url) };
    }
    html! { a.url href=(format!("/enter?environment={}&to=%2F", encode(&it.id))) { (words::breakable(bare)) } }
}

/// When it ends.
pub(super) fn ends(frame: &Frame, it: &EnvironmentView) -> Markup {
    html! {
        @if it.state == "removing" { "goes away now" }
        @else if it.pinned { "pinned" }
        @else if let Some(at) = &it.expires_at { "ends " (frame.time(at)) }
        @else { "ends with its branch" }
    }
}

pub(super) fn cost(it: &EnvironmentView) -> Markup {
    html! {
        @if let Some(usd) = it.usd_per_day { (words::money(usd)) span.meta { "/day" } }
    }
}

/// Why it waits, or why it failed.
fn remarks(it: &EnvironmentView) -> Markup {
    html! {
        @if let Some(failure) = &it.failure { p.remark.bad { (words::sentence(failure)) } }
        @for reason in &it.waiting { p.remark { (words::sentence(reason)) } }
    }
}

fn menu(frame: &Frame, it: &EnvironmentView) -> Markup {
    html! {
        details.menu #(format!("menu-{}", it.id)) {
            summary aria-label=(format!("Actions for {}", it.branch)) title="Actions" { "⋯" }
            div.sheet { (actions(frame, it)) }
        }
    }
}

/// The buttons of an environment, for operators.
pub(super) fn actions(frame: &Frame, it: &EnvironmentView) -> Markup {
    let action = |verb: &str| format!("/environments/{}/{verb}", encode(&it.id));
    let button = |verb: &str, label: &str| {
        html! { form method="post" action=(action(verb)) { (frame.hidden()) button { (label) } } }
    };
    let subject = it.pull_request.map_or_else(|| it.branch.clone(), |number| format!("#{number}"));
    html! {
        form method="post" action="/environments" {
            (frame.hidden())
            input type="hidden" name="repository" value=(it.repository);
            input type="hidden" name="subject" value=(subject);
            button { @if it.failure.is_some() { "Try again" } @else { "Deploy again" } }
        }
        @if it.state == "asleep" { (button("wake", "Wake")) } @else { (button("sleep", "Put to sleep")) }
        @if !it.pinned { (button("extend", "Keep it longer")) }
        @if it.pinned { (button("unpin", "Unpin")) } @else { (button("pin", "Pin")) }
        details.sure #(format!("sure-{}", it.id)) {
            summary { "Remove…" }
            form method="post" action=(action("down")) {
                (frame.hidden())
                p { "Its services and address go away." }
                button.danger { "Remove " (it.branch) }
            }
        }
    }
}

fn make(frame: &Frame) -> Markup {
    let policies = frame.shared.desk().policies();
    html! {
        @if frame.visitor.is_operator() && !policies.is_empty() {
            details.more #more {
                summary { "Make one by hand, or confirm removals" }
                div.cards {
                    form.card method="post" action="/environments" {
                        (frame.hidden())
                        h2 { "Make an environment" }
                        label for="repository" { "Repository" }
                        select #repository name="repository" {
                            @for name in policies.keys() { option value=(name) { (name) } }
                        }
                        label for="subject" { "Branch, or # and the number of a pull request" }
                        input #subject name="subject" required autocomplete="off" autocapitalize="none" spellcheck="false";
                        button.button { "Make it" }
                    }
                    form.card method="post" action="/confirm" {
                        (frame.hidden())
                        h2 { "Confirm removals" }
                        p.hint {
                            "When many branches end at once, their environments stay until somebody says that this is meant."
                        }
                        label for="confirm" { "Repository" }
                        select #confirm name="repository" {
                            @for name in policies.keys() { option value=(name) { (name) } }
                        }
                        button.button { "They may go" }
                    }
                }
            }
        }
    }
}

fn nothing_yet(frame: &Frame) -> Markup {
    let policies = frame.shared.desk().policies();
    html! {
        section.empty #environments data-live {
            h2 { "No environment yet" }
            @if policies.is_empty() {
                p { "No repository has environments. Give one a " code { "[[preview]]" } " in longshore.toml, and start Longshore again." }
            } @else {
                p { "One comes by itself when a branch or a pull request begins:" }
                ul { @for policy in policies.values() { li { (trigger(policy)) } } }
                p.hint { "Does GitHub reach this server? " a href="/deliveries" { "Deliveries" } " shows what has come." }
            }
        }
    }
}

fn trigger(policy: &Policy) -> Markup {
    let trigger = &policy.trigger;
    html! {
        strong { (policy.repository) } ": "
        @if !trigger.branches.is_empty() {
            "push a branch like "
            @for (index, glob) in trigger.branches.iter().enumerate() {
                @if index > 0 { " or " }
                code { (glob) }
            }
        }
        @if !trigger.branches.is_empty() && trigger.pull_requests.is_some() { ", or " }
        @if trigger.pull_requests.is_some() { "open a pull request" }
        @if trigger.branches.is_empty() && trigger.pull_requests.is_none() { "only by hand" }
    }
}
