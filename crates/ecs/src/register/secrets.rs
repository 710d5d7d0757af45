//! The rules for what a container gets from elsewhere when it starts: secrets and environment files.

use std::collections::BTreeSet;

use longshore_model::container_definition::{ContainerDefinition, EnvironmentFile, Secret};

use super::checks::{Checked, each, is_account, not_blank, one_of, refuse_if};

const MAX_ENVIRONMENT_FILES: usize = 10;

/// Secrets have names of their own, values that name a parameter or a secret, and a role that may read them.
pub(super) fn check(container: &ContainerDefinition, has_execution_role: bool) -> Checked {
    let options = container.log_configuration.as_ref().and_then(|log| log.secret_options.as_ref());
    let secrets = || each(container.secrets.as_ref()).chain(each(options));
    refuse_if(!has_execution_role && secrets().next().is_some(), || {
        "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
            .to_owned()
    })?;
    secrets().try_for_each(check_value)?;
    check_unique(container)?;
    check_files(container.environment_files.as_deref().unwrap_or_default())
}

fn check_value(secret: &Secret) -> Checked {
    let Secret { name, value_from } = secret;
    not_blank(name, "Secret.name")?;
    not_blank(value_from, "Secret.valueFrom")?;
    let known =
        if value_from.starts_with("arn:") { is_secret_arn(value_from) } else { is_parameter(value_from) };
    refuse_if(!known, || {
        format!("The Systems Manager parameter name specified for secret {name} is invalid.")
    })
}

fn check_unique(container: &ContainerDefinition) -> Checked {
    let mut taken: BTreeSet<&str> =
        each(container.environment.as_ref()).filter_map(|variable| variable.name.as_deref()).collect();
    for secret in each(container.secrets.as_ref()) {
        let name = secret.name.as_str();
        refuse_if(!taken.insert(name), || {
            format!(
                "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '{name}'."
            )
        })?;
    }
    Ok(())
}

fn check_files(files: &[EnvironmentFile]) -> Checked {
    refuse_if(files.len() > MAX_ENVIRONMENT_FILES, || {
        "The maximum number of environment files was exceeded. Specify ten or less and try again.".to_owned()
    })?;
    for file in files {
        one_of(Some(&file.kind), "environmentFiles.type", &["s3"])?;
        refuse_if(!is_object_arn(&file.value), || "Invalid arn syntax.".to_owned())?;
    }
    Ok(())
}

/// `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME...` or `arn:PARTITION:ssm:REGION:ACCOUNT:parameter/NAME`.
fn is_secret_arn(arn: &str) -> bool {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, resource] = parts[..] else { return false };
    let is_region =
        !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let names_something = match service {
        "secretsmanager" => resource.strip_prefix("secret:").is_some_and(|name| !name.is_empty()),
        "ssm" => resource.strip_prefix("parameter/").is_some_and(is_parameter),
        _ => false,
    };
    partition.starts_with("aws") && is_region && is_account(account) && names_something
}

/// A parameter's name or path, maybe with `:VERSION` or `:LABEL`.
fn is_parameter(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/:".contains(&byte))
}

/// `arn:PARTITION:s3:::BUCKET/KEY`.
fn is_object_arn(arn: &str) -> bool {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    matches!(parts[..], ["arn", partition, "s3", "", "", object]
        if partition.starts_with("aws") && object.split_once('/').is_some_and(|(bucket, key)| !bucket.is_empty() && !key.is_empty()))
}
