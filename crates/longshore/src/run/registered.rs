//! A task definition's exact revision, from what was named: a family, a revision, or a file. A file that says what the
//! latest revision of its family says is not registered again.

use anyhow::Result;
use longshore_aws::Aws;
use longshore_decide::task_definition::same;
use longshore_model::seen::TaskDefinition;
use longshore_model::{Error, Kind};
use longshore_world::Ecs;
use serde_json::Value;

use super::definition::Definition;
use crate::terminal::{self, Style};

/// The revision that a file describes, registered now unless it is already.
pub(crate) async fn revision_of(aws: &Aws, file: &Definition) -> Result<TaskDefinition> {
    // Whoever may not describe may register all the same; what else is wrong, registering says.
    if let Ok(Some(known)) = unchanged(aws, file).await {
        return Ok(known);
    }
    let registered = aws.register_task_definition(&file.family, file.input.to_string()).await?;
    terminal::talk(&format!("registered {}", name(&registered.arn)), Style::Plain);
    Ok(registered)
}

/// What registering it would come to, as far as that can be known; nothing is registered.
pub(crate) async fn foreseen(aws: &Aws, file: &Definition) -> Result<TaskDefinition> {
    Ok(match unchanged(aws, file).await {
        Ok(Some(known)) => known,
        Err(error) if error.kind() != Kind::NotFound => unknown(file, &error),
        Ok(None) | Err(_) => file.unregistered(),
    })
}

/// What is known without the service.
pub(crate) fn unknown(file: &Definition, error: &Error) -> TaskDefinition {
    let said = format!("note: whether {} is registered like this is not known: {error}", file.family);
    terminal::talk(&said, Style::Plain);
    file.unregistered()
}

/// The latest revision of the file's family, when it says what the file says.
async fn unchanged(aws: &Aws, file: &Definition) -> Result<Option<TaskDefinition>, Error> {
    let latest = aws.describe_task_definition_json(&file.family).await?;
    let Some(arn) = same_revision(file, &latest) else { return Ok(None) };
    let known = aws.describe_task_definition(arn).await?;
    terminal::talk(&format!("task definition {} is unchanged", name(&known.arn)), Style::Plain);
    Ok(Some(known))
}

fn same_revision<'a>(file: &Definition, described: &'a Value) -> Option<&'a str> {
    described["taskDefinition"]["taskDefinitionArn"].as_str().filter(|_| same(&file.input, described))
}

/// `migrate:3` of `arn:aws:ecs:eu-west-1:123456789012:task-definition/migrate:3`.
fn name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}
