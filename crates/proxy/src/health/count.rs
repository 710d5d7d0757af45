//! How many checks make a target healthy or unhealthy. Pure.

use super::{Health, Reason};

/// How many checks in a row decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Successes that make an unhealthy target healthy.
    pub healthy: u32,
    /// Failures that make a target unhealthy.
    pub unhealthy: u32,
}

/// What the checks of a target have shown so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    /// What was told last; nothing about a new target.
    told: Option<Health>,
    was_healthy: bool,
    successes: u32,
    failures: u32,
}

impl Count {
    /// Whether it was ever told that the target is healthy.
    pub fn has_been_healthy(&self) -> bool {
        self.was_healthy
    }

    /// Takes the outcome of a check; gives what is to be told, if that is new.
    ///
    /// A new target is healthy after its first success (ELB User Guide, "Health checks for target groups"): the
    /// threshold is for those that were unhealthy.
    pub fn take(&mut self, outcome: Result<(), Reason>, thresholds: Thresholds) -> Option<Health> {
        let now = match outcome {
            Ok(()) => {
                self.failures = 0;
                self.successes = self.successes.saturating_add(1);
                let enough = self.told.is_none() || self.successes >= thresholds.healthy;
                enough.then_some(Health::Healthy)
            }
            Err(reason) => {
                self.successes = 0;
                self.failures = self.failures.saturating_add(1);
                let known = matches!(self.told, Some(Health::Unhealthy(_)));
                (known || self.failures >= thresholds.unhealthy).then_some(Health::Unhealthy(reason))
            }
        };
        if now.is_none() || now == self.told {
            return None;
        }
        self.was_healthy |= now == Some(Health::Healthy);
        self.told = now;
        self.told.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes checks, `+` for a success, `t` for a timeout, `5` for a 503, `x` for a refused connection; what is told
    /// after each.
    fn told(checks: &str) -> String {
        let (mut count, thresholds) = (Count::default(), Thresholds { healthy: 3, unhealthy: 2 });
        let mut told = String::new();
        for check in checks.chars() {
            let outcome = match check {
                '+' => Ok(()),
                't' => Err(Reason::Timeout),
                '5' => Err(Reason::Mismatch(503)),
                _ => Err(Reason::Failed),
            };
            told.push(match count.take(outcome, thresholds) {
                None => '.',
                Some(Health::Healthy) => 'H',
                Some(Health::Unhealthy(Reason::Timeout)) => 'T',
                Some(Health::Unhealthy(Reason::Mismatch(_))) => 'M',
                Some(Health::Unhealthy(Reason::Failed)) => 'F',
            });
        }
        told
    }

    #[test]
    fn checks_in_a_row_decide() {
        let cases = [
            ("+", "H"),
            ("+++", "H.."),
            ("x+", ".H"),
            ("xx", ".F"),
            ("xx++", ".F.."),
            ("xx+++", ".F..H"),
            ("xx++x+++", ".F.....H"),
            ("+x+x+", "H...."),
            ("+xx", "H.F"),
            ("+x55", "H.M."),
            ("+xxt5", "H.FTM"),
            ("+xx+x+++", "H.F....H"),
        ];
        for (checks, expected) in cases {
            assert_eq!(told(checks), expected, "{checks}");
        }
    }

    #[test]
    fn reasons_are_in_the_words_of_elastic_load_balancing() {
        let words =
            [Reason::Timeout, Reason::Mismatch(503), Reason::Failed].map(|it| (it.code(), it.to_string()));
        assert_eq!(words[0], ("Target.Timeout", "Request timed out".into()));
        assert_eq!(
            words[1],
            ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]".into())
        );
        assert_eq!(words[2], ("Target.FailedHealthChecks", "Health checks failed".into()));
    }
}
