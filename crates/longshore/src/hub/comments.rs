//! Comments on pull requests, which GitHub counts among the issues.

use hyper::Method;
use serde_json::{Value, json};

use super::answer::{Answer, Answered};
use super::api::{Ask, number, unknown};
use super::place::Place;
use super::records::{self, Comment};

/// The longest comment that GitHub takes, in characters.
const BODY_LIMIT: usize = 65_536;

pub(super) async fn answer(ask: &Ask<'_>, place: &Place, rest: &[&str]) -> Answered {
    match (&ask.method, rest) {
        (&Method::PATCH, ["comments", id]) => change(ask, place, number(id)?).await,
        (&Method::GET, [issue, "comments"]) => list(ask, place, number(issue)?).await,
        (&Method::POST, [issue, "comments"]) => add(ask, place, number(issue)?).await,
        _ => Err(unknown(&ask.method)),
    }
}

async fn list(ask: &Ask<'_>, place: &Place, issue: u64) -> Answered {
    let opened = records::open(ask.shared, place).await?;
    if !opened.records.pulls.iter().any(|pull| pull.number == issue) {
        return Err(Answer::not_found());
    }
    let comments = opened.records.comments.iter().filter(|comment| comment.issue == issue);
    let shown: Vec<Value> = comments.map(|comment| comment.document(ask, place)).collect();
    ask.page(&shown)
}

async fn add(ask: &Ask<'_>, place: &Place, issue: u64) -> Answered {
    let body = body(ask)?;
    let mut opened = records::open(ask.shared, place).await?;
    if !opened.records.pulls.iter().any(|pull| pull.number == issue) {
        return Err(Answer::not_found());
    }
    let now = records::now();
    let id = opened.records.next_id();
    let comment = Comment { id, issue, body, created_at: now.clone(), updated_at: now };
    let shown = comment.document(ask, place);
    opened.records.comments.push(comment);
    opened.save()?;
    Ok(Answer::created(&shown))
}

async fn change(ask: &Ask<'_>, place: &Place, id: u64) -> Answered {
    let body = body(ask)?;
    let mut opened = records::open(ask.shared, place).await?;
    let comment = opened.records.comments.iter_mut().find(|comment| comment.id == id);
    let comment = comment.ok_or_else(Answer::not_found)?;
    (comment.body, comment.updated_at) = (body, records::now());
    let shown = comment.document(ask, place);
    opened.save()?;
    Ok(Answer::ok(&shown))
}

fn body(ask: &Ask<'_>) -> Result<String, Answer> {
    let document = ask.document()?;
    let body = document["body"].as_str().filter(|body| !body.is_empty());
    let body = body.ok_or_else(|| Answer::invalid("body is needed"))?;
    if body.chars().count() > BODY_LIMIT {
        return Err(Answer::invalid("Body is too long (maximum is 65536 characters)"));
    }
    Ok(body.to_owned())
}

impl Comment {
    fn document(&self, ask: &Ask<'_>, place: &Place) -> Value {
        let page = format!("{}/{}/pull/{}", ask.shared.url, place.full_name(), self.issue);
        json!({
            "id": self.id, "body": self.body, "user": super::webhook::sender(),
            "url": ask.link(place, &format!("/issues/comments/{}", self.id)),
            "html_url": format!("{page}#issuecomment-{}", self.id),
            "issue_url": ask.link(place, &format!("/issues/{}", self.issue)),
            "created_at": self.created_at, "updated_at": self.updated_at,
        })
    }
}
