//! The names that are made from a request: the same for the same resource or the same request, however often it is
//! delivered.

use sha2::{Digest, Sha256};

use super::address::ReturnAddress;

/// The longest part of a name for people that goes into a derived id, in bytes.
const LONGEST_NAME: usize = 255;

/// ECS's limit for the reason of StopTask is 1024 characters; ours are short enough to be read in a list.
const LONGEST_REASON: usize = 255;

/// Whom the tasks of a resource belong to: 36 characters, as many as StartTask takes. It names the resource and not the
/// request, so that Delete finds what earlier requests left running.
#[must_use]
pub fn started_by(address: &ReturnAddress) -> String {
    let hash = digest(&[address.stack_id(), address.logical_resource_id()]);
    format!("cfn-{}", &hash[..32])
}

/// The run's name, from which its client tokens are made.
pub(super) fn run_id(address: &ReturnAddress) -> String {
    let hash = digest(&[address.stack_id(), address.logical_resource_id(), address.request_id()]);
    format!("cfn-{}", &hash[..32])
}

/// For a resource that has no id yet: `STACK-LOGICALID-` and 16 hexadecimal digits. It is the same for a Create that is
/// tried again, and an Update never makes another one, which CloudFormation would take for a replacement.
pub(super) fn physical_resource_id(stack_id: &str, logical_resource_id: &str) -> String {
    let hash = digest(&[stack_id, logical_resource_id]);
    let stack = cut(stack_name(stack_id), LONGEST_NAME);
    format!("{stack}-{}-{}", cut(logical_resource_id, LONGEST_NAME), &hash[..16])
}

/// Who we are, in the `stoppedReason` of a task that its run stops.
pub(super) fn who(address: &ReturnAddress) -> String {
    let who = format!("stack {} request {}", stack_name(address.stack_id()), address.request_id());
    cut(&who, LONGEST_REASON).to_owned()
}

/// The `stoppedReason` of tasks that are stopped without a run; `why` completes "because".
pub(super) fn stop_reason(address: &ReturnAddress, why: &str) -> String {
    cut(&format!("Stopped by {} because {why}", who(address)), LONGEST_REASON).to_owned()
}

/// `web` of `arn:aws:cloudformation:eu-west-1:123456789012:stack/web/UUID`.
pub(super) fn stack_name(stack_id: &str) -> &str {
    stack_id.split('/').nth(1).unwrap_or(stack_id)
}

/// As much of the beginning as fits, in whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// 64 hexadecimal digits. The length goes before each part, so that no two lists of parts are one text.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(format!("{}:{part}", part.len()));
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{address, address_of};
    use super::*;

    #[test]
    fn the_names_are_stable() {
        // Written down once: a release that names things differently would lose what earlier ones started.
        let address = address();
        assert_eq!(started_by(&address), "cfn-4c1f956962dd02b0fda9c0af7648754b");
        assert_eq!(run_id(&address), "cfn-2b291e2121bd77438312fbb94635f295");
        assert_eq!(
            physical_resource_id(address.stack_id(), address.logical_resource_id()),
            "web-MigrateTask-4c1f956962dd02b0"
        );
    }

    #[test]
    fn a_resource_is_named_by_stack_and_logical_id_and_a_run_by_its_request_too() {
        let same = address_of("stack/a/1", "request-2", "Migrate");
        let one = address_of("stack/a/1", "request-1", "Migrate");
        assert_eq!(started_by(&one), started_by(&same));
        assert_ne!(run_id(&one), run_id(&same));
        for other in
            [address_of("stack/a/2", "request-1", "Migrate"), address_of("stack/a/1", "request-1", "M")]
        {
            assert_ne!(started_by(&one), started_by(&other));
            assert_ne!(run_id(&one), run_id(&other));
            assert_ne!(one.physical_resource_id(), other.physical_resource_id());
        }
        assert_eq!(started_by(&one).len(), longshore_model::call::MAX_STARTED_BY);
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["ab"]), digest(&["ab", ""]));
        assert_ne!(digest(&["1:a"]), digest(&["", "a"]));
    }

    #[test]
    fn names_are_never_too_long_and_never_cut_within_a_character() {
        let long = "ü".repeat(400);
        let id = physical_resource_id(&format!("stack/{long}/1"), &long);
        assert!(id.len() <= 1024 && id.starts_with("üü"), "{} bytes", id.len());
        let address = address_of(&format!("arn/{}/1", "ü".repeat(200)), "request-1", "Migrate");
        let reason = stop_reason(&address, "the resource is deleted");
        assert_eq!(reason.len(), 255);
        assert!(reason.starts_with("Stopped by stack üü"), "{reason}");
    }
}
