//! After a start: our own proxy knows the sites again before anybody asks for them.

use futures_util::future::join_all;
use longshore_decide::preview::environment;
use longshore_model::Error;
use longshore_model::preview::Environment;
use longshore_world::{Site, SiteService};

use super::Previews;
use crate::book::ENVIRONMENTS;

impl Previews {
    /// Gives our own proxy the site of each environment that has answered, without targets: requests wait there until the
    /// first round has found the tasks. For the time before the first round, and of no effect without a proxy. A site that
    /// the proxy does not take is said and left out: its own round says so, too, and the others answer.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn reopen(&self) -> Result<(), Error> {
        let Some(routes) = &self.world.routes else { return Ok(()) };
        let records = self.book.all::<Environment>(ENVIRONMENTS, "").await?;
        let sites = records.iter().filter_map(|(_, kept)| self.site_without_targets(&kept.value));
        let set = async |site: Site| {
            let id = site.environment.clone();
            if let Err(error) = routes.set(site).await {
                tracing::warn!(environment = id, %error, "cannot give the proxy a site before its first round");
            }
        };
        join_all(sites.map(set)).await;
        Ok(())
    }

    fn site_without_targets(&self, record: &Environment) -> Option<Site> {
        let policy = self.policy_as_named(record)?;
        Some(Site {
            environment: record.names.id.clone(),
            host: environment::host_of_answering(record, &policy)?,
            entrance: environment::entrance(record, Some(&policy))?,
            services: vec![SiteService::default(); policy.services.len()],
            policy,
            closed: None,
        })
    }
}
