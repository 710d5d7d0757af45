//! A round of an environment: look, decide, write, act, and write what came of it.

use longshore_decide::preview::environment::{self, Action, Outcome, Plan, SitePlan};
use longshore_decide::preview::record::{Afterwards, afterwards};
use longshore_decide::preview::room;
use longshore_model::preview::Environment;
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::{Site, SiteService, SiteTarget};

use super::chronicle::Chronicle;
use super::records::{self, Change, Found};
use super::{Object, Previews, Round};
use crate::book::Kept;

impl Previews {
    pub(super) async fn environment(&self, id: &str, round: &str) -> Result<Round, Error> {
        let Some(kept) = records::read(&self.book, id).await? else {
            self.let_go(id).await?;
            return Ok(Round { gone: true, ..Round::default() });
        };
        let record = &kept.value;
        self.remember(record);
        let needs = environment::needs(record, self.policy_of(record).map(AsRef::as_ref), self.now());
        let seen = self.look(record, &needs, round).await?;
        let now = self.now();
        let plan = environment::decide(record, &seen, now);
        let mut chronicle = Chronicle::new(id, round);
        if plan.forget {
            return self.forget(kept, &plan, &mut chronicle, now).await;
        }
        let Some(kept) = self.write_plan(kept, &plan, &mut chronicle, now).await? else {
            return Ok(again(now));
        };
        self.set_site(&kept.value, plan.site.as_ref()).await?;
        let mut round = Round { look_again_at: plan.look_again_at, ..Round::default() };
        let kept = self.carry_out(kept, &plan.actions, &mut chronicle, &mut round).await?;
        if self.wants_hooks(&kept.value) {
            round.wake.push(Object::Hooks(id.to_owned()));
        }
        round.waiting = kept.value.waiting;
        if !plan.notices.is_empty() {
            round.wake.extend(self.notifiers());
        }
        Ok(round)
    }

    /// Writes what was decided, before anything of it is done. `None`: somebody else has written the record meanwhile,
    /// and what was decided is out of date.
    async fn write_plan(
        &self,
        kept: Kept<Environment>,
        plan: &Plan,
        chronicle: &mut Chronicle<'_>,
        now: Timestamp,
    ) -> Result<Option<Kept<Environment>>, Error> {
        if plan.record == kept.value && plan.actions.is_empty() && plan.notices.is_empty() {
            return Ok(Some(kept));
        }
        let change = Change { after: Some(&plan.record), notices: &plan.notices, ..Change::default() };
        Ok(records::write(&self.book, &Some(kept), &change, chronicle, now).await?.flatten())
    }

    /// Carries out the actions in their order, up to the first that fails. Each follows a write that nobody else can have
    /// made: the plan's own, or that of the outcome before.
    async fn carry_out(
        &self,
        mut kept: Kept<Environment>,
        actions: &[Action],
        chronicle: &mut Chronicle<'_>,
        round: &mut Round,
    ) -> Result<Kept<Environment>, Error> {
        for action in actions {
            let action = environment::complete(action, &kept.value);
            let outcome = self.act(&kept.value, &action).await;
            self.memory().forget_look(&kept.value.names.id);
            let now = self.now();
            let after = environment::took(&kept.value, &action, &outcome, now);
            let change = Change { after: Some(&after), outcome: Some(&outcome), ..Change::default() };
            let before: Found = Some(kept.clone());
            let written = records::write(&self.book, &before, &change, chronicle, now).await?;
            let Some(Some(next)) = written else {
                self.took_late(&kept.value, &action, &outcome, chronicle).await?;
                round.look_again_at = Some(now);
                break;
            };
            kept = next;
            if let Outcome::Failed(kind, why) = &outcome {
                let text = format!("cannot {}: {why}", environment::what(&kept.value, &action));
                round.trouble = Some(Error::new(*kind, text));
                round.look_again_at = earlier(kept.value.progress.retry_at, round.look_again_at);
                break;
            }
        }
        Ok(kept)
    }

    /// Somebody has written the record while a call was under way. What the call came to must not be lost, and neither
    /// must what they wrote: the outcome goes into the newest record, and what is done next is decided anew. When they
    /// have removed all that they saw, what the call has made goes, too.
    async fn took_late(
        &self,
        before: &Environment,
        action: &Action,
        outcome: &Outcome,
        chronicle: &mut Chronicle<'_>,
    ) -> Result<(), Error> {
        let now = self.now();
        let said = Change { outcome: Some(outcome), ..Change::default() };
        let is_gone = records::amend(&self.book, &before.names.id, &said, chronicle, now, |record| {
            if let Some(newest) = record.as_mut().filter(|newest| newest.life == before.life) {
                *newest = environment::took(newest, action, outcome, now);
            }
            record.is_none()
        })
        .await?;
        let Some(undo) = environment::undo(action, outcome).filter(|_| is_gone) else { return Ok(()) };
        match self.act(before, &undo).await {
            Outcome::Failed(kind, why) if kind != Kind::NotFound => {
                let what = environment::what(before, &undo);
                Err(Error::new(
                    kind,
                    format!("cannot {what}, which came when its environment was gone: {why}"),
                ))
            }
            Outcome::Done(_) | Outcome::Failed(..) => Ok(()),
        }
    }

    /// Nothing is left of it: its record goes, and what is remembered or wanted back comes in its place.
    async fn forget(
        &self,
        kept: Kept<Environment>,
        plan: &Plan,
        chronicle: &mut Chronicle<'_>,
        now: Timestamp,
    ) -> Result<Round, Error> {
        let record = &kept.value;
        let (id, repository) = (record.names.id.clone(), record.repository.clone());
        let afterwards = afterwards(record, self.policy_of(record).map(AsRef::as_ref), now);
        let (after, ended) = match &afterwards {
            Afterwards::Nothing => (None, None),
            Afterwards::Again(next) => (Some(next.as_ref()), None),
            Afterwards::Ended(ended) => (None, Some(ended)),
        };
        let change = Change { after, notices: &plan.notices, ended, ..Change::default() };
        if records::write(&self.book, &Some(kept), &change, chronicle, now).await?.is_none() {
            return Ok(again(now));
        }
        self.let_go(&id).await?;
        let is_again = after.is_some();
        let mut wake: Vec<Object> = self.notifiers().collect();
        wake.extend(is_again.then_some(Object::Environment(id)));
        // There is room for another now.
        let others = records::of_repository(&self.book, &repository).await?;
        let waiting = others.into_iter().filter(|other| room::is_asked(&other.value));
        wake.extend(waiting.map(|other| Object::Environment(other.value.names.id)));
        Ok(Round { wake, gone: !is_again, ..Round::default() })
    }

    /// Tells our own proxy.
    async fn set_site(
        &self,
        record: &Environment,
        site: Option<&Option<Box<SitePlan>>>,
    ) -> Result<(), Error> {
        let id = &record.names.id;
        let (Some(routes), Some(site)) = (&self.world.routes, site) else { return Ok(()) };
        let (Some(site), Some(policy)) = (site, self.policy_as_named(record)) else {
            return self.close(id).await;
        };
        let site = Site {
            environment: id.clone(),
            host: site.host.clone(),
            entrance: site.entrance,
            services: services(site),
            policy,
            closed: site.closed.clone(),
        };
        if self.memory().sites.get(id) == Some(&site) {
            return Ok(());
        }
        routes.set(site.clone()).await?;
        self.memory().sites.insert(id.clone(), site);
        Ok(())
    }

    /// Takes the site away, if our own proxy has one.
    async fn close(&self, id: &str) -> Result<(), Error> {
        let Some(routes) = &self.world.routes else { return Ok(()) };
        routes.remove(id).await?;
        self.memory().sites.remove(id);
        Ok(())
    }

    /// It is no more: what is known of it by heart goes, too.
    async fn let_go(&self, id: &str) -> Result<(), Error> {
        self.close(id).await?;
        let mut memory = self.memory();
        memory.known.remove(id);
        memory.tasks.remove(id);
        memory.forget_look(id);
        memory.running.remove(id);
        memory.services.retain(|_, owner| owner != id);
        Ok(())
    }

    /// Events name services: from now on those of this environment wake it.
    fn remember(&self, record: &Environment) {
        let names = environment::service_names(record);
        let mut memory = self.memory();
        memory.known.insert(record.names.id.clone());
        for name in names {
            memory.services.insert(name, record.names.id.clone());
        }
    }
}

/// The services of a site, each with its tasks.
fn services(site: &SitePlan) -> Vec<SiteService> {
    let targets = |tasks: Option<&Vec<(String, std::net::SocketAddr)>>| {
        let tasks = tasks.into_iter().flatten();
        tasks.map(|(key, address)| SiteTarget { key: key.clone(), address: *address }).collect()
    };
    let count = site.active.len().max(site.probed.len());
    let service = |index| SiteService {
        active: targets(site.active.get(index)),
        probed: targets(site.probed.get(index)),
    };
    (0..count).map(service).collect()
}

/// Look again at once.
fn again(now: Timestamp) -> Round {
    Round { look_again_at: Some(now), ..Round::default() }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
