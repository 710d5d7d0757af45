//! One check of one target.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

use super::{Check, Probe, Reason};
use crate::http::request::room;
use crate::http::response::Response;
use crate::http::scan::Scan;
use crate::tls::ClientConfig;
use crate::wire::{Stream, Wire};

/// Bytes of an answer's head.
const HEAD_MAX: usize = 64 * 1024;

/// Asks a target; the caller holds the time.
pub(super) async fn ask(check: &Check, tls: &Arc<ClientConfig>) -> Result<(), Reason> {
    let stream = TcpStream::connect(check.address).await.map_err(|_| Reason::Failed)?;
    let Probe::Http { tls: is_tls, path, codes } = &check.probe else { return Ok(()) };
    let stream = if *is_tls {
        let connecting = TlsConnector::from(tls.clone()).connect(check.address.ip().into(), stream);
        Stream::Tls(Box::new(TlsStream::Client(connecting.await.map_err(|_| Reason::Failed)?)))
    } else {
        Stream::Tcp(stream)
    };
    match status(Wire::new(stream), path, check).await {
        Ok(Some(status)) if codes.contains(status) => Ok(()),
        Ok(Some(status)) => Err(Reason::Mismatch(status)),
        Ok(None) | Err(_) => Err(Reason::Failed),
    }
}

/// The status of the answer to a GET; `None` when it is no HTTP.
async fn status(mut wire: Wire, path: &str, check: &Check) -> io::Result<Option<u16>> {
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\
         Connection: close\r\n\r\n",
        check.address
    );
    wire.output.extend_from_slice(head.as_bytes());
    wire.flush().await?;
    let mut scan = Scan::default();
    loop {
        match scan.run(&wire.input, HEAD_MAX, HEAD_MAX) {
            Ok(Some(length)) => {
                let answer = Response::read(&wire.input[..length], &mut room(), false).map(|it| it.status);
                return Ok(answer.ok());
            }
            Ok(None) if poll_fn(|context| wire.poll_fill(context)).await? > 0 => {}
            _ => return Ok(None),
        }
    }
}
