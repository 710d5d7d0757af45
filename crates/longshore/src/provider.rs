//! The handler of `Custom::ECSTask`, wired to AWS: the same for every front door.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use longshore_aws::{Aws, Function, Settings};
use longshore_control::custom_resource::{Invocation, Provider};
use longshore_control::run::Runner;
use longshore_model::Timestamp;
use longshore_world::{Clock, Successor};

use crate::env;

/// The machine's clock.
#[derive(Debug)]
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place of this crate where the time of day is read"
        )]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// With credentials and endpoints from where every AWS tool takes them. In a Lambda function, the function itself goes
/// on when an invocation's time is up.
pub(crate) async fn connect() -> Result<Provider> {
    let aws = Arc::new(Aws::connect(Settings::default()).await?);
    let function = env::lambda_function();
    let successor = function.map(|(name, version)| {
        Arc::new(Function::new(Aws::clone(&aws), name, Some(version))) as Arc<dyn Successor>
    });
    Ok(Provider {
        runner: Runner::new(Arc::clone(&aws) as _, Arc::clone(&aws) as _),
        ecs: Arc::clone(&aws) as _,
        cloudformation: aws,
        clock: Arc::new(WallClock),
        successor,
    })
}

/// An event that is taken up now.
pub(crate) fn invocation(provider: &Provider, deadline: Option<Timestamp>) -> Invocation {
    Invocation { began: provider.clock.now(), deadline }
}
