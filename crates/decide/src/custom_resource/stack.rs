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

/// What came of stopping the running tasks of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stopping {
    /// How many were found.
    pub found: usize,
    /// How many of them have not stopped yet.
    pub running: usize,
    /// The first error, of finding or of stopping them.
    pub error: Option<Error>,
}

/// The answer when running tasks were to be stopped. That the cluster is gone is no failure; and who may not even list
/// tasks has started none: a resource that cannot be deleted would hold up its whole stack. A task that was found and may
/// not be stopped is a failure.
#[must_use]
pub fn after_stopping(address: &ReturnAddress, why: &str, stopping: &Stopping) -> String {
    let tasks = |count: usize| if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") };
    let (words, fine) = match (&stopping.error, stopping.found) {
        (None, 0) => ("no task was running".to_owned(), true),
        (None, found) if stopping.running == 0 => (format!("{} stopped", tasks(found)), true),
        (None, found) => {
            (format!("{} told to stop, {} not stopped yet", tasks(found), stopping.running), true)
        }
        (Some(error), found) => {
            let gone = error.kind() == Kind::NotFound || (error.kind() == Kind::Denied && found == 0);
            let hint = error.hint().map(|hint| format!("\nNext: {hint}")).unwrap_or_default();
            (format!("tasks could not be stopped: {error}{hint}"), gone)
        }
    };
    let why = format!("{why}; {words}");
    if fine { answer::succeeded(address, &why) } else { answer::failed(address, &why) }
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
        let found = |found, running| Stopping { found, running, error: None };
        let error =
            |kind, found| Stopping { found, running: found, error: Some(Error::new(kind, "cannot stop it")) };
        let cases = [
            (found(0, 0), "SUCCESS", "no task was running"),
            (found(1, 0), "SUCCESS", "1 task stopped"),
            (found(2, 1), "SUCCESS", "2 tasks told to stop, 1 not stopped yet"),
            (error(Kind::NotFound, 0), "SUCCESS", "cannot stop it"),
            (error(Kind::Denied, 0), "SUCCESS", "cannot stop it"),
            (error(Kind::Denied, 1), "FAILED", "cannot stop it"),
            (error(Kind::Unavailable, 0), "FAILED", "cannot stop it"),
        ];
        for (stopping, status, part) in cases {
            let answer = after_stopping(&address, "the resource is deleted", &stopping);
            let body: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(body["Status"], status, "{body}");
            assert!(body["Reason"].as_str().unwrap().contains(part), "{body}");
        }
    }
}
