//! Registries of images that anybody may read, over the Docker Registry protocol.
//! <https://distribution.github.io/distribution/spec/auth/token/>

use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::error::ErrorMetadata;
use longshore_model::image::OtherImage;
use longshore_model::{Error, Kind};
use serde_json::Value;

use crate::ecr::INDEXES;
use crate::signed::{self, ATTEMPT_TIMEOUT, Service};
use crate::{Aws, error};

const REGISTRY: Service = Service { name: "registry", id: "Registry", is_s3: false };

/// Manifests of one image, beside the indexes.
const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];

/// A registry may send us on, to where it is kept; so often we follow.
const REDIRECTS_LIMIT: usize = 3;

/// Where a question goes, and with which token.
struct Place {
    /// `https://HOST`, without a slash at its end.
    origin: String,
    /// With its query.
    path: String,
    token: Option<String>,
}

struct Response {
    status: u16,
    headers: Headers,
    body: String,
}

/// A body may be a token.
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Aws {
    /// Whether a registry has a manifest, as it says to nobody in particular. [`Kind::Denied`] when it wants to know more.
    pub(crate) async fn has_manifest(&self, image: &OtherImage) -> Result<bool, Error> {
        let what = format!("look for image `{}`", image.repository);
        let origin = origin(&image.host);
        let path = format!("/v2/{}/manifests/{}", image.repository, image.reference.as_str());
        let mut place = Place { origin, path, token: None };
        for _ in 0..=REDIRECTS_LIMIT {
            let response = self.fetch("HEAD", &place, &what).await?;
            match response.status {
                200 => return Ok(true),
                404 => return Ok(false),
                401 if place.token.is_none() => {
                    let token = self.token(&response, &place, image, &what).await?;
                    place = Place { token: Some(token), ..place };
                }
                301 | 302 | 307 | 308 => {
                    place = moved(&response, &place).ok_or_else(|| strange(&what, response.status))?
                }
                status => return Err(refused(&what, status)),
            }
        }
        Err(Error::new(Kind::Unavailable, format!("cannot {what}: the registry sends us on and on")))
    }

    /// A token for whoever only reads, from where the registry says.
    async fn token(
        &self,
        response: &Response,
        place: &Place,
        image: &OtherImage,
        what: &str,
    ) -> Result<String, Error> {
        let challenge = response.headers.get("www-authenticate").unwrap_or_default();
        let needs_key = || refused(what, 401);
        let realm = parameter(challenge, "realm").ok_or_else(needs_key)?;
        let (origin, path) = split(&realm).ok_or_else(needs_key)?;
        if origin.starts_with("http:") && !place.origin.starts_with("http:") {
            return Err(needs_key());
        }
        let scope = format!("repository:{}:pull", image.repository);
        let scope = parameter(challenge, "scope").unwrap_or(scope);
        let mut path = format!(
            "{path}{}scope={}",
            if path.contains('?') { '&' } else { '?' },
            signed::percent_encoded(&scope)
        );
        if let Some(service) = parameter(challenge, "service") {
            path += &format!("&service={}", signed::percent_encoded(&service));
        }
        let response = self.fetch("GET", &Place { origin, path, token: None }, what).await?;
        if response.status != 200 {
            return Err(refused(what, response.status));
        }
        let answer: Value = serde_json::from_str(&response.body).unwrap_or_default();
        let token = ["token", "access_token"].iter().find_map(|name| answer[*name].as_str());
        token.map(ToOwned::to_owned).ok_or_else(needs_key)
    }

    async fn fetch(&self, method: &str, place: &Place, what: &str) -> Result<Response, Error> {
        let bearer = place.token.as_ref().map(|token| format!("Bearer {token}"));
        let accept = [&INDEXES[..], &MANIFESTS].concat().join(", ");
        let mut headers = vec![("user-agent", "longshore")];
        if method == "HEAD" {
            headers.push(("accept", &accept));
        }
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        let request = signed::request(what, method, &place.path, &headers, Vec::new())?;
        let Some(http) = self.config.http_client() else {
            return Err(Error::new(Kind::Bug, format!("cannot {what}: there is no HTTP client")));
        };
        let operation = signed::operation(REGISTRY, "Manifest", &place.origin, ATTEMPT_TIMEOUT)
            .no_auth()
            .no_retry()
            .http_client(http)
            .deserializer(|response: &HttpResponse| {
                let body = response.body().bytes().unwrap_or_default();
                Ok::<_, OrchestratorError<ErrorMetadata>>(Response {
                    status: response.status().as_u16(),
                    headers: response.headers().clone(),
                    body: String::from_utf8_lossy(body).into_owned(),
                })
            })
            .build();
        let host = place.origin.split("//").last().unwrap_or_default();
        operation.invoke(request).await.map_err(|error| error::of_call(what, host, error))
    }
}

/// Registries of this machine speak plain HTTP, as with Docker.
fn origin(host: &str) -> String {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    match name {
        "docker.io" | "index.docker.io" => "https://registry-1.docker.io".to_owned(),
        "localhost" | "127.0.0.1" | "[::1]" => format!("http://{host}"),
        _ => format!("https://{host}"),
    }
}

/// A URL as its origin and the rest.
fn split(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let slash = if path.starts_with('/') { "" } else { "/" };
    (!host.is_empty()).then(|| (format!("{scheme}://{host}"), format!("{slash}{path}")))
}

/// Where a redirection leads. The token stays with whom it is for, and nobody is sent from TLS to plain HTTP.
fn moved(response: &Response, from: &Place) -> Option<Place> {
    let location = response.headers.get("location")?;
    if location.starts_with('/') && !location.starts_with("//") {
        return Some(Place {
            origin: from.origin.clone(),
            path: location.to_owned(),
            token: from.token.clone(),
        });
    }
    let (origin, path) = split(location)?;
    if origin.starts_with("http:") && from.origin.starts_with("https:") {
        return None;
    }
    let token = from.token.clone().filter(|_| origin == from.origin);
    Some(Place { origin, path, token })
}

/// A parameter of `Bearer realm="...",service="...",scope="..."`.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let (scheme, mut rest) = challenge.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    loop {
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if key.trim_start_matches([',', ' ']).eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = after;
    }
}

fn refused(what: &str, status: u16) -> Error {
    match status {
        401 | 403 => Error::new(
            Kind::Denied,
            format!("cannot {what}: the registry wants credentials, or has no such image"),
        ),
        429 => {
            Error::new(Kind::Throttled, format!("cannot {what}: the registry was asked too often from here"))
        }
        status => strange(what, status),
    }
}

fn strange(what: &str, status: u16) -> Error {
    Error::new(Kind::Unavailable, format!("cannot {what}: the registry answers with HTTP {status}"))
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
