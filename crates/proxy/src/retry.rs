//! What happens after a target failed: another try, an answer of our own, or nothing. Pure.

use hyper::StatusCode;

/// What went wrong before the target's answer began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The target refused the connection, or could not be reached.
    Refused,
    /// It did not accept the connection in time.
    ConnectTime,
    /// The connection ended before anything of the request was written: it is here as it was.
    Unsent { reused: bool },
    /// The connection ended after that, without an answer.
    Ended { reused: bool },
    /// What came was no HTTP.
    Garbage,
    /// Nothing came in time.
    Silent,
    /// The client did not send the rest of its request in time.
    ClientSilent,
    /// The rest of its request was no HTTP.
    ClientGarbage,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The same target may have it again, on a connection of its own.
    Fresh,
    /// Another target gets it; when there is none, the client gets this status.
    Other(StatusCode),
    /// The client gets this status.
    Answer(StatusCode),
}

/// A request is sent again only when no target can have acted on it, or acting twice does no harm. `again`: it is
/// idempotent and has no body.
pub(crate) fn next(failure: Failure, again: bool) -> Next {
    match failure {
        // Nothing of the request has been touched yet.
        Failure::Refused => Next::Other(StatusCode::BAD_GATEWAY),
        Failure::ConnectTime => Next::Other(StatusCode::GATEWAY_TIMEOUT),
        Failure::Silent => Next::Answer(StatusCode::GATEWAY_TIMEOUT),
        Failure::Unsent { reused: true } => Next::Fresh,
        Failure::Unsent { reused: false } => Next::Other(StatusCode::BAD_GATEWAY),
        Failure::Ended { reused: true } if again => Next::Fresh,
        Failure::Ended { reused: false } if again => Next::Other(StatusCode::BAD_GATEWAY),
        Failure::Ended { .. } | Failure::Garbage => Next::Answer(StatusCode::BAD_GATEWAY),
        Failure::ClientSilent => Next::Answer(StatusCode::REQUEST_TIMEOUT),
        Failure::ClientGarbage => Next::Answer(StatusCode::BAD_REQUEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_twice_that_may_have_been_acted_on() {
        let ended = |reused| Failure::Ended { reused };
        let unsent = |reused| Failure::Unsent { reused };
        let cases = [
            (Failure::Refused, true, Next::Other(StatusCode::BAD_GATEWAY)),
            (Failure::Refused, false, Next::Other(StatusCode::BAD_GATEWAY)),
            (Failure::ConnectTime, false, Next::Other(StatusCode::GATEWAY_TIMEOUT)),
            (unsent(true), false, Next::Fresh),
            (unsent(false), false, Next::Other(StatusCode::BAD_GATEWAY)),
            (ended(true), true, Next::Fresh),
            (ended(true), false, Next::Answer(StatusCode::BAD_GATEWAY)),
            (ended(false), true, Next::Other(StatusCode::BAD_GATEWAY)),
            (ended(false), false, Next::Answer(StatusCode::BAD_GATEWAY)),
            (Failure::Garbage, true, Next::Answer(StatusCode::BAD_GATEWAY)),
            (Failure::Silent, true, Next::Answer(StatusCode::GATEWAY_TIMEOUT)),
            (Failure::ClientSilent, true, Next::Answer(StatusCode::REQUEST_TIMEOUT)),
            (Failure::ClientGarbage, true, Next::Answer(StatusCode::BAD_REQUEST)),
        ];
        for (failure, again, expected) in cases {
            assert_eq!(next(failure, again), expected, "{failure:?} {again}");
        }
    }
}
