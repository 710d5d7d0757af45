//! Real pushes with the real `git`: what the pusher reads, what the webhook says, what the list shows.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::create_repository;
use super::support::{Delivery, SECRET, Setup, git, git_with};

const ZERO: &str = "0000000000000000000000000000000000000000";

/// Branches that are legal for git, and would harm a careless shell, path, option, URL or page.
const HOSTILE: [&str; 18] = [
    "-x",
    "--upload-pack=touch",
    "$(touch${IFS}owned)",
    "`touch owned`x",
    "a;touch${IFS}owned",
    "a&b|c>owned",
    "it's\"quoted\"",
    "%2e%2e%2fetc",
    "a%00b",
    "refs/heads/main",
    "heads/main",
    "<script>alert(1)</script>",
    "a#b",
    "a+b=c&d",
    "%s%n%d",
    "über/🚢",
    "@{x",
    "main.",
];

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

fn assert_signed(delivery: &Delivery) {
    let header = |name: &str| delivery.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-hub-signature-256"), signature(&delivery.body));
    assert_eq!(header("content-type"), "application/json");
    let id = header("x-github-delivery");
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
}

async fn names(setup: &Setup) -> Vec<String> {
    let listed = setup.get("/repos/octo-org/app/branches?per_page=100").await.json();
    listed.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_signature_is_that_of_githubs_example() {
    let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(signature(b"Hello, World!"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_comes_changes_and_goes_and_each_is_told() {
    let mut setup = Setup::new().await;
    let main = setup.git(&["rev-parse", "HEAD"]).trim().to_owned();

    let first = setup.commit("feature/x");
    let said = setup.git(&["push", "origin", "feature/x"]);
    assert!(said.contains("remote: longshore: preview of feature/x is on its way"), "{said}");
    let delivery = setup.delivery().await;
    assert_signed(&delivery);
    assert_eq!(delivery.event(), "push");
    let push = delivery.json();
    assert_eq!(push["ref"], "refs/heads/feature/x");
    assert_eq!((&push["before"], &push["after"]), (&json!(ZERO), &json!(first)));
    let flags = |push: &Value| ["created", "deleted", "forced"].map(|name| push[name].as_bool().unwrap());
    assert_eq!(flags(&push), [true, false, false]);
    assert_eq!(push["repository"]["full_name"], "octo-org/app");
    assert_eq!(push["repository"]["default_branch"], "main");
    assert_eq!(
        (&push["head_commit"]["id"], &push["head_commit"]["message"]),
        (&json!(first), &json!("A change"))
    );
    assert_eq!(push["head_commit"]["author"]["email"], "ada@example.com");
    let branch = setup.get("/repos/octo-org/app/branches/feature/x").await.json();
    assert_eq!((&branch["name"], &branch["commit"]["sha"]), (&json!("feature/x"), &json!(first)));

    let second = setup.commit("feature/x");
    setup.git(&["push", "origin", "feature/x"]);
    let push = setup.delivery().await.json();
    assert_eq!((&push["before"], &push["after"]), (&json!(first), &json!(second)));
    assert_eq!(flags(&push), [false, false, false]);

    setup.git(&["reset", "--quiet", "--hard", &main]);
    let third = setup.commit("feature/x");
    setup.git(&["push", "--force", "origin", "feature/x"]);
    let push = setup.delivery().await.json();
    assert_eq!((&push["after"], flags(&push)), (&json!(third), [false, false, true]));

    let said = setup.git(&["push", "origin", "--delete", "feature/x"]);
    assert!(said.contains("longshore: preview of feature/x goes away"), "{said}");
    let push = setup.delivery().await.json();
    assert_eq!((&push["before"], &push["after"]), (&json!(third), &json!(ZERO)));
    assert_eq!(flags(&push), [false, true, false]);
    assert_eq!(push["head_commit"], Value::Null);
    assert_eq!(setup.get("/repos/octo-org/app/branches/feature/x").await.status, 404);
    assert_eq!(names(&setup).await, ["main"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_branch_and_tags_are_told_without_a_word_of_previews() {
    let mut setup = Setup::new().await;
    setup.commit("main");
    setup.git(&["tag", "v1"]);
    let said = setup.git(&["push", "origin", "main", "v1"]);
    assert!(!said.contains("longshore"), "{said}");
    let told = [setup.delivery().await.json(), setup.delivery().await.json()];
    assert_eq!(told.map(|push| push["ref"].clone()), ["refs/heads/main", "refs/tags/v1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_while_nobody_is_there_is_told_later_and_listed_at_once() {
    let mut setup = Setup::new().await;
    setup.hub = None;
    // What a program that was killed has left behind.
    let mut ended = std::process::Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    fs_err::write(setup.bare.join("pushes/hub"), ended.id().to_string()).unwrap();
    setup.commit("feature/late");
    let said = setup.git(&["push", "origin", "feature/late"]);
    assert!(
        said.contains("longshore: preview of feature/late begins when `longshore up` runs again"),
        "{said}"
    );
    // Also when there is nothing to write to, the push goes through, and the list has it.
    fs_err::rename(setup.bare.join("pushes"), setup.bare.join("away")).unwrap();
    let said = setup.git(&["push", "origin", "HEAD:refs/heads/feature/lost"]);
    assert!(said.contains("longshore: cannot note this push"), "{said}");
    assert!(!said.contains("post-receive"), "{said}");
    fs_err::rename(setup.bare.join("away"), setup.bare.join("pushes")).unwrap();
    assert!(setup.is_quiet());
    setup.start().await;
    assert_eq!(names(&setup).await, ["feature/late", "feature/lost", "main"]);
    assert_eq!(setup.delivery().await.json()["ref"], "refs/heads/feature/late");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pushers_own_settings_change_nothing() {
    let mut setup = Setup::new().await;
    let configuration = setup.temporary.path().join("gitconfig");
    let hooks = setup.temporary.path().join("hooks");
    fs_err::create_dir(&hooks).unwrap();
    fs_err::write(&configuration, format!("[core]\n\thooksPath = {}\n", hooks.display())).unwrap();
    setup.commit("feature/x");
    let environment = [
        ("GIT_CONFIG_GLOBAL", configuration.to_str().unwrap()),
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/nonexistent"),
        ("LANG", "C"),
    ];
    let said = git_with(&setup.clone, &["push", "origin", "feature/x"], &environment);
    assert!(said.contains("longshore: preview of feature/x is on its way"), "{said}");
    assert_eq!(setup.delivery().await.json()["ref"], "refs/heads/feature/x");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_names_and_nothing_else() {
    let mut setup = Setup::new().await;
    let sha = setup.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let legal = |name: &&&str| {
        let mut asked = std::process::Command::new("git");
        asked.args(["check-ref-format", &format!("refs/heads/{name}")]);
        asked.status().unwrap().success()
    };
    let hostile: Vec<&str> = HOSTILE.iter().filter(legal).copied().collect();
    assert!(hostile.len() >= 14, "{hostile:?}");
    for name in &hostile {
        let said = setup.git(&["push", "origin", &format!("HEAD:refs/heads/{name}")]);
        assert!(said.contains(&format!("longshore: preview of {name} is on its way")), "{said}");
        assert_eq!(setup.delivery().await.json()["ref"], format!("refs/heads/{name}"));
        let escaped: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let branch = setup.get(&format!("/api/v3/repos/octo-org/app/branches/{escaped}")).await;
        assert_eq!(branch.status, 200, "{name}: {}", branch.text);
        assert_eq!((&branch.json()["name"], &branch.json()["commit"]["sha"]), (&json!(name), &json!(sha)));
    }
    let mut expected: Vec<String> = hostile.iter().map(|name| (*name).to_owned()).collect();
    expected.push("main".to_owned());
    expected.sort();
    assert_eq!(names(&setup).await, expected);
    for directory in [&setup.bare, &setup.clone, &std::env::current_dir().unwrap()] {
        assert!(!directory.join("owned").exists(), "{}", directory.display());
    }
    // A name that is not UTF-8 cannot be shown, and hides nobody else.
    let packed = [format!("{sha} refs/heads/").into_bytes(), b"caf\xe9\n".to_vec()].concat();
    let file = setup.bare.join("packed-refs");
    fs_err::write(&file, [fs_err::read(&file).unwrap_or_default(), packed].concat()).unwrap();
    assert_eq!(names(&setup).await, expected);
}

#[tokio::test]
async fn a_repository_is_made_once_and_always_the_same() {
    let temporary = tempfile::tempdir().unwrap();
    let seed: [(&str, &[u8]); 2] = [("a.txt", b"one\n"), ("deep/b", b"\0two")];
    let bare = create_repository(temporary.path(), "octo-org", "app", &seed).await.unwrap();
    assert_eq!(bare, temporary.path().join("octo-org/app.git"));
    let log = git(&bare, &["log", "--format=%an %ae %at %D", "--all"]);
    assert_eq!(log.trim(), "Longshore longshore@localhost 1700000000 HEAD -> main");
    assert_eq!(git(&bare, &["show", "main:deep/b"]), "\0two");
    assert_eq!(git(&bare, &["fsck", "--strict"]).trim(), "");
    // It stays as it is, and no other place differs.
    let again = create_repository(temporary.path(), "octo-org", "app", &[("other", b"")]).await.unwrap();
    let other = create_repository(temporary.path(), "octo-org", "other", &seed).await.unwrap();
    let head = |bare: &std::path::Path| git(bare, &["rev-parse", "main"]);
    assert_eq!((head(&again), again), (head(&other), bare));
    let entries = fs_err::read_dir(temporary.path().join("octo-org")).unwrap().count();
    assert_eq!(entries, 2, "something half made is left");
    for (owner, name) in [
        ("..", "app"),
        ("octo-org", "../x"),
        ("octo-org", ""),
        ("a/b", "c"),
        ("octo-org", "x.git"),
        ("-", "."),
    ] {
        let refused = create_repository(temporary.path(), owner, name, &seed).await.unwrap_err();
        assert!(refused.to_string().contains("cannot be the name of a repository"), "{refused}");
    }
}

#[tokio::test]
async fn without_git_it_says_what_is_missing() {
    let error = super::git::check_program("git-that-nobody-has").await.unwrap_err();
    let (lines, _) = crate::error::render(&error);
    assert_eq!(lines[0], "error: cannot run the program `git`, which plays GitHub on this machine");
    assert!(lines.iter().any(|line| line.starts_with("hint: install git")), "{lines:?}");
}
