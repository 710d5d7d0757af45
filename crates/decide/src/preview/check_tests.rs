//! One slip at a time, and its sentence.

use longshore_model::network::{CapacityProviderStrategyItem, LaunchType};
use longshore_model::preview::{Network, PullRequests};

use super::super::samples::{policy, service};
use super::*;

fn only(policy: Policy) -> String {
    let sentences = check(&[policy]).unwrap_err();
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    sentences[0].clone()
}

fn port(first: u16, last: u16) -> Route {
    let load_balancer = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/x/1".to_owned();
    Route::Port { load_balancer, first, last }
}

fn host(domain: &str) -> Route {
    let listener = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/x/1/2".to_owned();
    Route::Host { listener, domain: domain.to_owned() }
}

fn https(url: &str) -> Hook {
    let action = HookAction::Https { url: url.to_owned(), secret_env: "HOOK_KEY".to_owned() };
    Hook { name: "seed".to_owned(), action, timeout_s: 60 }
}

type Slip = fn(&mut Policy);

#[test]
fn good_policies_are_good() {
    let mut second = policy();
    (second.repository, second.app) = ("octo/site".to_owned(), "site".to_owned());
    let mut api = service("api");
    api.paths = vec!["/api/*".to_owned()];
    api.image = Some("registry/api:{{sha}}-{{ branch }}".to_owned());
    api.environment.insert("PR".to_owned(), "{{ pr }} of {{ name }} }}".to_owned());
    second.services.push(api);
    second.hooks.after_create = vec![https("http://localhost:8080/seed")];
    second.route = host("preview.example.com");
    assert_eq!(check(&[policy(), second.clone()]), Ok(()));
    assert_eq!(warnings(&[policy(), second]), Vec::<String>::new());
}

#[test]
fn each_slip_of_a_policy_has_its_sentence() {
    let slips: [(Slip, &str); 20] = [
        (|it| it.repository = "shop".to_owned(), "a repository is `OWNER/NAME`"),
        (|it| it.app = "My_Shop".to_owned(), "`My_Shop` is no DNS label"),
        (|it| it.cluster.clear(), "no cluster"),
        (|it| it.trigger.branches = vec![String::new()], "empty text"),
        (|it| it.services.clear(), "no service"),
        (|it| it.limits.environments = 0, "`environments` of 0"),
        (|it| it.limits.sleep_s = Some(0), "`sleep` of 0"),
        (|it| (it.route, it.limits.sleep_s) = (port(1, 2), Some(60)), "needs the route `proxy`"),
        (|it| it.route = port(8100, 8000), "`8100-8000` is no range of ports"),
        (|it| it.route = port(0, 10), "no range of ports"),
        (|it| it.route = host("example.c0m"), "only letters behind the last dot"),
        (|it| it.route = host(&format!("{}.example.com", "x".repeat(50))), "128 are the most"),
        (|it| it.app = "x".repeat(64), "no DNS label"),
        (|it| it.hooks.before_destroy = vec![https("http://example.com/")], "must begin with https://"),
        (|it| it.hooks.before_destroy = vec![https("http://localhost.evil.example/")], "must begin with"),
        (|it| it.hooks.before_destroy = vec![https("http://127.0.0.1@evil.example/")], "must begin with"),
        (|it| it.hooks.before_destroy = vec![https("https:///x")], "must begin with"),
        (
            |it| it.hooks.after_update = vec![https("https://a.b/"), https("https://a.b/c")],
            "two hooks `seed`",
        ),
        (|it| it.hooks.after_create = vec![Hook { timeout_s: 0, ..https("https://a.b/") }], "no time at all"),
        (
            |it| it.route = Route::Port { load_balancer: "web".to_owned(), first: 1, last: 2 },
            "`web` is no load balancer's ARN",
        ),
    ];
    for (slip, expected) in slips {
        let mut policy = policy();
        slip(&mut policy);
        let sentence = only(policy);
        assert!(sentence.contains(expected), "{sentence}: {expected}");
    }
}

#[test]
fn each_slip_of_a_service_has_its_sentence() {
    let slips: [(Slip, &str); 18] = [
        (|it| it.services.push(service("web")), "two services are called `web`"),
        (|it| it.services[1].paths.clear(), "the service `api` has no `paths`"),
        (|it| it.services[0].paths = vec!["/x".to_owned()], "gets all that no other's fit"),
        (|it| it.services[1].paths = vec!["api".to_owned()], "`api` of the service `api` is no path"),
        (|it| (it.route, it.services[1].paths) = (host("a.b"), vec!["/a".to_owned(); 5]), "rule takes 4"),
        (|it| it.services[0].name = "we b".to_owned(), "the service `we b` needs a name"),
        (|it| it.services[0].task_definition.clear(), "no task definition"),
        (|it| it.services[0].port = 0, "no port"),
        (|it| it.services[0].count = 0, "a count of 0"),
        (|it| it.services[0].network = Some(Network::default()), "no subnet"),
        (|it| it.services[0].image = Some("x:{{ tag }}".to_owned()), "`{{ tag }}`, which stands for nothing"),
        (|it| it.services[0].image = Some("x:{{ sha".to_owned()), "a `{{` without `}}`"),
        (
            |it| {
                it.services[0].launch_type = Some(LaunchType::Fargate);
                let item = CapacityProviderStrategyItem {
                    capacity_provider: "FARGATE".to_owned(),
                    weight: None,
                    base: None,
                };
                it.services[0].capacity_providers = vec![item];
            },
            "one or the other",
        ),
        (|it| it.services[0].health.interval_s = 301, "`interval` of the health check"),
        (|it| it.services[0].health.timeout_s = 5, "less than its `interval`"),
        (|it| it.services[0].health.healthy = 1, "it can be 2 to 10"),
        (|it| it.services[0].health.matcher = "200-199".to_owned(), "`200-199`"),
        (|it| it.services[0].health.protocol = "TCP".to_owned(), "not `TCP`"),
    ];
    for (slip, expected) in slips {
        let mut policy = policy();
        policy.services.push(service("api"));
        policy.services[1].paths = vec!["/api/*".to_owned()];
        slip(&mut policy);
        let sentences = check(&[policy]).unwrap_err();
        assert!(sentences.iter().any(|it| it.contains(expected)), "{sentences:?}: {expected}");
    }
}

#[test]
fn matchers_as_elb_writes_them() {
    for (matcher, is_good) in [
        ("200", true),
        ("200,204", true),
        ("200-399", true),
        ("200-299,404", true),
        ("", false),
        ("200,", false),
        ("500", false),
        ("+20", false),
        ("200 - 299", false),
        ("299-200", false),
    ] {
        let mut policy = policy();
        policy.services[0].health.matcher = matcher.to_owned();
        assert_eq!(check(&[policy]).is_ok(), is_good, "{matcher}");
    }
}

#[test]
fn no_two_policies_share_a_repository_or_an_app() {
    let mut other = policy();
    other.repository = "Octo/Shop".to_owned();
    let sentences = check(&[policy(), other]).unwrap_err();
    assert_eq!(
        sentences,
        [
            "the repository `octo/shop` is in more than one [[preview]]",
            "the app `shop` is in more than one [[preview]]"
        ]
    );
}

#[test]
fn what_may_surprise_is_said() {
    let mut forks = policy();
    forks.trigger.pull_requests = Some(PullRequests { forks: true, ..PullRequests::default() });
    let mut crowded = policy();
    crowded.route = port(8000, 8009);
    let mut great = policy();
    (great.route, great.limits.environments) = (host("example.com"), 101);
    for (policy, expected) in
        [(forks, "anybody's code"), (crowded, "there are 10 ports"), (great, "100 that a load balancer")]
    {
        assert_eq!(check(std::slice::from_ref(&policy)), Ok(()));
        let sentences = warnings(&[policy]);
        assert_eq!(sentences.len(), 1, "{sentences:?}");
        assert!(sentences[0].contains(expected), "{sentences:?}");
    }
}
