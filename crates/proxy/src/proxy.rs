//! The handle: starts the workers, gives them tables, and ends them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::bind::bind;
use crate::limits::{Limits, Options};
use crate::routes::{Routes, TableError};
use crate::state::State;
use crate::table::Table;
use crate::tls::{self, ClientConfig};
use crate::worker::{Command, Worker};

/// Where each listener is, or why it is nowhere.
pub type Bound = BTreeMap<String, io::Result<SocketAddr>>;

/// A proxy that runs. When it is dropped, its workers end at once; see [`Proxy::shutdown`].
#[derive(Debug)]
pub struct Proxy {
    workers: Vec<mpsc::UnboundedSender<Command>>,
    threads: std::sync::Mutex<Vec<JoinHandle<()>>>,
    state: Arc<State>,
    current: Mutex<Current>,
}

#[derive(Debug, Default)]
struct Current {
    routes: Arc<Routes>,
    bound: HashMap<String, SocketAddr>,
}

impl Proxy {
    /// Starts the workers, with an empty table.
    ///
    /// # Errors
    /// When the system gives no more threads or descriptors.
    pub fn start(options: Options) -> io::Result<Self> {
        let count = options.workers.max(1);
        let tls = tls::client().map_err(io::Error::other)?;
        let (mut workers, mut threads) = (Vec::new(), Vec::new());
        for index in 0..count {
            let (sender, receiver) = mpsc::unbounded_channel();
            threads.push(start_worker(index, count, options.limits.clone(), tls.clone(), receiver)?);
            workers.push(sender);
        }
        let state = Arc::new(State::new(count));
        Ok(Self { workers, threads: threads.into(), state, current: Mutex::default() })
    }

    /// Gives all workers a new table. When this returns, every one of them uses it: no request that comes afterwards
    /// goes to a target that is not in it. Requests that are under way end as they began.
    ///
    /// A listener that was there before keeps its socket and its connections. One that is gone answers what has come
    /// to it and closes. The answer tells for each listener of the table where it is, or why it could not be opened;
    /// the next swap tries again.
    ///
    /// # Errors
    /// When something in the table is wrong. Then nothing changes.
    pub async fn swap(&self, table: Table) -> Result<Bound, TableError> {
        let mut current = self.current.lock().await;
        let routes = Arc::new(Routes::new(table, &self.state, &current.routes)?);
        let stays = |id: &str, bound: &SocketAddr| {
            let listener = routes.listeners.iter().find(|listener| listener.id == id);
            listener.is_some_and(|listener| listener.addresses.iter().any(|wanted| is_at(*wanted, *bound)))
        };
        let gone =
            current.bound.extract_if(|id, bound| !stays(id, bound)).map(|(id, _)| id).collect::<Vec<_>>();
        if !gone.is_empty() {
            self.tell_all(|_, done| Command::Close { listeners: gone.clone(), done }).await;
        }
        let (mut answer, mut open) = (Bound::new(), HashMap::new());
        for listener in &routes.listeners {
            let bound = match current.bound.get(&listener.id) {
                Some(bound) => Ok(*bound),
                None => bind(&listener.addresses, self.workers.len()).map(|(bound, sockets)| {
                    open.insert(listener.id.clone(), sockets);
                    bound
                }),
            };
            if let Ok(bound) = &bound {
                current.bound.insert(listener.id.clone(), *bound);
            }
            answer.insert(listener.id.clone(), bound);
        }
        self.tell_all(|_, done| {
            let sockets = open.iter_mut().filter_map(|(id, sockets)| Some((id.clone(), sockets.pop()?)));
            Command::Swap { routes: routes.clone(), open: sockets.collect(), done }
        })
        .await;
        current.routes = routes;
        self.state.forget_unused();
        Ok(answer)
    }

    /// How many requests and upgraded connections a target has under way, over all workers.
    pub fn in_flight(&self, target: &str) -> usize {
        self.state.known_target(target).map_or(0, |target| target.in_flight())
    }

    /// Waits until a target has nothing under way. It is the end only for a target that no table sends requests to.
    pub async fn drained(&self, target: &str) {
        if let Some(target) = self.state.known_target(target) {
            target.drained().await;
        }
    }

    /// Ends the proxy: it takes no new connections, closes each connection after its next answer, and when this much
    /// time has passed, all of them.
    pub async fn shutdown(&self, patience: Duration) {
        for worker in &self.workers {
            // A worker that has ended needs no telling.
            drop(worker.send(Command::Shutdown { patience }));
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(|| {
            threads.into_iter().filter_map(|thread| thread.join().err()).count()
        });
        match joined.await {
            Ok(0) => {}
            other => tracing::error!(?other, "a worker of the proxy panicked"),
        }
    }

    /// Tells every worker something, and waits until all have done it.
    async fn tell_all(&self, mut command: impl FnMut(usize, oneshot::Sender<()>) -> Command) {
        let mut waiting = Vec::with_capacity(self.workers.len());
        for (index, worker) in self.workers.iter().enumerate() {
            let (done, is_done) = oneshot::channel();
            if worker.send(command(index, done)).is_ok() {
                waiting.push(is_done);
            }
        }
        for is_done in waiting {
            if is_done.await.is_err() {
                tracing::error!("a worker of the proxy has ended");
            }
        }
    }
}

/// Whether a socket that is bound is what an address asks for.
fn is_at(wanted: SocketAddr, bound: SocketAddr) -> bool {
    wanted == bound || (wanted.port() == 0 && wanted.ip() == bound.ip())
}

fn start_worker(
    index: usize,
    count: usize,
    limits: Limits,
    tls: Arc<ClientConfig>,
    commands: mpsc::UnboundedReceiver<Command>,
) -> io::Result<JoinHandle<()>> {
    // A runtime of this kind stays on the thread that made it; the channel brings back what went wrong there.
    let (started, has_started) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name(format!("proxy-{index}")).spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        match runtime {
            Ok(runtime) => {
                // The one who waits below is there.
                drop(started.send(Ok(())));
                runtime.block_on(async move { Worker::new(index, count, limits, tls).run(commands).await });
            }
            Err(error) => {
                drop(started.send(Err(error)));
            }
        }
    })?;
    has_started.recv().map_err(io::Error::other)??;
    Ok(thread)
}
