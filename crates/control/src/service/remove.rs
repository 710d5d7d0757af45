//! Drives services out: does what each of them asks, and looks at all that are on their way with one call.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use longshore_decide::service::{Removal, Step, look_again};
use longshore_model::Error;
use longshore_model::call::MAX_SERVICES_PER_DESCRIBE;
use longshore_model::seen::Service;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Applier;

/// So many services are changed at the same time.
const AT_ONCE: usize = 5;

/// What came back.
enum Did {
    Scaled,
    Deleted(Result<Box<Service>, Error>),
}

impl Applier {
    /// Drives all of them to their ends. Words that come through `interrupts` end the waiting. `look` sees all of them
    /// after each round.
    pub async fn remove(
        &self,
        removals: &mut [Removal],
        interrupts: &mut mpsc::UnboundedReceiver<String>,
        look: &mut (dyn FnMut(&[Removal]) + Send),
    ) {
        let mut pause = Duration::ZERO;
        loop {
            look(removals);
            let asked: Vec<(usize, Step)> =
                removals.iter().enumerate().filter_map(|(index, it)| Some((index, it.ask()?))).collect();
            if asked.is_empty() {
                return;
            }
            let round = self.round(asked, removals, pause);
            tokio::select! {
                biased;
                Some(words) = interrupts.recv() => {
                    removals.iter_mut().for_each(|removal| removal.interrupt(&words));
                    look(removals);
                    return;
                }
                took = round => pause = took,
            }
        }
    }

    /// Makes the calls that are asked for, or else looks at all of them after a pause. Gives the next pause.
    async fn round(&self, asked: Vec<(usize, Step)>, removals: &mut [Removal], pause: Duration) -> Duration {
        let (looks, acts): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(_, step)| *step == Step::Look);
        if acts.is_empty() {
            tokio::time::sleep(pause).await;
            let indices: Vec<usize> = looks.into_iter().map(|(index, _)| index).collect();
            return self.look(&indices, removals).await;
        }
        let names: Vec<String> = removals.iter().map(|removal| removal.name().to_owned()).collect();
        let mut dids = stream::iter(acts)
            .map(|(index, step)| {
                let name = &names[index];
                async move { (index, self.step(name, step).await) }
            })
            .buffer_unordered(AT_ONCE);
        while let Some((index, did)) = dids.next().await {
            match did {
                Did::Scaled => removals[index].scaled(),
                Did::Deleted(end) => removals[index].deleted(end.map(|service| *service), self.now()),
            }
        }
        pause
    }

    async fn step(&self, name: &str, step: Step) -> Did {
        match step {
            Step::Scale(input) => {
                if let Err(error) = self.services.update_service(&input).await {
                    tracing::debug!("{error}");
                }
                Did::Scaled
            }
            Step::Delete | Step::Look => {
                Did::Deleted(self.services.delete_service(&self.cluster, name).await.map(Box::new))
            }
        }
    }

    async fn look(&self, indices: &[usize], removals: &mut [Removal]) -> Duration {
        let asked = Instant::now();
        let mut calls: u32 = 0;
        for part in indices.chunks(MAX_SERVICES_PER_DESCRIBE) {
            let names: Vec<String> = part.iter().map(|index| removals[*index].name().to_owned()).collect();
            let seen = self.services.describe_services(&self.cluster, &names).await;
            for index in part {
                let name = removals[*index].name().to_owned();
                let of = seen.as_ref().map(|seen| seen.iter().find(|service| service.name == name));
                removals[*index].looked(of, self.now());
            }
            calls += 1;
        }
        look_again(asked.elapsed() / calls.max(1))
    }
}
