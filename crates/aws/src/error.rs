//! From what the SDK says of a failed call to one sentence, in the service's own words.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use longshore_model::{Error, Kind};

/// The code of an error that came from waiting too long for an answer.
pub(crate) const TIMED_OUT: &str = "TimedOut";

/// From what the SDK says. `what` completes "cannot ...", such as "describe cluster `web`".
pub(crate) fn of_call<E>(what: &str, place: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or("an unnamed error").to_owned();
            of_answer(what, status, code, answer.err().message().unwrap_or_default())
        }
        SdkError::DispatchFailure(_) => not_sent(what, place, &error),
        SdkError::TimeoutError(_) => not_sent(what, place, &error).with_code(TIMED_OUT),
        SdkError::ResponseError(ref answer) => {
            let status = answer.raw().status().as_u16();
            let text = format!("cannot {what}: {place} gave an answer (HTTP {status}) that is not AWS's");
            Error::new(Kind::Unavailable, text)
                .caused_by(root_cause(&error))
                .with_hint("is the endpoint that of an AWS service? See AWS_ENDPOINT_URL")
        }
        _ => Error::new(Kind::Invalid, format!("cannot {what}: the request cannot be made"))
            .caused_by(root_cause(&error)),
    }
}

/// From a service's own refusal.
pub(crate) fn of_answer(what: &str, status: u16, code: String, message: &str) -> Error {
    let kind = kind_of(&code, message, status);
    // Below its first line, a refused signature may quote the request with its session token.
    let message = message.lines().next().unwrap_or_default();
    let text = if message.is_empty() {
        format!("cannot {what}: {code}")
    } else {
        format!("cannot {what}: {code}: {message}")
    };
    let hint = hint_for(&code, message);
    let error = Error::new(kind, text).with_code(code);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn not_sent(what: &str, place: &str, error: &(dyn StdError + 'static)) -> Error {
    if chain(error).any(|cause| cause.is::<CredentialsError>()) {
        return Error::new(Kind::Denied, format!("cannot {what}: no usable AWS credentials"))
            .caused_by(root_cause(error))
            .with_hint(
                "log in (`aws sso login`, AWS_PROFILE) or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; \
                 for the local engine: eval \"$(longshore env)\"",
            );
    }
    let failed = Error::new(Kind::Unavailable, format!("cannot {what}: {place} does not answer"))
        .caused_by(root_cause(error));
    if place.starts_with("http://") {
        return failed.with_hint("start the local engine with `longshore up`, or correct AWS_ENDPOINT_URL");
    }
    failed.with_hint("check the network, the proxy and the region")
}

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
        "ConflictException" | "ResourceInUseException" | "ResourceAlreadyExistsException"
        // Elastic Load Balancing's: a name, a port or a priority that is taken, and what is still in use.
        | "DuplicateTargetGroupName" | "DuplicateListener" | "PriorityInUse" | "ResourceInUse" => Kind::Conflict,
        "AccessDeniedException"
        | "AccessDenied"
        | "BlockedException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        // S3's and CloudFormation's words for the same.
        | "ExpiredToken"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        // SNS's, and EC2's.
        | "AuthorizationError"
        | "UnauthorizedOperation"
        | "AuthFailure" => Kind::Denied,
        "ServerException" | "ServiceUnavailableException" | "InternalFailure" => Kind::Unavailable,
        _ if code.contains("Throttl") || code.contains("TooManyRequests") => Kind::Throttled,
        // Under managed scaling ECS lets only so many tasks wait in PROVISIONING.
        "ClientException" if message.contains("PROVISIONING") => Kind::Throttled,
        _ if code.contains("NotFound") || code.starts_with("NoSuch") || code == "QueueDoesNotExist" => Kind::NotFound,
        "ValidationError" if message.contains("does not exist") => Kind::NotFound,
        "ClientException" | "InvalidParameterException"
            if message.contains("not found")
                || message.contains("cluster was inactive")
                || message.starts_with("Unable to describe task definition") =>
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
        "QueueDoesNotExist" => Some(
            "create the queue and its rules with templates/events.yaml, or name another (`aws sqs list-queues` shows yours)",
        ),
        "NoSuchBucket" => Some("create it (`aws s3 mb`), or name another (`aws s3 ls` shows yours)"),
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => {
            Some("Lambda takes code from buckets of its own region: set AWS_REGION, or name another bucket")
        }
        "AccessDeniedException" | "AccessDenied" => {
            Some("`aws sts get-caller-identity` says who you are; check that policy")
        }
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationTokenException" => {
            Some("these credentials are not accepted here; for the local engine: eval \"$(longshore env)\"")
        }
        "ExpiredTokenException" | "ExpiredToken" => {
            Some("the session is over: log in again (`aws sso login`)")
        }
        _ => quota(code),
    }
}

/// What a quota of Elastic Load Balancing is, and what can be done when it is reached.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
fn quota(code: &str) -> Option<&'static str> {
    Some(match code {
        "TooManyListeners" => {
            "a load balancer has at most 50 listeners: Service Quotas raises that (Listeners per Application Load Balancer); \
             routes `host` and `proxy` need no listener for each environment"
        }
        "TooManyRules" => {
            "a load balancer has at most 100 rules: Service Quotas raises that (Rules per Application Load Balancer); route \
             `proxy` needs one rule for all environments"
        }
        "TooManyUniqueTargetGroupsPerLoadBalancer" | "TargetGroupAssociationLimit" => {
            "a load balancer has at most 100 target groups, and nobody can raise that: use a second load balancer, or route \
             `proxy`, which needs one target group for all environments"
        }
        "TooManyTargetGroups" => {
            "a Region has at most 3,000 target groups: Service Quotas raises that (Target Groups per Region); route `proxy` \
             needs one for all environments"
        }
        "TooManyTargets" | "TooManyRegistrationsForTargetId" => {
            "a load balancer has at most 1,000 targets: Service Quotas raises that (Targets per Application Load Balancer)"
        }
        _ => return None,
    })
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
            ("ClientException", "The referenced cluster was inactive.", 400, Kind::NotFound),
            ("InvalidParameterException", "Tasks cannot be empty.", 400, Kind::Invalid),
            ("ThrottlingException", "Rate exceeded", 400, Kind::Throttled),
            ("ClientException", "Too many tasks in the PROVISIONING state.", 400, Kind::Throttled),
            ("ConflictException", "", 400, Kind::Conflict),
            ("AccessDeniedException", "User: x is not authorized", 400, Kind::Denied),
            ("AccessDenied", "Access Denied", 403, Kind::Denied),
            ("SignatureDoesNotMatch", "", 403, Kind::Denied),
            ("NoSuchBucket", "The specified bucket does not exist", 404, Kind::NotFound),
            ("ValidationError", "Stack with id x does not exist", 400, Kind::NotFound),
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
        let error = of_answer("stop `t`", 400, "InvalidSignatureException".into(), message);
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
