//! Connections: accepted within bounds, and ended gracefully.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::app::{App, Shared};
use crate::routes;

/// Connections at once; more wait in the listener's queue.
pub(crate) const CONNECTIONS: usize = 4096;

/// A connection without a request is closed after this. Longer than the 60 seconds after which an Application Load
/// Balancer closes its idle ones, so that it never sends a request into one that we close.
const IDLE: Duration = Duration::from_secs(75);

/// What is being answered when the server ends has this long.
const GRACE: Duration = Duration::from_secs(10);

/// After a failed accept (no file descriptors are left) the next comes after this.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is ready; then streams end, what is being answered is finished, and it returns.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()> + Send) {
    let (close, closing) = watch::channel(false);
    let router = routes::build(&Arc::new(Shared::new(app, closing)));
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (stream, peer, permit) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let router = router.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            let _none = request.extensions_mut().insert(ConnectInfo(peer));
            TowerToHyperService::new(router.clone()).call(request.map(Body::new))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            let _held = permit;
            if let Err(error) = watched.await {
                tracing::debug!(%error, %peer, "a connection ended with an error");
            }
        });
    }
    drop(listener);
    close.send_replace(true);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = GRACE.as_secs(), "some requests were still being answered at the end");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // Nobody closes the semaphore.
    let permit = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}
