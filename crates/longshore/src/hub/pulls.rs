//! Pull requests between branches of one repository, so that they can be opened and closed.

use hyper::Method;
use serde_json::{Value, json};

use super::answer::{Answer, Answered};
use super::api::{Ask, number, unknown};
use super::place::Place;
use super::records::{self, Pull};
use super::{Shared, git};

pub(super) async fn answer(ask: &Ask<'_>, place: &Place, rest: &[&str]) -> Answered {
    match (&ask.method, rest) {
        (&Method::GET, []) => list(ask, place).await,
        (&Method::POST, []) => open(ask, place).await,
        (&Method::GET, [found]) => {
            let found = number(found)?;
            let opened = records::open(ask.shared, place).await?;
            let pull = opened.records.pulls.iter().find(|pull| pull.number == found);
            Ok(Answer::ok(&pull.ok_or_else(Answer::not_found)?.document(ask.shared, place)))
        }
        (&Method::PATCH, [found]) => change(ask, place, number(found)?).await,
        _ => Err(unknown(&ask.method)),
    }
}

/// The newest first, unless asked otherwise: GitHub's own order.
async fn list(ask: &Ask<'_>, place: &Place) -> Answered {
    let state = ask.parameter("state").unwrap_or("open");
    let head = ask.parameter("head").map(|head| head.rsplit_once(':').map_or(head, |(_, branch)| branch));
    let base = ask.parameter("base");
    let opened = records::open(ask.shared, place).await?;
    let is_wanted = |pull: &&Pull| {
        (state == "all" || (state == "open") == pull.open)
            && head.is_none_or(|head| head == pull.head)
            && base.is_none_or(|base| base == pull.base)
    };
    let wanted = opened.records.pulls.iter().filter(is_wanted);
    let mut shown: Vec<Value> = wanted.map(|pull| pull.document(ask.shared, place)).collect();
    if ask.parameter("direction") != Some("asc") {
        shown.reverse();
    }
    ask.page(&shown)
}

async fn open(ask: &Ask<'_>, place: &Place) -> Answered {
    let document = ask.document()?;
    let text = |name: &str| document[name].as_str();
    let (Some(title), Some(head), Some(base)) = (text("title"), text("head"), text("base")) else {
        return Err(Answer::invalid("title, head and base are needed"));
    };
    // `OWNER:BRANCH` is a branch of the owner's.
    let head = head.strip_prefix(&format!("{}:", place.owner)).unwrap_or(head);
    let branches = git::branches(&place.directory).await?;
    let sha = |name: &str| branches.iter().find(|it| it.name == name).map(|branch| branch.sha.clone());
    let sha_of =
        |name: &str| sha(name).ok_or_else(|| Answer::invalid(&format!("there is no branch `{name}`")));
    let (head_sha, base_sha) = (sha_of(head)?, sha_of(base)?);
    let mut opened = records::open(ask.shared, place).await?;
    if opened.records.pulls.iter().any(|pull| pull.open && pull.head == head && pull.base == base) {
        return Err(Answer::invalid(&format!("a pull request already exists for {}:{head}", place.owner)));
    }
    let now = records::now();
    let pull = Pull {
        id: opened.records.next_id(),
        number: opened.records.next_number(),
        title: title.to_owned(),
        body: text("body").map(ToOwned::to_owned),
        head: head.to_owned(),
        base: base.to_owned(),
        sha: head_sha,
        base_sha,
        draft: document["draft"].as_bool().unwrap_or_default(),
        open: true,
        created_at: now.clone(),
        updated_at: now,
        closed_at: None,
    };
    opened.records.pulls.push(pull.clone());
    opened.save()?;
    tell(ask, place, "opened", &pull).await?;
    Ok(Answer::created(&pull.document(ask.shared, place)))
}

async fn change(ask: &Ask<'_>, place: &Place, found: u64) -> Answered {
    let document = ask.document()?;
    let mut opened = records::open(ask.shared, place).await?;
    let pull = opened.records.pulls.iter_mut().find(|pull| pull.number == found);
    let pull = pull.ok_or_else(Answer::not_found)?;
    if let Some(title) = document["title"].as_str() {
        title.clone_into(&mut pull.title);
    }
    if let Some(body) = document["body"].as_str() {
        pull.body = Some(body.to_owned());
    }
    let action = match (document["state"].as_str(), pull.open) {
        (Some("closed"), true) => {
            pull.close();
            "closed"
        }
        (Some("open"), false) => {
            (pull.open, pull.closed_at) = (true, None);
            "reopened"
        }
        (None | Some("open" | "closed"), _) => "edited",
        (Some(_), _) => return Err(Answer::invalid("state is `open` or `closed`")),
    };
    pull.updated_at = records::now();
    let pull = pull.clone();
    opened.save()?;
    tell(ask, place, action, &pull).await?;
    Ok(Answer::ok(&pull.document(ask.shared, place)))
}

/// Sends the webhook, which the one who calls does not wait for.
async fn tell(ask: &Ask<'_>, place: &Place, action: &str, pull: &Pull) -> anyhow::Result<()> {
    let payload = payload(ask.shared, place, action, pull).await?;
    let shared = std::sync::Arc::clone(ask.shared);
    let id = format!("{action} {}", pull.updated_at);
    let id = super::webhook::delivery_id(&[&place.full_name(), &pull.id.to_string(), &id]);
    tokio::spawn(async move { shared.webhook.tell("pull_request", &id, &payload).await });
    Ok(())
}

/// What a webhook says of a pull request.
pub(super) async fn payload(
    shared: &Shared,
    place: &Place,
    action: &str,
    pull: &Pull,
) -> anyhow::Result<Value> {
    Ok(json!({
        "action": action, "number": pull.number, "pull_request": pull.document(shared, place),
        "repository": place.document(&shared.url).await?, "sender": super::webhook::sender(),
    }))
}

impl Pull {
    /// As GitHub shows it.
    pub(super) fn document(&self, shared: &Shared, place: &Place) -> Value {
        let url = &shared.url;
        let full_name = place.full_name();
        let repository = json!({"id": place.id(), "name": place.name, "full_name": full_name});
        let side = |branch: &str, sha: &str| {
            let label = format!("{}:{branch}", place.owner);
            json!({"label": label, "ref": branch, "sha": sha, "repo": repository})
        };
        json!({
            "id": self.id, "number": self.number, "state": if self.open { "open" } else { "closed" },
            "title": self.title, "body": self.body, "draft": self.draft, "merged": false, "locked": false,
            "labels": [], "user": super::webhook::sender(), "author_association": "OWNER",
            "url": format!("{url}/repos/{full_name}/pulls/{}", self.number),
            "html_url": format!("{url}/{full_name}/pull/{}", self.number),
            "comments_url": format!("{url}/repos/{full_name}/issues/{}/comments", self.number),
            "head": side(&self.head, &self.sha), "base": side(&self.base, &self.base_sha),
            "created_at": self.created_at, "updated_at": self.updated_at,
            "closed_at": self.closed_at, "merged_at": null,
        })
    }
}
