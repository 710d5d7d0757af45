//! From a push to its webhook: the hook leaves a file in the repository, and we look for it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::place::Place;
use super::webhook::delivery_id;
use super::{Shared, git, pulls, records};

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(100);
/// How many lines of one push are told: more references at once are nobody's work.
const LINES_LIMIT: usize = 1000;

/// What happened to a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Push {
    before: String,
    after: String,
    reference: String,
}

impl Push {
    /// Branches and tags, of which GitHub tells, too.
    fn parse(line: &str) -> Option<Self> {
        let (before, rest) = line.split_once(' ')?;
        let (after, reference) = rest.split_once(' ')?;
        let is_told = reference.starts_with("refs/heads/") || reference.starts_with("refs/tags/");
        let owned =
            || Self { before: before.to_owned(), after: after.to_owned(), reference: reference.to_owned() };
        (git::is_sha(before) && git::is_sha(after) && is_told).then(owned)
    }

    fn is_created(&self) -> bool {
        is_zero(&self.before)
    }

    fn is_deleted(&self) -> bool {
        is_zero(&self.after)
    }
}

fn is_zero(sha: &str) -> bool {
    sha.bytes().all(|byte| byte == b'0')
}

/// Tells of pushes as they come, also of those that came while nobody looked.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut greeted = BTreeSet::new();
    let mut ticks = tokio::time::interval(PAUSE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for place in Place::all(&shared.repositories) {
            if !greeted.contains(&place) {
                match greet(&place) {
                    Ok(()) => drop(greeted.insert(place.clone())),
                    Err(error) => tracing::warn!("cannot watch `{}`: {error:#}", place.directory.display()),
                }
            }
            for file in files(&place) {
                tell_all(&shared, &place, &file).await;
                drop(fs_err::remove_file(&file));
            }
        }
    }
}

/// Lets the repository know that we are here, and brings its hook up to date.
fn greet(place: &Place) -> Result<()> {
    place.install_hook()?;
    fs_err::write(place.pushes().join("hub"), std::process::id().to_string())?;
    Ok(())
}

/// What hooks have left, the oldest first.
fn files(place: &Place) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(place.pushes()).into_iter().flatten().flatten();
    let pushes =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "push"));
    let mut found: Vec<_> = pushes.map(|path| (modified(&path), path)).collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    fs_err::metadata(path).ok()?.modified().ok()
}

async fn tell_all(shared: &Shared, place: &Place, file: &Path) {
    // A name that is not UTF-8 is no branch that we could show.
    let text =
        fs_err::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let moment = format!("{} {:?}", file.display(), modified(file));
    for line in text.lines().take(LINES_LIMIT).filter(|line| !line.contains(char::REPLACEMENT_CHARACTER)) {
        let Some(push) = Push::parse(line) else { continue };
        let id = delivery_id(&[&moment, line]);
        if let Err(error) = tell(shared, place, &push, &id).await {
            tracing::warn!("cannot tell of a push to `{}`: {error:#}", place.full_name());
        }
    }
}

async fn tell(shared: &Shared, place: &Place, push: &Push, id: &str) -> Result<()> {
    shared.webhook.tell("push", id, &payload(shared, place, push).await?).await;
    if push.is_created() || push.is_deleted() {
        return Ok(());
    }
    let open = {
        let opened = records::open(shared, place).await?;
        let heads = opened.records.pulls.iter().filter(|pull| pull.open);
        let pushed = heads.filter(|pull| push.reference.strip_prefix("refs/heads/") == Some(&pull.head));
        pushed.cloned().collect::<Vec<_>>()
    };
    for pull in open {
        let mut payload = pulls::payload(shared, place, "synchronize", &pull).await?;
        (payload["before"], payload["after"]) = (json!(push.before), json!(push.after));
        let id = delivery_id(&[id, &pull.number.to_string()]);
        shared.webhook.tell("pull_request", &id, &payload).await;
    }
    Ok(())
}

/// As GitHub tells of a push (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#push>). Of its commits the
/// newest is shown.
async fn payload(shared: &Shared, place: &Place, push: &Push) -> Result<Value> {
    // By now the next push may have taken the commit away.
    let head = match push.is_deleted() {
        true => None,
        false => git::commit(&place.directory, &push.after).await.ok(),
    };
    let forced = !push.is_created()
        && !push.is_deleted()
        && git::is_forced(&place.directory, &push.before, &push.after).await?;
    let mut repository = place.document(&shared.url).await?;
    // It is a number here and a text elsewhere: GitHub's own way.
    repository["pushed_at"] = json!(jiff::Timestamp::now().as_second());
    let sender = super::webhook::sender();
    Ok(json!({
        "ref": push.reference, "before": push.before, "after": push.after, "base_ref": null,
        "created": push.is_created(), "deleted": push.is_deleted(), "forced": forced,
        "compare": format!("{}/compare/{}...{}", repository["html_url"].as_str().unwrap_or_default(), push.before, push.after),
        "commits": head.iter().collect::<Vec<_>>(), "head_commit": head,
        "repository": repository,
        "pusher": {"name": sender["login"], "email": null}, "sender": sender,
    }))
}
