//! How often is looked, when nothing says that there is something to see.

use longshore_model::Timestamp;

/// A repository is read again after this many seconds: a delivery that never came costs no more. The driver wakes everything
/// as often.
const REPOSITORY_S: i64 = 120;
/// After a look at GitHub that failed, in seconds; it doubles...
const FIRST_RETRY_S: i64 = 10;
/// ...up to this. A client that knows when its limit ends refuses calls until then by itself, so that asking it is free.
const LONGEST_RETRY_S: i64 = REPOSITORY_S;
/// Between two sweeps, in seconds.
const SWEEP_S: i64 = 60;
/// Between two looks for what is old in the store, in seconds.
const TIDY_S: i64 = 600;

/// When a repository is read again, after so many looks in a row that failed.
#[must_use]
pub fn next_repository(errors: u32, now: Timestamp) -> Timestamp {
    let wait = match errors {
        0 => REPOSITORY_S,
        errors => FIRST_RETRY_S.saturating_mul(1 << (errors - 1).min(10)).min(LONGEST_RETRY_S),
    };
    now.plus_seconds(wait)
}

/// When the next sweep is.
#[must_use]
pub const fn next_sweep(now: Timestamp) -> Timestamp {
    now.plus_seconds(SWEEP_S)
}

/// When is looked again for what is old.
#[must_use]
pub const fn next_tidy(now: Timestamp) -> Timestamp {
    now.plus_seconds(TIDY_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_github_that_is_down_is_asked_less_and_less() {
        let waits = [0, 1, 2, 4, 5, 40].map(|errors| next_repository(errors, Timestamp(0)).0 / 1000);
        assert_eq!(waits, [120, 10, 20, 80, 120, 120]);
    }
}
