//! `longshore run TASK_DEFINITION [-- COMMAND...]`.

mod arguments;
mod choices;

use anyhow::Result;
use longshore_aws::{Aws, Settings};
use longshore_decide::run::{OnTimeout, Spec};
use longshore_model::call::RunTask;
use longshore_model::seen::{Service, TaskDefinition};
use longshore_model::{Error, Kind};
use longshore_world::Ecs;

pub(crate) use self::arguments::Arguments;

use self::arguments::Output;
use crate::run::definition::{self, Definition, Reference};
use crate::run::request::{self, Choices};
use crate::run::{self, Lines, attach, preview, registered};
use crate::terminal::{self, Style};

/// What is to be run.
enum Source {
    /// By family, revision or ARN.
    Registered(String),
    File(Definition),
    /// Whatever the service of `--like` runs.
    OfService,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let choices = arguments.choices()?;
    let lines = if arguments.show.output == Output::Json { Lines::ToStderr } else { Lines::ToStdout };
    if !arguments.identity.attach.is_empty() {
        let aws = Aws::connect(Settings::default()).await?;
        let spec = attached(&aws, &arguments, &choices).await?;
        return run::run(aws, spec, lines).await;
    }
    let source = source(&arguments)?;
    if arguments.show.dry_run {
        return dry_run(&arguments, &choices, source).await;
    }
    let aws = Aws::connect(Settings::default()).await?;
    let spec = spec(&aws, &arguments, &choices, &source, registered::revision_of).await?;
    run::run(aws, spec, lines).await
}

fn source(arguments: &Arguments) -> Result<Source> {
    let Some(named) = &arguments.task_definition else { return Ok(Source::OfService) };
    let path = match definition::reference(named) {
        Reference::Registered(name) => return Ok(Source::Registered(name)),
        Reference::File(path) => path,
    };
    let file = Definition::read(&path)?;
    for warning in &file.warnings {
        terminal::talk(&format!("warning: {}: {warning}", path.display()), Style::Warning);
    }
    Ok(Source::File(file))
}

/// The run, with everything looked up that it needs. `revision_of` gives the exact revision of a file.
async fn spec(
    aws: &Aws,
    arguments: &Arguments,
    choices: &Choices,
    source: &Source,
    revision_of: impl AsyncFn(&Aws, &Definition) -> Result<TaskDefinition>,
) -> Result<Spec> {
    let like = service(aws, arguments).await?;
    let definition = match source {
        Source::Registered(name) => aws.describe_task_definition(name).await?,
        Source::OfService => aws.describe_task_definition(own_revision(like.as_ref())?).await?,
        Source::File(file) => {
            // A choice that does not fit the file fails before anything is registered.
            request::build(choices, like.as_ref(), &file.family, &file.containers)?;
            revision_of(aws, file).await?
        }
    };
    let request = request::build(choices, like.as_ref(), &definition.arn, &definition.containers)?;
    arguments.spec(request, definition)
}

async fn service(aws: &Aws, arguments: &Arguments) -> Result<Option<Service>> {
    match &arguments.place.like {
        Some(name) => Ok(Some(aws.describe_service(&arguments.place.cluster, name).await?)),
        None => Ok(None),
    }
}

fn own_revision(service: Option<&Service>) -> Result<&str, Error> {
    let revision = service.map(|service| service.task_definition.as_str()).filter(|name| !name.is_empty());
    revision.ok_or_else(|| {
        Error::new(Kind::NotFound, "the service has no task definition of its own")
            .with_hint("its deployments are made by somebody else: name a TASK_DEFINITION")
    })
}

/// The run of tasks that run already. Whatever ends it, it leaves them alone.
async fn attached(aws: &Aws, arguments: &Arguments, choices: &Choices) -> Result<Spec> {
    let tasks = &arguments.identity.attach;
    let cluster = attach::cluster(tasks, &choices.cluster);
    let described = aws.describe_tasks(cluster, tasks).await?;
    let attached = attach::attached(cluster, tasks, &described)?;
    let definition = aws.describe_task_definition(&attached.task_definition).await?;
    // A container that is not there would be waited for in vain.
    choices.changes.overrides(&definition.containers)?;
    let request = RunTask {
        cluster: cluster.to_owned(),
        task_definition: attached.task_definition,
        ..RunTask::default()
    };
    let spec = arguments.spec(request, definition)?;
    Ok(Spec { count: attached.arns.len(), attach: attached.arns, on_timeout: OnTimeout::Leave, ..spec })
}

/// Prints what would be sent. A file needs no server for it, and no credentials.
async fn dry_run(arguments: &Arguments, choices: &Choices, source: Source) -> Result<u8> {
    let spec = match (Aws::connect(Settings::default()).await, &source) {
        (Ok(aws), source) => spec(&aws, arguments, choices, source, registered::foreseen).await?,
        (Err(error), Source::File(file)) if arguments.place.like.is_none() => {
            let definition = registered::unknown(file, &error);
            arguments
                .spec(request::build(choices, None, &definition.arn, &definition.containers)?, definition)?
        }
        (Err(error), _) => return Err(error.into()),
    };
    let new = match source {
        Source::File(file) if file.unregistered() == spec.definition => Some(file.input),
        _ => None,
    };
    let mut document = preview::calls(spec, arguments.identity.run_id.is_some());
    if let (Some(members), Some(input)) = (document.as_object_mut(), new) {
        members.insert("registerTaskDefinition".to_owned(), input);
    }
    terminal::data(format!("{document:#}\n").as_bytes())?;
    terminal::talk("nothing was sent that changes anything", Style::Plain);
    Ok(0)
}
