//! The example app's two services: a page, and what the page asks for.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;

use crate::serve::until_told_to_end;
use crate::{env, terminal};

/// Where the page has the name of the task that served it.
const SERVED_BY: &str = "SERVED_BY";

/// Where the page says what this is.
const ABOUT: &str = "ABOUT";

const PAGE: &str = include_str!("page.html");

const SHIPS: &str = r#"[{"name": "Aurora", "berth": 1, "draught": 7.2},
 {"name": "Blue Marlin", "berth": 4, "draught": 13.3},
 {"name": "Cutty Sark", "berth": 2, "draught": 6.1}]
"#;

/// How long requests that are under way may take once it is told to end.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Arguments {
    /// The port that it listens on
    #[arg(long, env = "PORT", default_value_t = 8080)]
    port: u16,
}

/// What a path has for an answer: its content type and its body.
type Content = fn(path: &str) -> Option<(&'static str, String)>;

/// The page of the service `web`.
pub(super) fn page(path: &str) -> Option<(&'static str, String)> {
    let task = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let by = format!("{task}, process {}", std::process::id());
    let about = about(env::preview());
    let page = || PAGE.replace(SERVED_BY, &by).replace(ABOUT, &about);
    (path == "/").then(|| ("text/html; charset=utf-8", page()))
}

/// Which branch this is, when it is one: in HTML, whatever the branch is called.
fn about(preview: Option<(String, String)>) -> String {
    const SHORT: usize = 7;
    match preview {
        Some((branch, sha)) => {
            let sha: String = sha.chars().take(SHORT).collect();
            format!("The branch <b>{}</b> at commit <code>{}</code>.", escaped(&branch), escaped(&sha))
        }
        None => "Two services behind one load balancer, on your own machine.".to_owned(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The list of the service `api`.
pub(super) fn ships(path: &str) -> Option<(&'static str, String)> {
    (path == "/api/ships").then(|| ("application/json", SHIPS.to_owned()))
}

/// Serves until SIGTERM or Ctrl-C. `/health` says that it is well.
pub(super) async fn serve(arguments: Arguments, content: Content) -> Result<u8> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, arguments.port));
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    terminal::data(format!("listening on {}\n", listener.local_addr()?).as_bytes())?;
    let graceful = GracefulShutdown::new();
    let mut end = std::pin::pin!(until_told_to_end());
    loop {
        let stream = tokio::select! {
            told = &mut end => { told?; break }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let answer = service_fn(move |request| async move { Ok::<_, Infallible>(answer(&request, content)) });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), answer);
        let connection = graceful.watch(connection);
        tokio::spawn(async move { drop(connection.await) });
    }
    terminal::data(b"ending\n")?;
    drop(tokio::time::timeout(GRACE, graceful.shutdown()).await);
    Ok(0)
}

fn answer(request: &Request<Incoming>, content: Content) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let found = if path == "/health" { Some(("text/plain", "well\n".to_owned())) } else { content(path) };
    let is_found = found.is_some();
    let (kind, body) = found.unwrap_or_else(|| ("text/plain", "not found\n".to_owned()));
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = if is_found { StatusCode::OK } else { StatusCode::NOT_FOUND };
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_branch_says_which_it_is() {
        assert!(about(None).starts_with("Two services"));
        let said = about(Some(("<img/src=x>".into(), "0123456789".into())));
        assert_eq!(said, "The branch <b>&lt;img/src=x&gt;</b> at commit <code>0123456</code>.");
    }
}
