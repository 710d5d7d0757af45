//! Services that no record speaks of: those with our tags get a record that removes them. All of them are looked at before
//! anything is done about one, because many at once are a reason to stop.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use longshore_decide::preview::orphan;
use longshore_model::Error;
use longshore_model::call::MAX_SERVICES_PER_DESCRIBE;
use longshore_model::preview::Environment;
use longshore_model::seen::Service;
use serde_json::Value;

use super::chronicle::Chronicle;
use super::records::{self, Change};
use super::{Object, Previews, Round};

/// So many of a cluster are looked at in one sweep; the next goes on.
const LOOKED_AT_ONCE: usize = 50;

/// What is known of services that no record speaks of, by cluster and name. They are looked at once in a process.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    /// They have not our tags.
    foreign: BTreeSet<(String, String)>,
    /// They have.
    tagged: BTreeMap<(String, String), Service>,
}

impl Unknown {
    /// Of these, which are all that there are, those that were not looked at, by cluster.
    fn news(&mut self, unknown: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
        let all: BTreeSet<&(String, String)> = unknown.iter().collect();
        self.tagged.retain(|service, _| all.contains(service));
        let mut news: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (cluster, name) in unknown {
            let names = news.entry(cluster.clone()).or_default();
            let service = (cluster.clone(), name.clone());
            if !self.foreign.contains(&service) && !self.tagged.contains_key(&service) {
                names.push(name.clone());
            }
        }
        news
    }

    fn learn(&mut self, cluster: &str, services: Vec<Service>) {
        for service in services {
            let key = (cluster.to_owned(), service.name.clone());
            if orphan::is_tagged(&service) {
                self.tagged.insert(key, service);
            } else {
                self.foreign.insert(key);
            }
        }
    }

    /// Those of an environment that is removed. What is left of them then is looked at anew: somebody may have taken their
    /// tags away meanwhile.
    fn forget(&mut self, cluster: &str, record: &Environment) {
        for name in record.progress.resources.services.keys() {
            self.tagged.remove(&(cluster.to_owned(), name.clone()));
        }
    }

    fn tagged(&self, cluster: &str) -> Vec<Service> {
        let here = self.tagged.iter().filter(|((of, _), _)| of == cluster);
        here.map(|(_, service)| service.clone()).collect()
    }
}

impl Previews {
    /// `unknown` are all services that no record speaks of, by cluster.
    pub(super) async fn orphans(
        &self,
        unknown: &[(String, String)],
        id: &str,
        round: &mut Round,
    ) -> Result<(), Error> {
        let news = self.memory().unknown.news(unknown);
        for (cluster, names) in news {
            let (now, later) = names.split_at(names.len().min(LOOKED_AT_ONCE));
            let Ok(services) = self.described(&cluster, now).await else { continue };
            let tagged = {
                let mut memory = self.memory();
                memory.unknown.learn(&cluster, services);
                memory.unknown.tagged(&cluster)
            };
            if later.is_empty() {
                self.adopt(&cluster, &tagged, id, round).await?;
            } else {
                round.waiting.push(format!(
                    "{} services of cluster `{cluster}` that no record speaks of were not looked at yet: none of them is \
                     removed before",
                    later.len()
                ));
            }
        }
        Ok(())
    }

    async fn adopt(
        &self,
        cluster: &str,
        services: &[Service],
        id: &str,
        round: &mut Round,
    ) -> Result<(), Error> {
        let mut was_read = BTreeSet::new();
        for name in self.policies.keys().filter(|_| !services.is_empty()) {
            if self.ledger(name).await?.read_at.is_some() {
                was_read.insert(name.as_str());
            }
        }
        let definitions = self.definitions(orphan::needs(services, &self.policies)).await?;
        let (now, was_read) = (self.now(), |name: &str| was_read.contains(name));
        let plan = orphan::decide(services, &definitions, cluster, &self.policies, was_read, now);
        for record in plan.adopt {
            let name = record.names.id.clone();
            let change = Change { after: Some(&record), by: Some("sweep"), ..Change::default() };
            records::write(&self.book, &None, &change, &mut Chronicle::new(&name, id), now).await?;
            self.memory().unknown.forget(cluster, &record);
            round.waiting.push(format!("the services of `{name}` belong to no record: they are removed"));
            round.wake.push(Object::Environment(name));
        }
        round.waiting.extend(plan.waiting);
        Ok(())
    }

    /// Task definitions, by these names of theirs.
    pub(super) async fn definitions(
        &self,
        names: BTreeSet<String>,
    ) -> Result<BTreeMap<String, Option<Value>>, Error> {
        let each = names.into_iter().map(|name| async move {
            let definition = self.world.services.task_definition(&name).await?;
            Ok::<_, Error>((name, definition))
        });
        Ok(try_join_all(each).await?.into_iter().collect())
    }

    async fn described(&self, cluster: &str, names: &[String]) -> Result<Vec<Service>, Error> {
        let pages = names.chunks(MAX_SERVICES_PER_DESCRIBE);
        let pages = try_join_all(pages.map(|page| self.world.services.describe_services(cluster, page)));
        Ok(pages.await?.concat())
    }
}
