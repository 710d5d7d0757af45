//! A thread that carries requests, with a runtime, sockets and connections of its own.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_rustls::{TlsConnector, TlsStream};

use crate::clock::Clock;
use crate::door::Door;
use crate::h2;
use crate::limits::{Limits, SWEEP_INTERVAL};
use crate::pool::{Place, Pool};
use crate::routes::Routes;
use crate::table::Protocol;
use crate::tls::ClientConfig;
use crate::wire::{Stream, Wire};

/// The routes as a worker has them: cheap to hold for the length of a request.
pub(crate) type View = Rc<Arc<Routes>>;

/// What a worker is told.
pub(crate) enum Command {
    /// Close these listeners.
    Close { listeners: Vec<String>, done: oneshot::Sender<()> },
    /// Use these routes from now on, and open these listeners.
    Swap { routes: Arc<Routes>, open: Vec<(String, std::net::TcpListener)>, done: oneshot::Sender<()> },
    /// Let requests end for this long, then end.
    Shutdown { patience: Duration },
}

/// What a thread's tasks share.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Which of all workers this is.
    pub(crate) index: usize,
    /// How many there are.
    pub(crate) count: usize,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    view: RefCell<View>,
    pool: RefCell<Pool>,
    /// The HTTP/2 connections to targets.
    senders: RefCell<HashMap<Place, h2::Sender>>,
    tls: Arc<ClientConfig>,
    doors: RefCell<Vec<Rc<Door>>>,
    guests: Cell<usize>,
    empty: Notify,
}

/// A connection that keeps its worker from ending.
#[derive(Debug)]
pub(crate) struct Guest(Rc<Worker>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.guests.update(|guests| guests - 1);
        if self.0.guests.get() == 0 {
            self.0.empty.notify_waiters();
        }
    }
}

impl Worker {
    pub(crate) fn new(index: usize, count: usize, limits: Limits, tls: Arc<ClientConfig>) -> Rc<Self> {
        Rc::new(Self {
            index,
            count,
            limits,
            clock: Clock::default(),
            view: RefCell::default(),
            pool: RefCell::default(),
            senders: RefCell::default(),
            tls,
            doors: RefCell::default(),
            guests: Cell::new(0),
            empty: Notify::new(),
        })
    }

    /// Does what it is told until it is told to end, or nobody can tell it anything any more.
    pub(crate) async fn run(self: Rc<Self>, mut commands: mpsc::UnboundedReceiver<Command>) {
        let sweeper = tokio::task::spawn_local(sweep(self.clone()));
        while let Some(command) = commands.recv().await {
            match command {
                Command::Close { listeners, done } => {
                    self.close(|id| listeners.iter().any(|it| it == id)).await;
                    // Whoever asked may have gone.
                    let _: Result<(), ()> = done.send(());
                }
                Command::Swap { routes, open, done } => {
                    self.swap(routes, open);
                    let _: Result<(), ()> = done.send(());
                }
                Command::Shutdown { patience } => {
                    self.shut_down(patience).await;
                    break;
                }
            }
        }
        sweeper.abort();
    }

    async fn close(&self, chosen: impl Fn(&str) -> bool) {
        let doors: Vec<_> = self.doors.borrow().iter().filter(|door| chosen(&door.id)).cloned().collect();
        for door in doors {
            door.close().await;
        }
    }

    fn swap(self: &Rc<Self>, routes: Arc<Routes>, open: Vec<(String, std::net::TcpListener)>) {
        let view = Rc::new(routes);
        self.view.replace(view.clone());
        self.pool.borrow_mut().keep_only(|place| view.has(place));
        self.senders.borrow_mut().retain(|place, _| view.has(place));
        let mut doors = self.doors.borrow_mut();
        // One that has closed stays as long as it has connections.
        doors.retain(|door| !door.is_closing() || Rc::strong_count(door) > 1);
        for (id, socket) in open {
            match Door::open(self, id, socket) {
                Ok(door) => doors.push(door),
                Err(error) => tracing::error!(%error, "a listener's socket cannot be used"),
            }
        }
        for door in doors.iter() {
            door.set_number(view.listener(&door.id));
        }
    }

    async fn shut_down(&self, patience: Duration) {
        let end = Instant::now() + patience;
        let all_left = async {
            self.close(|_| true).await;
            loop {
                let empty = self.empty.notified();
                if self.guests.get() == 0 {
                    return;
                }
                empty.await;
            }
        };
        if tokio::time::timeout_at(end, all_left).await.is_err() {
            tracing::info!(
                connections = self.guests.get(),
                "some connections did not end in time and are cut"
            );
        }
    }

    /// The routes now.
    pub(crate) fn view(&self) -> View {
        self.view.borrow().clone()
    }

    pub(crate) fn enter(self: &Rc<Self>) -> Guest {
        self.guests.update(|guests| guests + 1);
        Guest(self.clone())
    }

    /// An idle connection to a target.
    pub(crate) fn idle(&self, place: &Place) -> Option<Wire> {
        self.pool.borrow_mut().take(place)
    }

    /// Keeps an idle connection, if its target is still there.
    pub(crate) fn keep(&self, place: Place, wire: Wire) {
        if self.view.borrow().has(&place) {
            self.pool.borrow_mut().put(place, wire, self.limits.idle_to_target);
        }
    }

    /// A connection to a target, and whether it was used before; a `fresh` one was not.
    pub(crate) async fn connect(&self, place: &Place, fresh: bool) -> io::Result<(Wire, bool)> {
        let known = self.senders.borrow().get(place).filter(|sender| !fresh && !sender.is_closed()).cloned();
        if let Some(sender) = known {
            return Ok((Wire::new(Stream::Pipe(h2::pipe_to(sender, self.limits.head))), true));
        }
        let stream = TcpStream::connect(place.address).await?;
        stream.set_nodelay(true)?;
        let stream = match place.protocol {
            Protocol::Http1 => Stream::Tcp(stream),
            Protocol::Http2 => {
                let sender = h2::connect(stream).await?;
                self.senders.borrow_mut().insert(*place, sender.clone());
                Stream::Pipe(h2::pipe_to(sender, self.limits.head))
            }
            Protocol::Https => {
                let connector = TlsConnector::from(self.tls.clone());
                let stream = connector.connect(place.address.ip().into(), stream).await?;
                Stream::Tls(Box::new(TlsStream::Client(stream)))
            }
        };
        Ok((Wire::new(stream), false))
    }
}

async fn sweep(worker: Rc<Worker>) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        worker.pool.borrow_mut().sweep(worker.limits.idle_to_target_time);
    }
}
