//! Plans of the scheduler, as tables.

use proptest::prelude::*;

use super::*;

/// A service of `desired` tasks with these bounds in percent, all of whose tasks are healthy and of an old deployment.
fn rolling(desired: usize, minimum: usize, maximum: usize) -> Numbers {
    Numbers {
        desired,
        lower: (desired * minimum).div_ceil(100),
        upper: desired * maximum / 100,
        outgoing: Tally { healthy: desired, ..Tally::default() },
        may_start: true,
        ..Numbers::default()
    }
}

#[test]
fn a_batch_is_what_the_bounds_leave_room_for() {
    let first = |desired, minimum, maximum| {
        let moves = plan(&rolling(desired, minimum, maximum));
        (moves.start, moves.stop_outgoing.healthy)
    };
    assert_eq!(first(4, 100, 200), (4, 0), "all at once, with nothing stopped");
    assert_eq!(first(4, 50, 100), (2, 2), "room is made within the lower bound");
    assert_eq!(first(4, 100, 150), (2, 0));
    assert_eq!(first(3, 50, 100), (1, 1), "the lower bound is rounded up: 2 of 3 stay");
    assert_eq!(first(3, 100, 150), (1, 0), "the upper bound is rounded down: 4 of 4.5");
    assert_eq!(first(1, 0, 100), (1, 1));
    assert_eq!(first(1, 100, 150), (0, 0), "nothing can be done within these bounds");
}

#[test]
fn an_unhealthy_task_goes_once_its_replacement_is_healthy() {
    let mut numbers = Numbers { desired: 4, lower: 4, upper: 8, may_start: true, ..Numbers::default() };
    numbers.current = Tally { healthy: 3, unhealthy: 1, ..Tally::default() };
    assert_eq!(plan(&numbers), Moves { start: 1, ..Moves::default() });
    numbers.current.starting = 1;
    assert_eq!(plan(&numbers), Moves::default());
    numbers.current = Tally { healthy: 4, unhealthy: 1, ..Tally::default() };
    assert_eq!(plan(&numbers).stop_current.unhealthy, 1);
    // Where the maximum leaves no room, it goes first.
    numbers.current = Tally { healthy: 3, unhealthy: 1, ..Tally::default() };
    numbers.upper = 4;
    let moves = plan(&numbers);
    assert_eq!((moves.stop_current.unhealthy, moves.start), (1, 1));
}

fn tally() -> impl Strategy<Value = Tally> {
    (0..9_usize, 0..9_usize, 0..9_usize, 0..9_usize)
        .prop_map(|(pending, starting, healthy, unhealthy)| Tally { pending, starting, healthy, unhealthy })
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (0..12_usize, 0..=100_usize, 100..=300_usize, tally(), tally(), flags).prop_map(
        |(desired, minimum, maximum, current, outgoing, (is_frozen, may_start, is_short))| Numbers {
            desired,
            lower: (desired * minimum).div_ceil(100),
            upper: desired * maximum / 100,
            current,
            outgoing,
            is_frozen,
            may_start,
            is_short,
        },
    )
}

fn less(from: Tally, what: Tally) -> Tally {
    Tally {
        pending: from.pending - what.pending,
        starting: from.starting - what.starting,
        healthy: from.healthy - what.healthy,
        unhealthy: from.unhealthy - what.unhealthy,
    }
}

proptest! {
    #[test]
    fn the_bounds_are_kept(numbers in numbers()) {
        let moves = plan(&numbers);
        let (current, outgoing) = (less(numbers.current, moves.stop_current), less(numbers.outgoing, moves.stop_outgoing));
        let before = numbers.current.healthy + numbers.outgoing.healthy;
        let after = current.healthy + outgoing.healthy;
        prop_assert!(after >= numbers.lower.min(before), "{moves:?}");
        prop_assert!(moves.start == 0 || current.live() + outgoing.live() + moves.start <= numbers.upper, "{moves:?}");
        prop_assert!(current.useful() + moves.start <= numbers.desired.max(current.healthy), "{moves:?}");
        prop_assert!(moves.start == 0 || (numbers.may_start && !numbers.is_frozen));
    }

    #[test]
    fn what_was_done_needs_not_be_done_again(numbers in numbers()) {
        let moves = plan(&numbers);
        let mut then = numbers;
        then.current = less(numbers.current, moves.stop_current);
        then.current.pending += moves.start;
        then.outgoing = less(numbers.outgoing, moves.stop_outgoing);
        prop_assert_eq!(plan(&then), Moves::default(), "after {:?}", moves);
    }

    /// Whatever the tasks are at first: when each that is started becomes healthy and each that is stopped goes, the
    /// service has what it wants in the end, unless its bounds forbid to do anything.
    #[test]
    fn it_comes_to_an_end(numbers in numbers()) {
        let mut numbers = Numbers { is_frozen: false, may_start: true, is_short: false, ..numbers };
        let is_possible = numbers.upper > numbers.desired || numbers.lower < numbers.desired || numbers.desired == 0;
        prop_assume!(is_possible);
        for _ in 0..100 {
            let moves = plan(&numbers);
            numbers.current = less(numbers.current, moves.stop_current);
            numbers.outgoing = less(numbers.outgoing, moves.stop_outgoing);
            numbers.current.pending += moves.start;
            let on_the_way = numbers.current.pending + numbers.current.starting;
            numbers.current = Tally { pending: 0, starting: 0, healthy: numbers.current.healthy + on_the_way, ..numbers.current };
        }
        let wanted = Tally { healthy: numbers.desired, ..Tally::default() };
        prop_assert_eq!((numbers.current, numbers.outgoing), (wanted, Tally::default()));
    }
}
