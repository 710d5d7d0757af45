//! A thread that carries requests, with a runtime, sockets and connections of its own.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use crate::door::Door;
use crate::limits::{Limits, SWEEP_INTERVAL};
use crate::pool::Pool;
use crate::routes::Routes;
use crate::tls::ClientConfig;

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
    view: RefCell<View>,
    pub(crate) pool: RefCell<Pool>,
    pub(crate) tls: Arc<ClientConfig>,
    doors: RefCell<Vec<Rc<Door>>>,
    /// Told after each swap.
    pub(crate) swapped: Notify,
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
            view: RefCell::default(),
            pool: RefCell::default(),
            tls,
            doors: RefCell::default(),
            swapped: Notify::new(),
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
            door.set_routes(&view);
        }
        self.swapped.notify_waiters();
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
}

async fn sweep(worker: Rc<Worker>) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        worker.pool.borrow_mut().sweep(worker.limits.idle_to_target_time);
    }
}
