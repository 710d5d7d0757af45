//! The program `git`, asked without a shell, and without the user's own settings.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use longshore_model::preview::github::Branch;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::error::Failed;

const PROGRAM: &str = "git";
/// How long a call may take. Those that we make read a list, or one commit.
const PATIENCE: Duration = Duration::from_secs(30);

/// What would lead `git` to other repositories or settings, as when this program was started by a hook.
const FOREIGN: [&str; 13] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_QUARANTINE_PATH",
    "GIT_TEMPLATE_DIR",
    "GIT_WORK_TREE",
];

/// Says so when there is no `git`.
pub(super) async fn check() -> Result<()> {
    check_program(PROGRAM).await
}

pub(super) async fn check_program(program: &str) -> Result<()> {
    let asked = command(program).arg("--version").stdin(Stdio::null()).output().await;
    match asked {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => bail!("`git --version` fails: {}", words(&output)),
        Err(error) => Err(Failed::new("cannot run the program `git`, which plays GitHub on this machine")
            .with_hint("install git (`apt install git`, `brew install git`), and see that it is in PATH")
            .caused_by(error)
            .into()),
    }
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("LC_ALL", "C")]);
    for name in FOREIGN {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs `git` on a bare repository. What comes from outside is never the beginning of an argument.
async fn run(directory: &Path, arguments: &[&str], input: &[u8]) -> Result<Output> {
    let mut child = command(PROGRAM)
        .arg("--git-dir")
        .arg(directory)
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot run `git`")?;
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // One that has ended early says why by itself.
            drop(stdin.write_all(input).await);
        }
    };
    let both = async { tokio::join!(feed, child.wait_with_output()).1 };
    let ended = tokio::time::timeout(PATIENCE, both).await;
    let ended = ended.map_err(|_| anyhow!("`git` did not end within {} s", PATIENCE.as_secs()))?;
    ended.context("cannot run `git`")
}

/// The same for what must go well; `what` completes "cannot ...".
pub(super) async fn must(what: &str, directory: &Path, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let output = run(directory, arguments, input).await?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    bail!("cannot {what} of `{}`: {}", directory.display(), words(&output))
}

fn words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    if text.trim().is_empty() {
        format!("git has ended with {}", output.status)
    } else {
        text.trim().to_owned()
    }
}

/// All branches, in the order of their names. Names that are not UTF-8 are left out, as no JSON could show them.
pub(super) async fn branches(directory: &Path) -> Result<Vec<Branch>> {
    let arguments = ["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/"];
    let listed = must("list the branches", directory, &arguments, b"").await?;
    let mut branches = Vec::new();
    for line in listed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Ok(line) = std::str::from_utf8(line) else {
            let name = String::from_utf8_lossy(line);
            tracing::warn!("a branch of `{}` is not UTF-8 and cannot be shown: {name}", directory.display());
            continue;
        };
        let branch =
            line.split_once(' ').and_then(|(sha, name)| Some((sha, name.strip_prefix("refs/heads/")?)));
        let (sha, name) = branch.with_context(|| format!("`git` lists `{line}`, which is no branch"))?;
        branches.push(Branch { name: name.to_owned(), sha: sha.to_owned() });
    }
    Ok(branches)
}

/// The branch that HEAD names.
pub(super) async fn default_branch(directory: &Path) -> Result<String> {
    let head = must("read HEAD", directory, &["symbolic-ref", "HEAD"], b"").await?;
    let head = String::from_utf8_lossy(&head);
    let name = head.trim().strip_prefix("refs/heads/");
    Ok(name.with_context(|| format!("HEAD of `{}` is no branch", directory.display()))?.to_owned())
}

/// Whether this is a commit's name: 40 digits, or 64 in a repository with SHA-256.
pub(super) fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether there is such a commit.
pub(super) async fn has_commit(directory: &Path, sha: &str) -> Result<bool> {
    if !is_sha(sha) {
        return Ok(false);
    }
    Ok(run(directory, &["cat-file", "-e", &format!("{sha}^{{commit}}")], b"").await?.status.success())
}

/// Whether a push from one commit to the other took something back.
pub(super) async fn is_forced(directory: &Path, before: &str, after: &str) -> Result<bool> {
    if !is_sha(before) || !is_sha(after) {
        return Ok(false);
    }
    let asked = run(directory, &["merge-base", "--is-ancestor", before, after], b"").await?;
    Ok(asked.status.code() == Some(1))
}

/// A commit as webhooks show it.
pub(super) async fn commit(directory: &Path, sha: &str) -> Result<Value> {
    let format = "--format=%H%x00%T%x00%cI%x00%an%x00%ae%x00%B";
    if !is_sha(sha) {
        bail!("`{sha}` is no commit");
    }
    let shown = must("read a commit", directory, &["log", "-1", format, sha], b"").await?;
    let shown = String::from_utf8_lossy(&shown);
    let parts: Vec<&str> = shown.splitn(6, '\0').collect();
    let [id, tree, at, name, email, message] = parts.as_slice() else { bail!("`git` shows no commit {sha}") };
    let person = json!({"name": name, "email": email});
    Ok(json!({
        "id": id, "tree_id": tree, "timestamp": at, "message": message.trim_end(), "distinct": true,
        "author": person, "committer": person,
    }))
}
