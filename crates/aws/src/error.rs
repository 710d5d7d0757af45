//! What can go wrong with a call, said once and in the service's own words.

use std::error::Error as StdError;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What kind of trouble it is, decided where the error is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The object does not exist.
    NotFound,
    /// It contradicts something that was done before.
    Conflict,
    /// Too many calls.
    Throttled,
    /// No credentials, or not allowed.
    Denied,
    /// The request itself is wrong.
    Invalid,
    /// Nobody answers, or the service itself failed. Trying again may help.
    Unavailable,
    /// Neither the user's fault nor the service's.
    Bug,
}

/// A call that failed. `Display` says what failed on which object, with the service's own code and message.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    code: Option<String>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The innermost cause, without the layers of the HTTP client in between.
#[derive(Debug)]
struct RootCause(String);

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), code: None, hint: None, source: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What kind of trouble it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The service's code, such as `ClusterNotFoundException`, when the service answered.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// From what the SDK says. `what` completes "cannot ...", such as "describe cluster `web`".
    pub(crate) fn from_sdk<E>(what: &str, place: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let code = answer.err().code().unwrap_or("an unnamed error").to_owned();
                Self::from_answer(what, status, code, answer.err().message().unwrap_or_default())
            }
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => Self::not_sent(what, place, &error),
            SdkError::ResponseError(ref answer) => {
                let status = answer.raw().status().as_u16();
                let text = format!("cannot {what}: {place} gave an answer (HTTP {status}) that is not AWS's");
                Self::new(Kind::Unavailable, text)
                    .caused_by(root_cause(&error))
                    .with_hint("is the endpoint that of an AWS service? See AWS_ENDPOINT_URL")
            }
            _ => Self::new(Kind::Invalid, format!("cannot {what}: the request cannot be made"))
                .caused_by(root_cause(&error)),
        }
    }

    fn from_answer(what: &str, status: u16, code: String, message: &str) -> Self {
        let kind = kind_of(&code, message, status);
        // Below its first line, a refused signature may quote the request with its session token.
        let message = message.lines().next().unwrap_or_default();
        let text = if message.is_empty() {
            format!("cannot {what}: {code}")
        } else {
            format!("cannot {what}: {code}: {message}")
        };
        let hint = hint_for(&code, message).map(ToOwned::to_owned);
        Self { kind, message: text, code: Some(code), hint, source: None }
    }

    fn not_sent(what: &str, place: &str, error: &(dyn StdError + 'static)) -> Self {
        if chain(error).any(|cause| cause.is::<CredentialsError>()) {
            return Self::new(Kind::Denied, format!("cannot {what}: no usable AWS credentials"))
                .caused_by(root_cause(error))
                .with_hint(
                    "log in (`aws sso login`, AWS_PROFILE) or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; \
                     for the local engine: eval \"$(longshore env)\"",
                );
        }
        let failed = Self::new(Kind::Unavailable, format!("cannot {what}: {place} does not answer"))
            .caused_by(root_cause(error));
        if place.starts_with("http://") {
            return failed
                .with_hint("start the local engine with `longshore up`, or correct AWS_ENDPOINT_URL");
        }
        failed.with_hint("check the network, the proxy and the region")
    }

    fn caused_by(mut self, cause: String) -> Self {
        self.source = Some(Box::new(RootCause(cause)));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl fmt::Display for RootCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for RootCause {}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn root_cause(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// By the service's code, and by the HTTP status where the code says nothing. ECS answers with `ClientException` or
/// `InvalidParameterException` where other services have a code of their own, so the message counts too.
fn kind_of(code: &str, message: &str, status: u16) -> Kind {
    match code {
        "ConflictException" | "ResourceInUseException" | "ResourceAlreadyExistsException" => Kind::Conflict,
        "AccessDeniedException"
        | "BlockedException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "ExpiredTokenException"
        | "InvalidClientTokenId" => Kind::Denied,
        "ServerException" | "ServiceUnavailableException" | "InternalFailure" => Kind::Unavailable,
        _ if code.contains("Throttl") || code.contains("TooManyRequests") => Kind::Throttled,
        _ if code.contains("NotFound") => Kind::NotFound,
        "ClientException" | "InvalidParameterException"
            if message.contains("not found") || message.starts_with("Unable to describe task definition") =>
        {
            Kind::NotFound
        }
        _ if status == 429 => Kind::Throttled,
        _ if status >= 500 => Kind::Unavailable,
        _ => Kind::Invalid,
    }
}

/// The next step for the refusals that people meet most.
fn hint_for(code: &str, message: &str) -> Option<&'static str> {
    const BY_MESSAGE: &[(&str, &str)] = &[
        (
            "iam:PassRole",
            "whoever runs a task must be allowed iam:PassRole on its task role and execution role",
        ),
        (
            "Unable to describe task definition",
            "`aws ecs list-task-definitions` shows what is registered here",
        ),
        ("TaskDefinition not found", "`aws ecs list-task-definitions` shows what is registered here"),
        (
            "TaskDefinition is inactive",
            "this revision was deregistered: name another one, or register it again",
        ),
        (
            "Network Configuration must be provided",
            "networkMode awsvpc needs --subnet (and --security-group)",
        ),
        (
            "Network Configuration is not valid",
            "only networkMode awsvpc takes --subnet, --security-group, --public-ip",
        ),
        (
            "No Container Instances were found",
            "the cluster has no instances: add one, or use --launch-type FARGATE",
        ),
        (
            "does not support launch_type",
            "add the launch type to requiresCompatibilities, or use another one",
        ),
        (
            "Container Overrides length",
            "COMMAND and -e together may have 8192 characters: pass a file or a secret",
        ),
    ];
    if let Some((_, hint)) = BY_MESSAGE.iter().find(|(part, _)| message.contains(part)) {
        return Some(hint);
    }
    match code {
        "ClusterNotFoundException" => Some(
            "create it (`aws ecs create-cluster`), or name another with --cluster (`aws ecs list-clusters`)",
        ),
        "AccessDeniedException" => Some("`aws sts get-caller-identity` says who you are; check that policy"),
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException" => {
            Some("these credentials are not accepted here; for the local engine: eval \"$(longshore env)\"")
        }
        "ExpiredTokenException" => Some("the session is over: log in again (`aws sso login`)"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let cases = [
            ("ClusterNotFoundException", "Cluster not found.", 400, Kind::NotFound),
            ("ClientException", "TaskDefinition not found.", 400, Kind::NotFound),
            ("ClientException", "Unable to describe task definition.", 400, Kind::NotFound),
            ("InvalidParameterException", "The referenced task was not found.", 400, Kind::NotFound),
            ("InvalidParameterException", "Tasks cannot be empty.", 400, Kind::Invalid),
            ("ThrottlingException", "Rate exceeded", 400, Kind::Throttled),
            ("ConflictException", "", 400, Kind::Conflict),
            ("AccessDeniedException", "User: x is not authorized", 400, Kind::Denied),
            ("ServerException", "Service Unavailable. Please try again later.", 500, Kind::Unavailable),
            ("SomethingNew", "", 502, Kind::Unavailable),
            ("SomethingNew", "", 429, Kind::Throttled),
            ("SerializationException", "", 400, Kind::Invalid),
        ];
        for (code, message, status, kind) in cases {
            assert_eq!(kind_of(code, message, status), kind, "{code} {message}");
        }
    }

    #[test]
    fn the_services_words_are_shown_but_never_the_signed_request() {
        let message = "The request signature we calculated does not match.\n\nx-amz-security-token:hush";
        let error = Error::from_answer("stop `t`", 400, "InvalidSignatureException".into(), message);
        assert_eq!(
            error.to_string(),
            "cannot stop `t`: InvalidSignatureException: The request signature we calculated does not match."
        );
        assert!(error.hint().unwrap().contains("longshore env"));
        assert!(!format!("{error:?}").contains("hush"));
    }

    #[test]
    fn a_message_decides_the_hint_before_the_code_does() {
        let hint =
            hint_for("AccessDeniedException", "not authorized to perform: iam:PassRole on resource").unwrap();
        assert!(hint.contains("iam:PassRole"));
        assert!(hint_for("AccessDeniedException", "no").unwrap().contains("get-caller-identity"));
        assert_eq!(hint_for("SerializationException", ""), None);
    }
}
