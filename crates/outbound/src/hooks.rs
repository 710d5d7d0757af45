//! Hooks: HTTPS ones are called here, functions and tasks by those who know AWS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_model::preview::HookAction;
use longshore_model::{Error, Kind};
use longshore_world::{HookCall, Hooks};
use reqwest::Method;

use crate::http::{Call, TIMED_OUT};
use crate::{Http, Secret, signature};

/// How much of an answer that is not good is told.
const SHOWN: usize = 300;

/// Calls each hook by its kind. Each kind keeps to the hook's own time itself.
#[derive(Debug)]
pub struct HookRunner {
    https: HttpsHooks,
    lambda: Arc<dyn Hooks>,
    task: Arc<dyn Hooks>,
}

/// Calls hooks over HTTPS.
#[derive(Debug)]
pub struct HttpsHooks {
    http: Http,
    keys: BTreeMap<String, Secret>,
}

impl HookRunner {
    /// `lambda` is given the hooks that invoke a function, `task` those that run a task.
    #[must_use]
    pub fn new(https: HttpsHooks, lambda: Arc<dyn Hooks>, task: Arc<dyn Hooks>) -> Self {
        Self { https, lambda, task }
    }
}

#[async_trait]
impl Hooks for HookRunner {
    async fn call(&self, call: &HookCall) -> Result<Result<(), String>, Error> {
        match call.hook.action {
            HookAction::Https { .. } => self.https.call(call).await,
            HookAction::Lambda { .. } => self.lambda.call(call).await,
            HookAction::Task { .. } => self.task.call(call).await,
        }
    }
}

impl HttpsHooks {
    /// `keys` are those of the signatures, by the environment variable that they came from.
    #[must_use]
    pub fn new(http: Http, keys: BTreeMap<String, Secret>) -> Self {
        Self { http, keys }
    }
}

#[async_trait]
impl Hooks for HttpsHooks {
    async fn call(&self, call: &HookCall) -> Result<Result<(), String>, Error> {
        let name = &call.hook.name;
        let what = format!("call hook `{name}`");
        let HookAction::Https { url, secret_env } = &call.hook.action else {
            return Err(Error::new(Kind::Bug, format!("cannot {what}: it is not one over HTTPS")));
        };
        let key = self.keys.get(secret_env).ok_or_else(|| {
            Error::new(Kind::Invalid, format!("cannot {what}: the variable {secret_env} is not set"))
                .with_hint("set it to the key that signs its requests where `longshore serve` runs")
        })?;
        let body = call.context.to_string().into_bytes();
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            (signature::SIGNATURE, signature::of(key, &body)),
            (signature::DELIVERY, call.id.clone()),
        ];
        let timeout = Duration::from_secs(call.hook.timeout_s.into());
        let request = Call {
            what: &what,
            place: "the hook",
            method: Method::POST,
            url,
            headers,
            body: Some(body),
            timeout: Some(timeout),
        };
        let answer = match self.http.send(request).await {
            Err(error) if error.code() == Some(TIMED_OUT) => {
                return Ok(Err(format!("hook `{name}` gave no answer in {} s", call.hook.timeout_s)));
            }
            answer => answer?,
        };
        if answer.is_good() {
            return Ok(Ok(()));
        }
        let words = format!("hook `{name}` answered with HTTP {} {}", answer.status, answer.quote(SHOWN));
        Ok(Err(words.trim_end().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::preview::Hook;
    use serde_json::json;

    use super::*;
    use crate::stand::{Reply, Stand};

    #[derive(Debug)]
    struct Fixed(&'static str);

    #[async_trait]
    impl Hooks for Fixed {
        async fn call(&self, _: &HookCall) -> Result<Result<(), String>, Error> {
            Ok(Err(self.0.to_owned()))
        }
    }

    fn runner() -> HookRunner {
        let keys = BTreeMap::from([("HOOK_KEY".to_owned(), Secret::new("s3cret-key"))]);
        let https = HttpsHooks::new(Http::new().unwrap(), keys);
        HookRunner::new(https, Arc::new(Fixed("lambda")), Arc::new(Fixed("task")))
    }

    fn call(action: HookAction) -> HookCall {
        HookCall {
            hook: Hook { name: "migrate".into(), action, timeout_s: 1 },
            id: "create/6113728/migrate".into(),
            began: longshore_model::Timestamp(0),
            cluster: "previews".into(),
            task_definition: "web:1".into(),
            placement: json!({}),
            context: json!({"environment": "changes-3f2a.hello"}),
            tags: Vec::new(),
        }
    }

    fn https(url: String) -> HookCall {
        call(HookAction::Https { url, secret_env: "HOOK_KEY".into() })
    }

    #[tokio::test]
    async fn a_hook_gets_the_whole_context_signed_and_with_its_id() {
        let stand = Stand::new(|_| Reply::text(202, "accepted")).await;
        let runner = runner();
        assert_eq!(runner.call(&https(format!("{}/deploy?x=1", stand.url()))).await.unwrap(), Ok(()));
        let [asked] = &stand.asked()[..] else { panic!("one request") };
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/deploy?x=1"));
        assert_eq!(asked.json(), json!({"environment": "changes-3f2a.hello"}));
        assert_eq!(asked.header(signature::DELIVERY), "create/6113728/migrate");
        let signature = signature::of(&Secret::new("s3cret-key"), asked.body.as_bytes());
        assert_eq!(asked.header(signature::SIGNATURE), signature);
        assert!(!format!("{runner:?}").contains("s3cret-key"));
    }

    #[tokio::test]
    async fn one_that_fails_says_why_in_few_words() {
        let cases = [
            (
                Reply::text(500, "no such\n\ttable\u{1b}[0m"),
                "hook `migrate` answered with HTTP 500 no such table [0m",
            ),
            (
                Reply::text(302, "").header("location", "http://127.0.0.1:1/"),
                "hook `migrate` answered with HTTP 302",
            ),
            (Reply::never(), "hook `migrate` gave no answer in 1 s"),
        ];
        for (reply, why) in cases {
            let stand = Stand::new(move |_| reply.clone()).await;
            assert_eq!(runner().call(&https(stand.url())).await.unwrap().unwrap_err(), why);
        }
        let long = Stand::new(|_| Reply::text(400, &"x".repeat(1000))).await;
        let why = runner().call(&https(long.url())).await.unwrap().unwrap_err();
        assert_eq!(why.matches('x').count(), 299);
    }

    #[tokio::test]
    async fn one_that_cannot_be_called_is_an_error_without_its_address() {
        let gone = Stand::new(|_| Reply::text(200, "")).await.url();
        let error = runner().call(&https(format!("{gone}/T0/B0/secret"))).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        let mut unset = https("http://127.0.0.1:1/".into());
        unset.hook.action = HookAction::Https { url: gone, secret_env: "OTHER".into() };
        let other = runner().call(&unset).await.unwrap_err();
        assert!(other.to_string().contains("OTHER is not set"), "{other}");
        for error in [error, other] {
            assert!(!format!("{error:?} {error}").contains("secret\""), "{error:?}");
        }
    }

    #[tokio::test]
    async fn functions_and_tasks_are_called_by_others() {
        let lambda = HookAction::Lambda { function: "f".into() };
        assert_eq!(runner().call(&call(lambda)).await.unwrap(), Err("lambda".to_owned()));
        let task = HookAction::Task { task_definition: None, command: Vec::new(), container: None };
        assert_eq!(runner().call(&call(task)).await.unwrap(), Err("task".to_owned()));
    }
}
