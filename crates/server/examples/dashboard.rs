//! The dashboard with sample data, to look at.
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use longshore_control::book::{self, Book};
use longshore_control::preview::Desk;
use longshore_model::preview::view::*;
use longshore_model::preview::*;
use longshore_model::{Error, Timestamp};
use longshore_server::*;
use longshore_world::{Clock, Expect};

#[derive(Debug)]
struct Wall;
impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}
#[derive(Debug)]
struct Nothing;
#[async_trait]
impl Reply for Nothing {
    async fn reply(&self, _: &str, _: &str) -> Result<(), Error> {
        Ok(())
    }
}
#[derive(Debug)]
struct Sample;
#[async_trait]
impl Glance for Sample {
    async fn services(&self) -> Result<Vec<ServiceRow>, Error> {
        let row = |name: &str, running, pending, desired, state: &str| ServiceRow {
            name: name.into(),
            task_definition: format!("{name}:12"),
            running,
            pending,
            desired,
            state: state.into(),
        };
        Ok(vec![
            row("shop-web", 3, 0, 3, "steady"),
            row("shop-worker", 1, 1, 2, "deploying"),
            row("checkout-login-3f2a", 1, 0, 1, "steady"),
        ])
    }
    async fn runs(&self) -> Result<Vec<RunRow>, Error> {
        let at =
            |m: i64| Some(jiff::Timestamp::from_millisecond(Wall.now().0 - m * 60_000).unwrap().to_string());
        Ok(vec![
            RunRow {
                id: "6f1e2d3c4b5a69788796a5b4c3d2e1f0".into(),
                task_definition: "migrate:7".into(),
                status: "RUNNING".into(),
                started_at: at(1),
                exit_code: None,
                reason: None,
            },
            RunRow {
                id: "0f1e2d3c4b5a69788796a5b4c3d2e1f0".into(),
                task_definition: "migrate:7".into(),
                status: "STOPPED".into(),
                started_at: at(40),
                exit_code: Some(0),
                reason: None,
            },
            RunRow {
                id: "af1e2d3c4b5a69788796a5b4c3d2e1f0".into(),
                task_definition: "report:3".into(),
                status: "STOPPED".into(),
                started_at: at(300),
                exit_code: Some(137),
                reason: Some("OutOfMemoryError: Container killed due to memory usage".into()),
            },
        ])
    }
    async fn api_calls(&self) -> Vec<ApiCalls> {
        let row = |operation: &str, last_minute, limit_per_minute| ApiCalls {
            operation: operation.into(),
            last_minute,
            limit_per_minute,
        };
        vec![
            row("ecs:DescribeServices", 14, Some(1200)),
            row("ecs:DescribeTasks", 9, Some(1200)),
            row("ecs:RunTask", 2, None),
            row("elasticloadbalancing:CreateRule", 310, Some(600)),
        ]
    }
    fn standing(&self) -> Standing {
        Standing { acts: Some(true), rounds: 412, errors: 1 }
    }
}
fn ago(minutes: i64) -> String {
    jiff::Timestamp::from_millisecond(Wall.now().0 - minutes * 60_000).unwrap().to_string()
}
#[allow(clippy::too_many_arguments)]
fn environment(branch: &str, app: &str, pr: Option<u64>, state: &str, minutes: i64) -> EnvironmentDetail {
    let label =
        branch.rsplit('/').next().unwrap().to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let id = format!("{label}.{app}");
    let sha = format!(
        "{:016x}{:016x}{:08x}",
        0x9f3c_17ab_55d2_u64.wrapping_mul(minutes as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        0x77_u64.wrapping_mul(minutes as u64),
        77
    );
    let up = matches!(state, "ready" | "asleep" | "updating");
    let t = |id: &str, healthy| TaskView {
        id: id.into(),
        status: "RUNNING".into(),
        healthy,
        task_definition: format!("{app}-{label}:3"),
        reason: None,
    };
    EnvironmentDetail {
        environment: EnvironmentView {
            url: (up || state == "waking").then(|| format!("https://{id}.preview.example.com/")),
            deployed_sha: up.then(|| {
                if state == "updating" { "77aa00ff11".to_owned() + &sha[10..] } else { sha.clone() }
            }),
            id,
            repository: format!("octo/{app}"),
            branch: branch.into(),
            pull_request: pr,
            state: state.into(),
            sha,
            waiting: vec![],
            failure: None,
            log_tail: vec![],
            pinned: false,
            by: "github".into(),
            created_at: ago(minutes + 600),
            deployed_at: up.then(|| ago(minutes)),
            last_request_at: up.then(|| ago(minutes / 4)),
            expires_at: Some(ago(minutes - 7 * 1440)),
            sleeps_at: (state == "ready").then(|| ago(minutes - 240)),
            usd_per_day: Some(if state == "asleep" { 0.0 } else { 0.43 }),
        },
        services: vec![
            ServiceView {
                name: format!("{app}-{label}"),
                tasks: vec![t("3f8a1c22d9e04b17a5c6", Some(true)), t("b1449e0cd2f74d8f9021", None)],
            },
            ServiceView { name: format!("{app}-{label}-worker"), tasks: vec![] },
        ],
        timeline: [
            ("state", "ready"),
            ("done", "the new revision is healthy behind its URL"),
            ("done", "update service to revision 3"),
            ("intent", "update service to revision 3"),
            ("error", "cannot register the task definition: too many calls; tried again in 4 s"),
            ("asked", "dana asked to keep it longer"),
            ("state", "creating"),
        ]
        .iter()
        .enumerate()
        .map(|(i, (kind, text))| EntryView {
            at: ago(minutes + i as i64 * 2),
            kind: (*kind).into(),
            text: (*text).into(),
            round: format!("r{i}"),
        })
        .collect(),
    }
}
async fn fill(book: &Book) {
    let mut all = vec![
        environment("feature/login-with-passkeys", "shop", Some(128), "ready", 12),
        environment("feature/cart-rounding", "shop", Some(131), "updating", 55),
        environment("fix/VAT-1042-reverse-charge", "shop", None, "failed", 4),
        environment("feature/search", "shop", None, "asleep", 2900),
        environment("renovate/all-minor", "shop", Some(119), "queued", 2),
        environment("feature/invoices-as-pdf", "billing", Some(44), "ready", 8000),
        environment("demo", "billing", None, "ready", 400),
        environment("feature/dunning", "billing", Some(47), "creating", 1),
        environment("feature/old-export", "billing", None, "removing", 9000),
    ];
    all[1].environment.waiting = vec!["1 of 2 tasks of the new revision answers its health check".into()];
    all[2].environment.failure =
        Some("the tasks of commit 3b1f09c crashed 3 times: exit code 1. Push a fix, or try again".into());
    all[2].environment.log_tail = vec![
        "Error: connect ECONNREFUSED db:5432".into(),
        "    at TCPConnectWrap.afterConnect (node:net:1555)".into(),
        "npm ERR! Lifecycle script `start` failed".into(),
    ];
    all[4].environment.waiting =
        vec!["20 of 20 environments of octo/shop exist; it is the first in the queue".into()];
    all[6].environment.pinned = true;
    all[6].environment.by = "dana".into();
    all[8].environment.waiting =
        vec!["the hook `drop-database` is tried again in 2 min: it failed 3 times".into()];
    if std::env::args().any(|it| it == "hostile") {
        let nasty = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>/feature/an-extremely-long-branch-name-that-goes-on-and-on-and-on-until-nobody-can-read-it-any-more-but-git-allows-it";
        all.push(environment(nasty, "shop", None, "ready", 3));
    }
    let writes = all.iter().map(|it| book::put("temp", &it.environment.id, Expect::Anything, it)).collect();
    book.write(writes).await.unwrap();
    let delivery = |n: i64, event: &str, about: Option<&str>, state| Delivery {
        id: format!("d1c0-{n}"),
        source: Source::Github,
        event: event.into(),
        repository: Some("octo/shop".into()),
        about: about.map(Into::into),
        at: Wall.now().plus_seconds(-n * 60),
        state,
    };
    let writes = [
        delivery(1, "push", Some("branch `feature/login-with-passkeys`"), DeliveryState::Accepted),
        delivery(
            3,
            "push",
            Some("branch `feature/cart-rounding`"),
            DeliveryState::Done("it is updated to commit 77aa00f".into()),
        ),
        delivery(9, "push", None, DeliveryState::Ignored("`refs/tags/v1.4.0` is no branch".into())),
        delivery(30, "ping", None, DeliveryState::Done("pong: GitHub reaches this server".into())),
    ]
    .iter()
    .map(|it| book::put(book::DELIVERIES, &it.id, Expect::Anything, it))
    .collect();
    book.write(writes).await.unwrap();
}
fn policy() -> Policy {
    Policy {
        repository: "octo/shop".into(),
        app: "shop".into(),
        trigger: Trigger {
            branches: vec!["feature/**".into(), "fix/**".into()],
            except: vec![],
            strip: vec![],
            pull_requests: Some(PullRequests::default()),
        },
        cluster: "default".into(),
        services: vec![],
        route: Route::Proxy {
            domain: "preview.example.com".into(),
            scheme: "https".into(),
            port: None,
            access: Access2::Login,
        },
        limits: Limits::default(),
        hooks: Hooks::default(),
    }
}
use longshore_model::preview::Access as Access2;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let book = Book::new(Arc::new(longshore_store::Memory::new()));
    let is_empty = std::env::args().any(|it| it == "empty");
    if !is_empty {
        fill(&book).await;
    }
    let policies: BTreeMap<String, Arc<Policy>> = [("octo/shop".to_owned(), Arc::new(policy()))].into();
    let token = people::tokens::make(&book, "dana", Role::Operator, "example", Wall.now()).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public_url = format!("http://{}", listener.local_addr().unwrap());
    println!("{public_url}\n{token}");
    let app = App {
        desk: Arc::new(Desk::new(book, policies, Arc::new(Wall))),
        secrets: Secrets {
            github: Some(b"It's a Secret to Everybody".to_vec()),
            slack: None,
            slack_token: None,
            key: [7; 32],
        },
        login: None,
        public_url,
        repositories_url: Some("https://github.com".into()),
        trusted_proxies: vec![],
        glance: Arc::new(Sample),
        reply: Arc::new(Nothing),
        sign_link: Arc::new(|_, _| None),
    };
    serve(listener, app, async { tokio::signal::ctrl_c().await.unwrap() }).await;
}
