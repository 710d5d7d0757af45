//! What a run would send: the state machine itself is asked, and nothing is done.

use std::time::Duration;

use longshore_decide::run::{Answer, Ask, Run, Spec};
use longshore_model::Error;
use longshore_model::call::{RunTask, StartTask};
use serde_json::{Value, json};

/// The calls that start the tasks, all of them. Without a name of its own, a run gets a new one each time, so what is
/// made from it is left out.
pub(crate) fn calls(spec: Spec, named: bool) -> Value {
    let mut run = Run::new(spec, Duration::ZERO);
    let (mut runs, mut starts) = (Vec::new(), Vec::new());
    loop {
        let asks = run.ask(Duration::ZERO);
        if asks.is_empty() {
            break;
        }
        for ask in asks {
            match ask {
                Ask::RunTask { request, .. } => {
                    let client_token = request.client_token.filter(|_| named);
                    runs.push(RunTask { client_token, ..request });
                }
                Ask::StartTask { request, .. } => {
                    let group = request.group.filter(|_| named);
                    starts.push(StartTask { group, ..request });
                }
                // Nothing was started before.
                Ask::Find { call, .. } => {
                    run.take(Answer::Found(call, Ok::<_, Error>(Vec::new())), Duration::ZERO)
                }
                Ask::Describe(_) | Ask::Stop { .. } | Ask::ReadLog { .. } | Ask::Instances(_) => {}
            }
        }
    }
    if starts.is_empty() { json!({"runTask": runs}) } else { json!({"startTask": starts}) }
}
