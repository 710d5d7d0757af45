//! One check of one target.

use std::sync::Arc;

use hyper::client::conn::http1;
use hyper::header::{ACCEPT_ENCODING, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Check, Probe, Reason};
use crate::tls::ClientConfig;

/// Asks a target; the caller holds the time.
pub(super) async fn ask(check: &Check, tls: &Arc<ClientConfig>) -> Result<(), Reason> {
    let stream = TcpStream::connect(check.address).await.map_err(|_| Reason::Failed)?;
    let Probe::Http { tls: is_tls, path, codes } = &check.probe else { return Ok(()) };
    let status = if *is_tls {
        let connecting = TlsConnector::from(tls.clone()).connect(check.address.ip().into(), stream);
        status(connecting.await.map_err(|_| Reason::Failed)?, path, check).await
    } else {
        status(stream, path, check).await
    };
    match status {
        Ok(status) if codes.contains(status.as_u16()) => Ok(()),
        Ok(status) => Err(Reason::Mismatch(status.as_u16())),
        Err(error) => {
            tracing::debug!(target = check.target, %error, "a health check failed");
            Err(Reason::Failed)
        }
    }
}

/// The status of the answer to a GET.
async fn status<S>(
    stream: S,
    path: &str,
    check: &Check,
) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = Request::get(path)
        .header(HOST, check.address.to_string())
        .header(USER_AGENT, "ELB-HealthChecker/2.0")
        .header(ACCEPT_ENCODING, "gzip, compressed")
        .header(CONNECTION, "close")
        .body(String::new())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender and the answer.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?.status())
}
