//! What the user wants stopped: Ctrl-C and SIGTERM.

use std::io;
use std::sync::{Arc, OnceLock};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// One for a whole verb, and its words: a signal between two phases is not lost.
pub(crate) type Listening = (Interrupts, mpsc::UnboundedReceiver<String>);

/// Listens as long as it lives. From then on the signals no longer end the process by themselves.
#[derive(Debug)]
pub(crate) struct Interrupts {
    first: Arc<OnceLock<u8>>,
    listening: AbortHandle,
}

impl Interrupts {
    /// With what completes "stopped ...", once for each signal.
    pub(crate) fn listen() -> io::Result<Listening> {
        let (ctrl_c, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let first = Arc::new(OnceLock::new());
        let (words, received) = mpsc::unbounded_channel();
        let listening = tokio::spawn(pass_on(ctrl_c, terminate, words, Arc::clone(&first))).abort_handle();
        Ok((Self { first, listening }, received))
    }

    /// The exit code that a shell has for the first signal.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        self.first.get().copied()
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn pass_on(
    mut ctrl_c: Signal,
    mut terminate: Signal,
    words: mpsc::UnboundedSender<String>,
    first: Arc<OnceLock<u8>>,
) {
    loop {
        let (text, exit) = tokio::select! {
            _ = ctrl_c.recv() => ("on Ctrl-C", 130),
            _ = terminate.recv() => ("on SIGTERM", 143),
        };
        first.get_or_init(|| exit);
        if words.send(text.to_owned()).is_err() {
            return;
        }
    }
}
