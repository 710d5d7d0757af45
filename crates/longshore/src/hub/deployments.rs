//! Deployments and their statuses (<https://docs.github.com/en/rest/deployments>).

use hyper::Method;
use serde_json::{Value, json};

use super::answer::{Answer, Answered};
use super::api::{Ask, number, unknown};
use super::git;
use super::place::Place;
use super::records::{self, Deployment};

/// The states of a deployment, of which GitHub takes no other.
const STATES: [&str; 7] = ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"];
/// The longest description of a status, in characters.
const DESCRIPTION_LIMIT: usize = 140;
/// So many statuses of a deployment are kept; the oldest go first.
const STATUSES_LIMIT: usize = 100;

pub(super) async fn answer(ask: &Ask<'_>, place: &Place, rest: &[&str]) -> Answered {
    match (&ask.method, rest) {
        (&Method::GET, []) => list(ask, place).await,
        (&Method::POST, []) => create(ask, place).await,
        (&Method::GET, [id, "statuses"]) => {
            let id = number(id)?;
            let opened = records::open(ask.shared, place).await?;
            let deployment = opened.records.deployments.iter().find(|deployment| deployment.id == id);
            let statuses = &deployment.ok_or_else(Answer::not_found)?.statuses;
            ask.page(&statuses.iter().rev().cloned().collect::<Vec<_>>())
        }
        (&Method::POST, [id, "statuses"]) => add_status(ask, place, number(id)?).await,
        _ => Err(unknown(&ask.method)),
    }
}

/// The newest first.
async fn list(ask: &Ask<'_>, place: &Place) -> Answered {
    let opened = records::open(ask.shared, place).await?;
    let documents = opened.records.deployments.iter().rev().map(|deployment| &deployment.document);
    let is_wanted = |document: &&Value| {
        let filters = ["sha", "ref", "task", "environment"].into_iter();
        filters
            .flat_map(|name| Some((name, ask.parameter(name)?)))
            .all(|(name, value)| document[name] == value)
    };
    ask.page(&documents.filter(is_wanted).cloned().collect::<Vec<_>>())
}

async fn create(ask: &Ask<'_>, place: &Place) -> Answered {
    let document = ask.document()?;
    let text = |name: &str| document[name].as_str();
    let wanted = text("ref").ok_or_else(|| Answer::invalid("ref is needed"))?;
    let sha = sha_of(place, wanted).await?;
    let mut opened = records::open(ask.shared, place).await?;
    let id = opened.records.next_id();
    let environment = text("environment").unwrap_or("production");
    let now = records::now();
    let shown = json!({
        "id": id, "sha": sha, "ref": wanted, "task": text("task").unwrap_or("deploy"),
        "payload": document.get("payload").unwrap_or(&json!({})),
        "environment": environment, "original_environment": environment,
        "description": text("description"), "creator": super::webhook::sender(),
        "transient_environment": document["transient_environment"].as_bool().unwrap_or_default(),
        "production_environment":
            document["production_environment"].as_bool().unwrap_or(environment == "production"),
        "url": ask.link(place, &format!("/deployments/{id}")),
        "statuses_url": ask.link(place, &format!("/deployments/{id}/statuses")),
        "repository_url": ask.link(place, ""),
        "created_at": now, "updated_at": now,
    });
    opened.records.deployments.push(Deployment { id, document: shown.clone(), statuses: Vec::new() });
    opened.save()?;
    Ok(Answer::created(&shown))
}

/// The commit of a branch, or the commit that is named.
async fn sha_of(place: &Place, wanted: &str) -> Result<String, Answer> {
    let branches = git::branches(&place.directory).await?;
    if let Some(branch) = branches.into_iter().find(|branch| branch.name == wanted) {
        return Ok(branch.sha);
    }
    if git::has_commit(&place.directory, wanted).await? {
        return Ok(wanted.to_owned());
    }
    Err(Answer::invalid(&format!("No ref found for: {wanted}")))
}

async fn add_status(ask: &Ask<'_>, place: &Place, id: u64) -> Answered {
    let document = ask.document()?;
    let text = |name: &str| document[name].as_str();
    let state = text("state").filter(|state| STATES.contains(state));
    let state = state.ok_or_else(|| Answer::invalid(&format!("state is one of {}", STATES.join(", "))))?;
    let description = text("description").unwrap_or_default();
    if description.chars().count() > DESCRIPTION_LIMIT {
        return Err(Answer::invalid("description is too long (maximum is 140 characters)"));
    }
    let mut opened = records::open(ask.shared, place).await?;
    let status = opened.records.next_id();
    let deployment = opened.records.deployments.iter_mut().find(|deployment| deployment.id == id);
    let deployment = deployment.ok_or_else(Answer::not_found)?;
    let now = records::now();
    let shown = json!({
        "id": status, "state": state, "description": description, "creator": super::webhook::sender(),
        "environment": text("environment").or(deployment.document["environment"].as_str()),
        "environment_url": text("environment_url").unwrap_or_default(),
        "log_url": text("log_url").unwrap_or_default(), "target_url": text("log_url").unwrap_or_default(),
        "url": ask.link(place, &format!("/deployments/{id}/statuses/{status}")),
        "deployment_url": ask.link(place, &format!("/deployments/{id}")),
        "repository_url": ask.link(place, ""),
        "created_at": now, "updated_at": now,
    });
    deployment.document["updated_at"] = json!(now);
    deployment.statuses.push(shown.clone());
    deployment.statuses.drain(..deployment.statuses.len().saturating_sub(STATUSES_LIMIT));
    opened.save()?;
    Ok(Answer::created(&shown))
}
