//! The AWS Lambda door: the same binary, started as `bootstrap` on `provided.al2023`, takes the events of CloudFormation
//! from the runtime's API.

use anyhow::{Result, anyhow};
use lambda_runtime::{LambdaEvent, service_fn};
use longshore_control::custom_resource::Provider;
use longshore_model::Timestamp;
use serde_json::Value;

use crate::provider;

/// What is written to the function's log: our own words. A library's could have a `ResponseURL` in them.
const LOG_FILTER: &str = "error,longshore=info,longshore_control=info,longshore_aws=info";

/// Serves until Lambda ends the process.
pub(crate) fn serve() -> Result<u8> {
    tracing_subscriber::fmt()
        .with_env_filter(LOG_FILTER)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .init();
    // One event at a time: one thread is enough, and starts sooner.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let provider = provider::connect().await?;
        let handler = service_fn(|event: LambdaEvent<Value>| handle(&provider, event));
        lambda_runtime::run(handler).await.map_err(|error| anyhow!("{error}"))
    })?;
    Ok(0)
}

/// An error makes Lambda deliver the event again.
async fn handle(provider: &Provider, event: LambdaEvent<Value>) -> Result<(), lambda_runtime::Error> {
    let deadline = i64::try_from(event.context.deadline).ok().map(Timestamp);
    let invocation = provider::invocation(provider, deadline);
    match provider.handle(&event.payload, invocation).await {
        Ok(_) => Ok(()),
        Err(unanswered) => {
            tracing::error!(%unanswered, "not answered");
            Err(unanswered.into())
        }
    }
}
