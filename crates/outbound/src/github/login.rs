//! Lets people log in with GitHub: OAuth's code flow, and what a person may do here.

use async_trait::async_trait;
use longshore_model::preview::view::Role;
use longshore_model::{Error, Kind};
use longshore_world::{Login, Person};
use reqwest::Method;
use serde::Deserialize;

use super::call::PLACE;
use super::shape::User;
use super::{GitHub, address, escaped};
use crate::http::Call;
use crate::{Http, Secret};

/// An OAuth app of GitHub (or the OAuth side of a GitHub App), and who may do what.
#[derive(Debug, Clone)]
pub struct LoginSettings {
    /// Where people see GitHub: `https://github.com`, or an Enterprise Server's address.
    pub web: String,
    /// Its API, as for [`GitHub::new`].
    pub api: String,
    /// The app's.
    pub client_id: String,
    /// The app's.
    pub client_secret: Secret,
    /// Where the browser comes back to, as the app's settings have it.
    pub redirect_uri: String,
    /// Logins of people who may ask for things.
    pub operators: Vec<String>,
    /// Logins of people who may look.
    pub viewers: Vec<String>,
    /// An organisation, and what its members may do.
    pub organisation: Option<(String, Role)>,
}

/// Lets people log in with GitHub.
#[derive(Debug)]
pub struct GitHubLogin {
    http: Http,
    settings: LoginSettings,
}

/// An answer to a code: an error has the status 200, too.
#[derive(Deserialize)]
struct Exchange {
    access_token: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Membership {
    state: String,
}

impl GitHubLogin {
    /// For this app.
    ///
    /// # Errors
    /// An address is none, or secrets would travel unencrypted; or nobody could ever log in.
    pub fn new(http: Http, mut settings: LoginSettings) -> Result<Self, Error> {
        settings.web = address(&settings.web)?;
        settings.api = address(&settings.api)?;
        if settings.operators.is_empty() && settings.viewers.is_empty() && settings.organisation.is_none() {
            return Err(Error::new(Kind::Invalid, "GitHub logins are on, and nobody may log in")
                .with_hint("name operators, viewers or an organisation"));
        }
        Ok(Self { http, settings })
    }

    /// <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>
    async fn token(&self, code: &str) -> Result<Secret, Error> {
        let LoginSettings { web, client_id, client_secret, redirect_uri, .. } = &self.settings;
        let what = "exchange the code of a login";
        let members = [
            ("client_id", client_id.as_str()),
            ("client_secret", client_secret.expose()),
            ("code", code),
            ("redirect_uri", redirect_uri),
        ];
        let form: Vec<String> = members.map(|(name, value)| format!("{name}={}", escaped(value))).into();
        let call = Call {
            what,
            place: PLACE,
            method: Method::POST,
            url: &format!("{web}/login/oauth/access_token"),
            headers: vec![
                ("accept", "application/json".to_owned()),
                ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ],
            body: Some(form.join("&").into_bytes()),
            timeout: None,
        };
        let answer = self.http.send(call).await?;
        if answer.status != 200 {
            let text = format!("cannot {what}: GitHub answered with HTTP {}", answer.status);
            return Err(Error::new(Kind::Unavailable, text));
        }
        match answer.json(what, PLACE)? {
            Exchange { access_token: Some(token), error: None } if !token.is_empty() => {
                Ok(Secret::new(token))
            }
            Exchange { error, .. } => {
                let error = error.unwrap_or_else(|| "nothing of use".to_owned());
                let hint = match error.as_str() {
                    "incorrect_client_credentials" => "check the OAuth app's client id and secret",
                    "redirect_uri_mismatch" => {
                        "the OAuth app's callback address must be the one of this server"
                    }
                    _ => "a code holds for ten minutes and one login: log in again",
                };
                let text = format!("cannot {what}: GitHub says {error}");
                Err(Error::new(Kind::Denied, text).with_code(error).with_hint(hint))
            }
        }
    }

    /// <https://docs.github.com/en/rest/orgs/members#get-an-organization-membership-for-the-authenticated-user>
    async fn is_member(&self, github: &GitHub, login: &str, organisation: &str) -> Result<bool, Error> {
        let what = format!("see whether `{login}` is a member of `{organisation}`");
        let path = format!("/user/memberships/orgs/{}", escaped(organisation));
        match github.get::<Membership>(&what, &path).await {
            Ok(membership) => Ok(membership.state == "active"),
            Err(error) if error.kind() == Kind::NotFound => Ok(false),
            Err(error) if error.kind() == Kind::Denied => {
                Err(error
                    .with_hint(format!("an owner of `{organisation}` must approve this OAuth app there")))
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Login for GitHubLogin {
    fn authorize_url(&self, state: &str) -> String {
        let LoginSettings { web, client_id, redirect_uri, organisation, .. } = &self.settings;
        // Who somebody is needs no scope; whose member, this one.
        let scope = if organisation.is_some() { "read:org" } else { "" };
        let members = [
            ("client_id", client_id.as_str()),
            ("redirect_uri", redirect_uri),
            ("scope", scope),
            ("state", state),
        ];
        let query: Vec<String> = members.map(|(name, value)| format!("{name}={}", escaped(value))).into();
        format!("{web}/login/oauth/authorize?{}&allow_signup=false", query.join("&"))
    }

    async fn identify(&self, code: &str) -> Result<Person, Error> {
        let token = self.token(code).await?;
        let github = GitHub::new(self.http.clone(), &self.settings.api, Some(token))?;
        let login = github.get::<User>("see who has logged in", "/user").await?.login;
        let mut role = role(&self.settings, &login);
        if let Some((organisation, members)) = &self.settings.organisation
            && role < Some(*members)
            && self.is_member(&github, &login, organisation).await?
        {
            role = Some(*members);
        }
        let Some(role) = role else {
            return Err(Error::new(Kind::Denied, format!("`{login}` may do nothing here"))
                .with_hint("somebody who runs this server can name you in its longshore.toml"));
        };
        Ok(Person { login, role })
    }
}

/// What the lists say of somebody. GitHub's logins are the same in capitals and small letters.
fn role(settings: &LoginSettings, login: &str) -> Option<Role> {
    let is_in = |list: &[String]| list.iter().any(|it| it.eq_ignore_ascii_case(login));
    if is_in(&settings.operators) {
        Some(Role::Operator)
    } else {
        is_in(&settings.viewers).then_some(Role::Viewer)
    }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
