//! What is there of the services and families that files speak of, and the plan for each.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use longshore_decide::service::{
    Change, Plan, PlanError, Revision, Wish, family, in_cluster, mark, plan, revision,
};
use longshore_model::Error;
use longshore_model::seen::Service;
use serde_json::{Map, Value};

use super::Applier;

/// So many families are described at the same time.
const AT_ONCE: usize = 5;

/// What the files of one name say.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// NAME of its files.
    pub name: String,
    /// As RegisterTaskDefinition takes it.
    pub task_definition: Option<Map<String, Value>>,
    /// As CreateService takes it, with its `serviceName`.
    pub service: Option<Map<String, Value>>,
}

/// A family, and the revision that its file stands for.
#[derive(Debug, Clone)]
pub struct Family {
    /// Its file, marked as ours; absent for a family that a service only names.
    pub file: Option<Map<String, Value>>,
    /// Its latest active revision, as DescribeTaskDefinition answers.
    pub latest: Option<Value>,
    /// What is used of it; absent when nothing is registered and there is no file.
    pub revision: Option<Revision>,
}

/// A service, and what is to be done about it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// What is to be done.
    pub plan: Plan,
    /// What is there.
    pub live: Option<Service>,
}

/// All that the files speak of.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// By name.
    pub families: BTreeMap<String, Family>,
    /// In the order of the files.
    pub services: Vec<Planned>,
}

/// Why nothing is done.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] Error),
    /// A file cannot be made true.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl Applier {
    /// Looks, and plans; changes nothing.
    ///
    /// # Errors
    ///
    /// When something could not be seen, or one of the files cannot be made true. Then there is no plan at all.
    pub async fn observe(&self, wanted: &[Wanted], project: &str) -> Result<Observed, Trouble> {
        let mut names = BTreeSet::new();
        let mut files = BTreeMap::new();
        for unit in wanted {
            if let Some(file) = &unit.task_definition {
                let family = file.get("family").and_then(Value::as_str).unwrap_or(&unit.name);
                files.insert(family.to_owned(), mark(file.clone(), project));
            }
            let named = unit.service.as_ref().and_then(|service| service.get("taskDefinition")?.as_str());
            names.extend(named.and_then(family));
        }
        names.extend(files.keys().cloned());
        let families = stream::iter(names)
            .map(|name| async {
                let latest = self.services.task_definition(&name).await?;
                let file = files.get(&name).cloned();
                let revision = match (&file, &latest) {
                    (Some(file), latest) => Some(revision(file, latest.as_ref())),
                    (None, Some(latest)) => known(latest),
                    (None, None) => None,
                };
                Ok::<_, Error>((name, Family { file, latest, revision }))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut observed = Observed { families, services: Vec::new() };
        let service_name =
            |service: &Map<String, Value>| service.get("serviceName")?.as_str().map(ToOwned::to_owned);
        let services: Vec<String> =
            wanted.iter().filter_map(|unit| service_name(unit.service.as_ref()?)).collect();
        let live = self.describe(&services).await?;
        let revisions = observed.revisions();
        for unit in wanted {
            let Some(service) = &unit.service else { continue };
            let mut service = service.clone();
            let name = service_name(&service).unwrap_or_else(|| unit.name.clone());
            in_cluster(&mut service, &name, &self.cluster)?;
            let own = unit.task_definition.as_ref().and_then(|file| file.get("family")?.as_str());
            let live = live.iter().find(|live| live.name == name).cloned();
            let wish = Wish { family: own.map(ToOwned::to_owned), service };
            let plan = plan(&wish, live.as_ref(), &revisions, project)?;
            observed.services.push(Planned { name, plan, live });
        }
        Ok(observed)
    }

    /// Registers the new revisions, and puts them into the plans. `tell` is given the name of each.
    ///
    /// # Errors
    ///
    /// Those of RegisterTaskDefinition. What was registered until then stays registered, and does no harm.
    pub async fn register(
        &self,
        observed: &mut Observed,
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Error> {
        for (name, family) in &mut observed.families {
            let Some(Revision::New(input)) = &family.revision else { continue };
            let registered = self.services.register(input).await?;
            tell(&registered.arn);
            for planned in &mut observed.services {
                if planned.plan.needs.as_deref() == Some(name) {
                    use_revision(&mut planned.plan, &registered.arn);
                }
            }
            family.revision = Some(Revision::Known(registered.arn));
        }
        Ok(())
    }
}

impl Observed {
    fn revisions(&self) -> BTreeMap<String, Revision> {
        let known =
            self.families.iter().filter_map(|(name, family)| Some((name.clone(), family.revision.clone()?)));
        known.collect()
    }

    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let new = self.families.values().any(|family| matches!(family.revision, Some(Revision::New(_))));
        !new && self.services.iter().all(|planned| planned.plan.change == Change::None)
    }
}

fn known(latest: &Value) -> Option<Revision> {
    latest["taskDefinition"]["taskDefinitionArn"].as_str().map(|arn| Revision::Known(arn.to_owned()))
}

/// Puts the exact revision where its family's name stands.
fn use_revision(plan: &mut Plan, arn: &str) {
    match &mut plan.change {
        Change::Create(input) | Change::Update { input, .. } => {
            input.insert("taskDefinition".to_owned(), Value::String(arn.to_owned()));
        }
        Change::None => {}
    }
    plan.needs = None;
}
