//! A worker's part of a listener: its socket, and the connections that came through it.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::life::{Life, Watched};
use crate::limits::ACCEPT_PAUSE;
use crate::rewrite::Origin;
use crate::routes::Routes;
use crate::tls;
use crate::visit::Visit;
use crate::worker::Worker;

/// The state of a listener in one worker.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) id: String,
    port: u16,
    /// Where the listener is in the worker's routes; `None` once it has been removed.
    number: Cell<Option<usize>>,
    idle_timeout: Cell<Duration>,
    is_closing: Cell<bool>,
    /// Told when the listener closes.
    pub(crate) closing: Notify,
    accepting: RefCell<Option<JoinHandle<()>>>,
    room: Arc<Semaphore>,
}

impl Door {
    /// Opens a listener's socket.
    pub(crate) fn open(
        worker: &Rc<Worker>,
        id: String,
        socket: std::net::TcpListener,
    ) -> std::io::Result<Rc<Self>> {
        let port = socket.local_addr()?.port();
        let socket = TcpListener::from_std(socket)?;
        // The connections of a listener are spread over the workers.
        let room = worker.limits.connections.div_ceil(worker.count).min(Semaphore::MAX_PERMITS);
        let door = Rc::new(Self {
            id,
            port,
            number: Cell::default(),
            idle_timeout: Cell::new(worker.limits.grace),
            is_closing: Cell::default(),
            closing: Notify::new(),
            accepting: RefCell::default(),
            room: Arc::new(Semaphore::new(room)),
        });
        let accepting = tokio::task::spawn_local(accept(worker.clone(), door.clone(), socket));
        door.accepting.replace(Some(accepting));
        Ok(door)
    }

    /// Takes those that wait in the kernel's queue, then closes the socket. Connections get one more answer each.
    pub(crate) async fn close(&self) {
        self.is_closing.set(true);
        self.closing.notify_waiters();
        let accepting = self.accepting.take();
        if let Some(Err(error)) = match accepting {
            Some(accepting) => Some(accepting.await),
            None => None,
        } {
            tracing::error!(%error, listener = self.id, "accepting connections failed");
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.get()
    }

    pub(crate) fn number(&self) -> Option<usize> {
        self.number.get()
    }

    /// Finds the listener in new routes.
    pub(crate) fn set_routes(&self, routes: &Routes) {
        let number = routes.listener(&self.id);
        if let Some(number) = number {
            self.idle_timeout.set(routes.listeners[number].idle_timeout);
        }
        self.number.set(number);
    }

    /// How long its connections may be silent.
    pub(crate) fn idle_timeout(&self) -> Duration {
        self.idle_timeout.get()
    }

    fn tls(&self, worker: &Worker) -> Option<Arc<tls::ServerConfig>> {
        let view = worker.view();
        let (_, config) = view.listeners.get(self.number()?)?.tls.as_ref()?;
        Some(config.clone())
    }
}

async fn accept(worker: Rc<Worker>, door: Rc<Door>, socket: TcpListener) {
    let closing = door.closing.notified();
    tokio::pin!(closing);
    closing.as_mut().enable();
    while !door.is_closing() {
        let next = async {
            let permit = door.room.clone().acquire_owned().await;
            (permit, socket.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = closing.as_mut() => break,
        };
        match (permit, accepted) {
            (Ok(permit), Ok((stream, peer))) => serve(&worker, &door, stream, peer, Some(permit)),
            (_, accepted) => {
                tracing::warn!(listener = door.id, error = ?accepted.err(), "no connection can be accepted for now");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // These have connected already: their requests are not lost.
    let Ok(socket) = socket.into_std() else { return };
    while let Ok((stream, peer)) = socket.accept() {
        if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
            serve(&worker, &door, stream, peer, None);
        }
    }
}

/// Serves a connection in a task of its own.
fn serve(
    worker: &Rc<Worker>,
    door: &Rc<Door>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: Option<OwnedSemaphorePermit>,
) {
    let (worker, door) = (worker.clone(), door.clone());
    let guest = worker.enter();
    tokio::task::spawn_local(async move {
        let _until_the_end = (guest, permit);
        // Answers leave at once; without it they would wait for the client's acknowledgement of the last.
        let _only_slower: Result<(), std::io::Error> = stream.set_nodelay(true);
        let (config, life) = (door.tls(&worker), Life::new());
        let stream = Watched::new(stream, life.clone());
        let origin = Origin::new(peer.ip(), config.is_some(), door.port);
        let visit = Rc::new(Visit::new(worker, door, origin, life));
        let Some(config) = config else {
            return visit.http1(stream).await;
        };
        let handshake = TlsAcceptor::from(config).accept(stream);
        match tokio::time::timeout(visit.worker.limits.head_time, handshake).await {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(tls::H2) => {
                visit.http2(stream).await
            }
            Ok(Ok(stream)) => visit.http1(stream).await,
            Ok(Err(error)) => {
                tracing::debug!(listener = visit.door.id, %error, "a client's TLS handshake failed");
            }
            Err(_) => tracing::debug!(listener = visit.door.id, "a client's TLS handshake took too long"),
        }
    });
}
