//! What registries answer, and what we make of it.

use longshore_model::image::{Image, Reference};
use longshore_world::Surroundings;

use super::*;
use crate::replay::Replay;

fn image(name: &str) -> OtherImage {
    let Some(Image::Other(image)) = Image::read(name) else { panic!("{name}") };
    image
}

#[tokio::test]
async fn a_token_is_fetched_from_where_the_registry_says() {
    let (aws, replay) = Replay::on_aws("eu-west-1", [(401, ""), (200, r#"{"token":"anybody"}"#), (200, "")]);
    let challenge = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull""#;
    replay.with_headers([vec![("www-authenticate", challenge)]]);
    assert!(aws.other_image(&image("nginx:1.27")).await.unwrap().is_some());
    let sent = replay.sent();
    let asked: Vec<(&str, &str)> = sent.iter().map(|it| (it.method.as_str(), it.uri.as_str())).collect();
    let manifest = "https://registry-1.docker.io/v2/library/nginx/manifests/1.27";
    let token =
        "https://auth.docker.io/token?scope=repository%3Alibrary%2Fnginx%3Apull&service=registry.docker.io";
    assert_eq!(asked, [("HEAD", manifest), ("GET", token), ("HEAD", manifest)]);
    assert!(sent[0].header("accept").unwrap().contains("oci.image.index"));
    assert_eq!((sent[0].authorization.as_str(), sent[1].authorization.as_str()), ("", ""));
    assert_eq!(sent[2].authorization, "Bearer anybody");
}

#[tokio::test]
async fn answers() {
    let name = "ghcr.io/team/web:v1";
    let cases = [
        (200, Ok(true)),
        (404, Ok(false)),
        (401, Err(Kind::Denied)),
        (403, Err(Kind::Denied)),
        (429, Err(Kind::Throttled)),
        (503, Err(Kind::Unavailable)),
        (307, Err(Kind::Unavailable)),
    ];
    for (status, expected) in cases {
        let (aws, replay) = Replay::on_aws("eu-west-1", [(status, "")]);
        let end = aws.has_manifest(&image(name)).await.map_err(|error| error.kind());
        assert_eq!((end, replay.sent().len()), (expected, 1), "{status}");
    }
    let (aws, _) = Replay::on_aws("eu-west-1", []);
    let offline = aws.has_manifest(&image(name)).await.unwrap_err();
    assert_eq!(
        (offline.kind(), offline.to_string().as_str()),
        (Kind::Unavailable, "cannot look for image `team/web`: ghcr.io does not answer")
    );
}

#[tokio::test]
async fn a_token_that_is_refused_or_asked_for_in_plain_text_is_a_want_of_credentials() {
    for (realm, answers) in [
        (r#"Bearer realm="https://ghcr.io/token""#, vec![(401, ""), (403, "")]),
        (r#"Bearer realm="https://ghcr.io/token""#, vec![(401, ""), (200, r#"{"token":"x"}"#), (401, "")]),
        (r#"Bearer realm="http://ghcr.io/token""#, vec![(401, "")]),
        (r#"Basic realm="x""#, vec![(401, "")]),
    ] {
        let count = answers.len();
        let (aws, replay) = Replay::on_aws("eu-west-1", answers);
        replay.with_headers([vec![("www-authenticate", realm)]]);
        let error = aws.has_manifest(&image("ghcr.io/team/web")).await.unwrap_err();
        assert_eq!((error.kind(), replay.sent().len()), (Kind::Denied, count), "{realm}");
    }
}

#[tokio::test]
async fn a_registry_may_send_us_elsewhere_but_not_for_ever() {
    let (aws, replay) = Replay::on_aws("eu-west-1", [(307, ""), (302, ""), (200, "")]);
    replay.with_headers([
        vec![("location", "https://eu.pkg.example/v2/a/manifests/1?x=1")],
        vec![("location", "/b")],
    ]);
    assert!(aws.has_manifest(&image("registry.k8s.io/a:1")).await.unwrap());
    assert_eq!(replay.sent()[1].uri, "https://eu.pkg.example/v2/a/manifests/1?x=1");
    assert_eq!(replay.sent()[2].uri, "https://eu.pkg.example/b");
    let (aws, replay) = Replay::on_aws("eu-west-1", [(307, ""), (307, ""), (307, ""), (307, "")]);
    replay.with_headers(vec![vec![("location", "/again")]; 4]);
    assert_eq!(aws.has_manifest(&image("registry.k8s.io/a:1")).await.unwrap_err().kind(), Kind::Unavailable);
    let (aws, replay) = Replay::on_aws("eu-west-1", [(307, "")]);
    replay.with_headers([vec![("location", "http://registry.k8s.io/plain")]]);
    assert!(aws.has_manifest(&image("registry.k8s.io/a:1")).await.is_err());
}

#[test]
fn places() {
    assert_eq!(origin("docker.io"), "https://registry-1.docker.io");
    assert_eq!(
        (origin("127.0.0.1:5000"), origin("quay.io")),
        ("http://127.0.0.1:5000".into(), "https://quay.io".into())
    );
    assert_eq!(split("https://a.b?x"), Some(("https://a.b".into(), "/?x".into())));
    assert_eq!((split("https:///x"), split("ftp://a/x"), split("/x")), (None, None, None));
    let challenge = r#"Bearer realm="https://a/t", Service="b,c" ,scope="repository:x:pull,push""#;
    assert_eq!(parameter(challenge, "service").as_deref(), Some("b,c"));
    assert_eq!(parameter(challenge, "scope").as_deref(), Some("repository:x:pull,push"));
    assert_eq!((parameter(challenge, "error"), parameter("Bearer", "realm")), (None, None));
    assert_eq!(image("nginx").reference, Reference::Tag("latest".into()));
}
