//! What the stack as a whole means for one of its requests.

use longshore_model::{Error, Kind};

use super::address::ReturnAddress;
use super::answer;
use super::properties::Properties;
use super::request::RequestType;

/// Whether the stack no longer wants what a request asked for, in words that complete "stopped ...".
///
/// When another resource of the stack fails, CloudFormation gives up on this one as well and soon asks to delete it, but
/// tells the running request nothing: a task that still waits for capacity would start after the Delete.
#[must_use]
pub fn withdrawn(kind: RequestType, properties: &Properties, stack_status: &str) -> Option<String> {
    let taken_back = match kind {
        RequestType::Create => ["ROLLBACK_", "UPDATE_ROLLBACK_", "DELETE_"]
            .iter()
            .any(|beginning| stack_status.starts_with(beginning)),
        RequestType::Update => {
            !properties.run_on_rollback
                && ["UPDATE_ROLLBACK_", "DELETE_"].iter().any(|beginning| stack_status.starts_with(beginning))
        }
        RequestType::Delete => false,
    };
    taken_back.then(|| format!("because its stack is {stack_status}"))
}

/// The answer when running tasks were to be stopped. That the cluster is gone is no failure; and who may not even list
/// tasks has started none: a resource that cannot be deleted would hold up its whole stack.
#[must_use]
pub fn after_stopping(address: &ReturnAddress, why: &str, stopped: Result<usize, Error>) -> String {
    let (words, gone) = match &stopped {
        Ok(0) => ("no task was running".to_owned(), true),
        Ok(1) => ("1 running task was stopped".to_owned(), true),
        Ok(count) => (format!("{count} running tasks were stopped"), true),
        Err(error) => (
            format!("tasks could not be stopped: {error}"),
            matches!(error.kind(), Kind::NotFound | Kind::Denied),
        ),
    };
    let why = format!("{why}; {words}");
    if gone { answer::succeeded(address, &why) } else { answer::failed(address, &why) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::request::Request;
    use super::super::samples;
    use super::*;

    fn properties(run_on_rollback: bool) -> Properties {
        let given = json!({"Cluster": "main", "TaskDefinition": "job", "RunOnRollback": run_on_rollback});
        Properties::read(&given).unwrap()
    }

    #[test]
    fn a_stack_that_is_rolled_back_wants_nothing_new() {
        let cases = [
            (RequestType::Create, false, "CREATE_IN_PROGRESS", false),
            (RequestType::Create, false, "UPDATE_IN_PROGRESS", false),
            (RequestType::Create, false, "ROLLBACK_IN_PROGRESS", true),
            (RequestType::Create, true, "UPDATE_ROLLBACK_IN_PROGRESS", true),
            (RequestType::Create, false, "DELETE_IN_PROGRESS", true),
            (RequestType::Update, false, "UPDATE_IN_PROGRESS", false),
            (RequestType::Update, false, "UPDATE_ROLLBACK_IN_PROGRESS", true),
            (RequestType::Update, true, "UPDATE_ROLLBACK_IN_PROGRESS", false),
            (RequestType::Delete, false, "ROLLBACK_IN_PROGRESS", false),
            (RequestType::Delete, false, "DELETE_IN_PROGRESS", false),
        ];
        for (kind, run_on_rollback, status, expected) in cases {
            let words = withdrawn(kind, &properties(run_on_rollback), status);
            assert_eq!(words.is_some(), expected, "{kind:?} {run_on_rollback} {status}");
        }
    }

    #[test]
    fn a_delete_succeeds_unless_something_may_still_run() {
        let address = Request::read(&samples::event("Delete")).unwrap().address;
        let error = |kind| Err(Error::new(kind, "cannot list tasks"));
        let cases = [
            (Ok(0), "SUCCESS", "no task was running"),
            (Ok(1), "SUCCESS", "1 running task was stopped"),
            (Ok(2), "SUCCESS", "2 running tasks were stopped"),
            (error(Kind::NotFound), "SUCCESS", "cannot list tasks"),
            (error(Kind::Denied), "SUCCESS", "cannot list tasks"),
            (error(Kind::Unavailable), "FAILED", "cannot list tasks"),
        ];
        for (stopped, status, part) in cases {
            let body: Value =
                serde_json::from_str(&after_stopping(&address, "the resource is deleted", stopped)).unwrap();
            assert_eq!(body["Status"], status, "{body}");
            assert!(body["Reason"].as_str().unwrap().contains(part), "{body}");
        }
    }
}
