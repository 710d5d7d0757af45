//! Looks whether all is there that services' files need: asks each question once, and has the answers judged.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};
use longshore_decide::service::{
    Answer, Answers, Check, Judged, Question, Runs, Unit, checks, ends_it, family, judge, revision_name,
};
use longshore_model::Error;
use longshore_world::{Services, Surroundings};
use serde_json::{Map, Value};

use super::Wanted;

/// So many questions are asked at the same time.
const AT_ONCE: usize = 5;

/// Looks, and changes nothing.
///
/// # Errors
///
/// When not even the cluster can be asked for, because nobody answers or the credentials are no good.
pub async fn verify(
    cluster: &str,
    wanted: &[Wanted],
    services: &dyn Services,
    surroundings: &dyn Surroundings,
) -> Result<Vec<(Check, Judged)>, Error> {
    let asked = Question::Cluster(cluster.to_owned());
    let answer = ask(surroundings, &asked).await;
    if let Some(error) = answer.as_ref().err().filter(|error| ends_it(error)) {
        return Err(error.clone());
    }
    let units = units(wanted, services).await;
    let checks = checks(cluster, &units);
    let questions: BTreeSet<&Question> = checks.iter().filter_map(Check::question).collect();
    let mut answers: Answers = stream::iter(questions.into_iter().filter(|question| **question != asked))
        .map(|question| async move { (question.clone(), ask(surroundings, question).await) })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    answers.insert(asked, answer);
    let judged = checks.into_iter().map(|check| {
        let judged = judge(&check, &answers);
        (check, judged)
    });
    Ok(judged.collect())
}

async fn ask(surroundings: &dyn Surroundings, question: &Question) -> Result<Answer, Error> {
    Ok(match question {
        Question::Cluster(name) => Answer::Cluster(surroundings.cluster(name).await?),
        Question::Role(role) => Answer::Role(surroundings.role(revision_name(role)).await?),
        Question::Ecr(image) => Answer::Image(surroundings.ecr_image(image).await?),
        Question::Image(image) => Answer::Image(surroundings.other_image(image).await?),
        Question::Parameter { region, names, .. } => {
            Answer::IsThere(surroundings.has_parameter(region.as_deref(), names).await?)
        }
        Question::Secret { region, id } => Answer::Secret(surroundings.secret(region.as_deref(), id).await?),
        Question::TargetGroup(arn) => Answer::TargetGroup(surroundings.target_group(arn).await?),
        Question::LogGroup { region, name } => {
            Answer::IsThere(surroundings.has_log_group(region.as_deref(), name).await?)
        }
    })
}

/// The files, each with what its service runs.
async fn units(wanted: &[Wanted], services: &dyn Services) -> Vec<Unit> {
    let own = |unit: &Wanted| {
        let file = unit.task_definition.as_ref()?;
        Some(file.get("family").and_then(Value::as_str).unwrap_or(&unit.name).to_owned())
    };
    let files: BTreeMap<String, &Map<String, Value>> =
        wanted.iter().filter_map(|unit| Some((own(unit)?, unit.task_definition.as_ref()?))).collect();
    let mut units = Vec::new();
    for unit in wanted {
        let named = unit.service.as_ref().and_then(|service| service.get("taskDefinition")?.as_str());
        let name = named.map(ToOwned::to_owned).or_else(|| own(unit));
        let file = name.as_deref().and_then(family).and_then(|family| files.get(&family));
        let runs = match (&unit.service, name, file) {
            (None, ..) => Runs::Nothing,
            (Some(_), _, Some(file)) => Runs::File((*file).clone()),
            (Some(_), None, None) => Runs::Missing(unit.name.clone()),
            (Some(_), Some(name), None) => registered(services, name).await,
        };
        units.push(Unit {
            name: unit.name.clone(),
            task_definition: unit.task_definition.clone(),
            service: unit.service.clone(),
            runs,
        });
    }
    units
}

async fn registered(services: &dyn Services, name: String) -> Runs {
    match services.task_definition(&name).await {
        Ok(Some(mut found)) => match found["taskDefinition"].take() {
            Value::Object(document) => Runs::Registered(document),
            _ => Runs::Missing(name),
        },
        Ok(None) => Runs::Missing(name),
        Err(error) => Runs::Unknown(error.to_string()),
    }
}
