//! What happens after a target failed: another try, an answer of our own, or nothing. Pure.

/// What went wrong before the target's answer began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The target refused the connection, or could not be reached.
    Refused,
    /// It did not accept the connection in time.
    ConnectTime,
    /// The connection ended before a byte of the request was taken.
    Unsent { reused: bool },
    /// The connection ended after that, without an answer. `interim`: an answer such as 100 had come.
    Ended { reused: bool, interim: bool },
    /// What came was no HTTP.
    Garbage,
    /// Nothing came in time.
    Silent,
    /// The client did not send the rest of its request in time.
    ClientSilent,
    /// The rest of its request was no HTTP.
    ClientGarbage,
    /// The client has left.
    ClientGone,
}

/// What a request allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    /// Doing it twice is the same as doing it once (RFC 9110, section 9.2.2).
    pub(crate) idempotent: bool,
    /// Its body, if any, can be sent again.
    pub(crate) replayable: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The same target may have it again, on a connection of its own.
    Fresh,
    /// Another target gets it; when there is none, the client gets this status.
    Other(u16),
    /// The client gets this status.
    Answer(u16),
    /// Nobody is there to be answered.
    Leave,
}

/// A request is sent again only when no target can have acted on it, or acting twice does no harm.
pub(crate) fn next(failure: Failure, request: Request) -> Next {
    let again = request.idempotent && request.replayable;
    match failure {
        // Nothing of the request has been touched yet.
        Failure::Refused => Next::Other(502),
        Failure::ConnectTime => Next::Other(504),
        Failure::Silent => Next::Answer(504),
        Failure::Unsent { reused: true } if request.replayable => Next::Fresh,
        Failure::Unsent { reused: false } if request.replayable => Next::Other(502),
        Failure::Ended { reused: true, interim: false } if again => Next::Fresh,
        Failure::Ended { reused: false, interim: false } if again => Next::Other(502),
        Failure::Unsent { .. } | Failure::Ended { .. } | Failure::Garbage => Next::Answer(502),
        Failure::ClientSilent => Next::Answer(408),
        Failure::ClientGarbage => Next::Answer(400),
        Failure::ClientGone => Next::Leave,
    }
}

/// Whether a method may be repeated.
pub(crate) fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Request = Request { idempotent: true, replayable: true };
    const POST: Request = Request { idempotent: false, replayable: true };
    const UPLOAD: Request = Request { idempotent: true, replayable: false };

    #[test]
    fn nothing_is_sent_twice_that_may_have_been_acted_on() {
        let ended = |reused, interim| Failure::Ended { reused, interim };
        let unsent = |reused| Failure::Unsent { reused };
        let cases = [
            (Failure::Refused, GET, Next::Other(502)),
            (Failure::Refused, POST, Next::Other(502)),
            (Failure::Refused, UPLOAD, Next::Other(502)),
            (Failure::ConnectTime, POST, Next::Other(504)),
            (unsent(true), POST, Next::Fresh),
            (unsent(false), POST, Next::Other(502)),
            (unsent(true), UPLOAD, Next::Answer(502)),
            (ended(true, false), GET, Next::Fresh),
            (ended(true, false), POST, Next::Answer(502)),
            (ended(true, false), UPLOAD, Next::Answer(502)),
            (ended(false, false), GET, Next::Other(502)),
            (ended(false, false), POST, Next::Answer(502)),
            (ended(true, true), GET, Next::Answer(502)),
            (Failure::Garbage, GET, Next::Answer(502)),
            (Failure::Silent, GET, Next::Answer(504)),
            (Failure::ClientSilent, UPLOAD, Next::Answer(408)),
            (Failure::ClientGarbage, UPLOAD, Next::Answer(400)),
            (Failure::ClientGone, GET, Next::Leave),
        ];
        for (failure, request, expected) in cases {
            assert_eq!(next(failure, request), expected, "{failure:?} {request:?}");
        }
    }
}
