//! How the answers are judged. A missing permission, or a service that does not answer, is no failure: nobody knows then.

use std::collections::BTreeSet;

use longshore_model::image::Reference;
use longshore_model::seen::{Role, Secret, SeenImage, TargetGroup};
use longshore_model::{Error, Kind};
use serde_json::Value;

use super::trust::{Trust, trust};
use super::{Answer, Answers, Check, Expect, Judged, Need, Question, target_group_name};

impl Question {
    /// What whoever asks must be allowed.
    const fn permission(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "ecs:DescribeClusters",
            Self::Role(_) => "iam:GetRole",
            Self::Ecr(_) => "ecr:DescribeImages and ecr:BatchGetImage",
            Self::Image(_) => "credentials",
            Self::Parameter { .. } => "ssm:DescribeParameters",
            Self::Secret { .. } => "secretsmanager:DescribeSecret",
            Self::TargetGroup(_) => "elasticloadbalancing:DescribeTargetGroups",
            Self::LogGroup { .. } => "logs:DescribeLogGroups",
        }
    }
}

/// Whether nothing can be asked at all, because even the cluster cannot be asked for: nobody answers, or the credentials
/// are no good.
#[must_use]
pub fn ends_it(error: &Error) -> bool {
    !lacks_permission(error)
}

/// Judges one check by the answers to all questions.
#[must_use]
pub fn judge(check: &Check, answers: &Answers) -> Judged {
    let (question, expect) = match &check.need {
        Need::Known(judged) => return judged.clone(),
        Need::Ask(question, expect) => (question, expect),
    };
    let account = answers.values().find_map(|answer| match answer {
        Ok(Answer::Cluster(Some(cluster))) => account(&cluster.arn),
        _ => None,
    });
    match answers.get(question) {
        None => Judged::not_checked("it was not asked"),
        Some(Err(error)) => unanswered(question, error),
        Some(Ok(answer)) => judge_answer(question, expect, answer, account),
    }
}

fn judge_answer(question: &Question, expect: &Expect, answer: &Answer, ours: Option<&str>) -> Judged {
    match (question, answer) {
        (Question::Cluster(_), Answer::Cluster(Some(cluster))) if cluster.status == "ACTIVE" => Judged::OK,
        (Question::Cluster(_), Answer::Cluster(Some(cluster))) => {
            Judged::failed(format!("it is {}, and not ACTIVE", cluster.status))
        }
        (Question::Role(role), Answer::Role(seen)) => judge_role(role, seen.as_ref(), ours),
        (Question::Ecr(image), Answer::Image(None)) if image.repository.contains('/') => {
            missing_image(&image.reference)
                .with_hint("if the repository is a pull-through cache, the first pull fills it")
        }
        (Question::Ecr(image), Answer::Image(None)) => missing_image(&image.reference),
        (Question::Image(image), Answer::Image(None)) => missing_image(&image.reference),
        (_, Answer::Image(Some(image))) => judge_image(image, expect),
        (Question::Parameter { account, .. }, Answer::IsThere(false))
            if is_foreign(account.as_deref(), ours) =>
        {
            Judged::not_checked("the parameter belongs to another account")
        }
        (Question::Parameter { names, .. }, Answer::IsThere(false)) => {
            Judged::failed(format!("there is no parameter `{}`", names.join("` or `")))
        }
        (Question::Secret { id, .. }, Answer::Secret(None)) if is_foreign(account(id), ours) => {
            Judged::not_checked("the secret belongs to another account")
        }
        (Question::Secret { id, .. }, Answer::Secret(None)) => {
            Judged::failed(format!("there is no secret `{}`", id.rsplit(':').next().unwrap_or(id)))
        }
        (_, Answer::Secret(Some(secret))) => judge_secret(secret, expect),
        (Question::TargetGroup(arn), Answer::TargetGroup(Some(group))) => {
            judge_target_group(arn, group, expect)
        }
        (_, Answer::IsThere(true)) => Judged::OK,
        _ => Judged::failed("there is none"),
    }
}

fn judge_role(wanted: &str, seen: Option<&Role>, ours: Option<&str>) -> Judged {
    if is_foreign(account(wanted), ours) {
        let (theirs, ours) = (account(wanted).unwrap_or_default(), ours.unwrap_or_default());
        return Judged::failed(format!("it belongs to account {theirs}, and the cluster to {ours}"));
    }
    let Some(seen) = seen else { return Judged::failed("there is no such role") };
    if wanted.starts_with("arn:") && seen.arn != wanted {
        return Judged::failed("there is no role with this ARN").with_hint(format!("there is {}", seen.arn));
    }
    match trust(&seen.trust) {
        Trust::Yes => Judged::OK,
        Trust::No => Judged::failed("its trust policy does not let ecs-tasks.amazonaws.com assume it")
            .with_hint("allow sts:AssumeRole for the service ecs-tasks.amazonaws.com there"),
        Trust::Unclear => Judged::not_checked("its trust policy is one that is not understood here"),
    }
}

fn missing_image(reference: &Reference) -> Judged {
    match reference {
        Reference::Tag(tag) => Judged::failed(format!("the registry has no image with the tag `{tag}`")),
        Reference::Digest(_) => Judged::failed("the registry has no image with this digest"),
    }
}

fn judge_image(image: &SeenImage, expect: &Expect) -> Judged {
    let Expect::Platform(Some(processor), system) = expect else { return Judged::OK };
    let Some(index) = image.index.as_deref().and_then(|index| serde_json::from_str::<Value>(index).ok())
    else {
        return Judged::OK;
    };
    let manifests = index.get("manifests").and_then(Value::as_array).into_iter().flatten();
    let platforms = manifests.filter_map(|manifest| {
        let platform = manifest.get("platform")?;
        Some((platform.get("os")?.as_str()?, platform.get("architecture")?.as_str()?))
    });
    // Attestations stand beside the images, for `unknown/unknown`.
    let known: BTreeSet<(&str, &str)> = platforms.filter(|(os, _)| *os != "unknown").collect();
    if known.is_empty() || known.contains(&(*system, *processor)) {
        return Judged::OK;
    }
    let known: Vec<String> = known.iter().map(|(os, processor)| format!("{os}/{processor}")).collect();
    Judged::failed(format!("it is not made for {system}/{processor}, but for {}", known.join(", ")))
        .with_hint("build it for that too (docker buildx), or correct runtimePlatform")
}

fn judge_secret(secret: &Secret, expect: &Expect) -> Judged {
    if secret.is_deleted {
        return Judged::failed("the secret is about to be deleted")
            .with_hint("`aws secretsmanager restore-secret`");
    }
    let Expect::Version { key, stage, id } = expect else { return Judged::OK };
    if let Some(id) = id.as_deref().filter(|id| !secret.versions.contains_key(*id)) {
        return Judged::failed(format!("the secret has no version `{id}`"));
    }
    let has_stage = |stage: &&str| secret.versions.values().flatten().any(|known| known == stage);
    // A secret without any version has no value yet, and the default is this stage.
    let stage = stage.as_deref().or_else(|| id.is_none().then_some("AWSCURRENT"));
    if let Some(stage) = stage.filter(|stage| !has_stage(stage)) {
        return Judged::failed(format!("the secret has no version with the stage `{stage}`"));
    }
    match key {
        Some(key) => Judged::ok(format!("its value is not read, so its key `{key}` is not checked")),
        None => Judged::OK,
    }
}

fn judge_target_group(arn: &str, group: &TargetGroup, expect: &Expect) -> Judged {
    if group.load_balancers.is_empty() {
        let name = target_group_name(arn);
        return Judged::failed("no load balancer uses it, and ECS refuses it then")
            .with_hint(format!("let a listener or a rule forward to `{name}`"));
    }
    match expect {
        Expect::TargetType(wanted) if group.target_type != *wanted => {
            let mode = if *wanted == "ip" { "is awsvpc" } else { "is not awsvpc" };
            let why = format!("its targets are of type {}, and must be {wanted}", group.target_type);
            Judged::failed(why).with_hint(format!("the network mode of the task definition {mode}"))
        }
        _ => Judged::OK,
    }
}

fn unanswered(question: &Question, error: &Error) -> Judged {
    match (question, error.kind()) {
        (Question::Image(_), Kind::Denied) => {
            Judged::not_checked("its registry wants credentials, or has no such image")
        }
        _ if lacks_permission(error) => Judged::not_checked(format!("needs {}", question.permission())),
        _ => Judged::not_checked(error.to_string()),
    }
}

/// Whoever asks is known, but may not ask that.
fn lacks_permission(error: &Error) -> bool {
    matches!(error.code(), Some("AccessDenied" | "AccessDeniedException"))
}

/// The account in an ARN.
fn account(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| arn.starts_with("arn:") && !account.is_empty())
}

fn is_foreign(theirs: Option<&str>, ours: Option<&str>) -> bool {
    matches!((theirs, ours), (Some(theirs), Some(ours)) if theirs != ours)
}
