//! The wire: HTTP/1.1 on loopback, awsJson1.1 for all services but ELB, EC2 and STS, which speak the query protocol.

mod ec2;
mod ecs;
mod elb;
#[cfg(test)]
mod fuzz;
mod metadata;
mod protocol;
mod query;
mod sqs;
pub(crate) mod strict;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use longshore_ecs::Caller;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::beside::identity;
use crate::beside::queues::Client;
use crate::clock::now;
use crate::door::{Knock, Visitor};
use crate::engine::Engine;
use crate::refusal::Refusal;
use crate::world::World;

pub use metadata::serve as serve_metadata;

/// The largest body that any of the services takes: a batch of log events is up to 1 MiB, and JSON makes it larger.
const BODY_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// How many connections are served at once; further ones wait to be accepted.
const CONNECTIONS_LIMIT: usize = 1024;
/// How long a client may take to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

type Body = Full<Bytes>;

/// A whole answer.
pub(crate) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
    /// The header `x-amzn-query-error`, of services that once spoke the query protocol.
    query_error: Option<String>,
}

impl Answer {
    fn ok(content_type: &'static str, body: Vec<u8>) -> Self {
        Self::with_status(StatusCode::OK, content_type, body)
    }

    fn with_status(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, body, query_error: None }
    }
}

/// Serves the API on a listener, which must be bound to a loopback address, until the engine's process ends.
pub async fn serve(engine: Arc<Engine>, listener: TcpListener) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_LIMIT));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, as a rule: others must close first.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Small answers must not wait for a full packet.
        drop(stream.set_nodelay(true));
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            serve_connection(stream, service_fn(move |request| answer(Arc::clone(&engine), request))).await;
            drop(permit);
        });
    }
}

/// Serves a connection until its client leaves; one that goes away in the middle is its own affair.
async fn serve_connection<S>(stream: TcpStream, service: S)
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    drop(served.await);
}

/// Binds the API's address.
///
/// # Errors
/// When it is not a loopback address or cannot be bound.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        let message = "the engine listens on loopback only, because whoever can call it runs programs here";
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message));
    }
    TcpListener::bind(address).await
}

async fn answer(engine: Arc<Engine>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let request_id = protocol::request_id();
    let (parts, body) = request.into_parts();
    let limited = Limited::new(body, BODY_LIMIT_BYTES).collect().await;
    let answer = match limited {
        Ok(body) => {
            let body = body.to_bytes();
            let knock = Knock {
                method: parts.method.as_str(),
                path: parts.uri.path(),
                query: parts.uri.query().unwrap_or(""),
                headers: &parts.headers,
                body: &body,
            };
            match engine.door.open(&knock, now()) {
                Ok(visitor) => {
                    let call = Call { engine: &engine, visitor, knock, request_id: &request_id };
                    call.answer(&parts.method).await
                }
                Err(refusal) => protocol::refused(&refusal, knock.headers, &request_id),
            }
        }
        Err(_) => protocol::too_large(BODY_LIMIT_BYTES),
    };
    Ok(protocol::response(answer, &request_id))
}

/// A request of somebody who was let in.
struct Call<'a> {
    engine: &'a Arc<Engine>,
    visitor: Visitor,
    knock: Knock<'a>,
    request_id: &'a str,
}

impl Call<'_> {
    async fn answer(&self, method: &Method) -> Answer {
        if self.knock.path == "/_longshore/reset" && method == Method::POST {
            return match self.reset().await {
                Ok(answer) => answer,
                Err(refusal) => protocol::json_refusal(&refusal),
            };
        }
        let target = self.knock.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        match target.and_then(|target| target.split_once('.')) {
            Some((sqs::TARGET, operation)) => sqs::answer(self.sqs(operation).await),
            Some((service, operation)) => match self.json(service, operation).await {
                Ok(body) => Answer::ok(protocol::JSON, body),
                Err(refusal) => protocol::json_refusal(&refusal),
            },
            None if protocol::is_form(self.knock.headers) => self.query().await,
            None => protocol::json_refusal(&protocol::unknown_operation()),
        }
    }

    async fn reset(&self) -> Result<Answer, Refusal> {
        if !self.engine.ephemeral {
            let message = "Only an engine that was started with --ephemeral can be emptied.";
            return Err(Refusal::new("AccessDeniedException", message).with_status(403));
        }
        self.engine.reset().await?;
        Ok(Answer::ok(protocol::JSON, b"{}".to_vec()))
    }

    fn world(&self) -> Arc<World> {
        self.engine.own_world(&self.visitor.region)
    }

    async fn json(&self, service: &str, operation: &str) -> Result<Vec<u8>, Refusal> {
        let expected = match service {
            "AmazonEC2ContainerServiceV20141113" => "ecs",
            "Logs_20140328" => "logs",
            "AmazonSSM" => "ssm",
            "secretsmanager" => "secretsmanager",
            _ => return Err(protocol::unknown_operation()),
        };
        self.check_service(expected)?;
        let body = protocol::parse(self.knock.body)?;
        let world = self.world();
        let answer: Value = match expected {
            "ecs" => {
                let caller = Caller { arn: self.caller_arn(&world) };
                return ecs::call(&world, operation, body, caller, self.knock.body.len()).await;
            }
            "logs" => world.logs.call(operation, body, now()).await?,
            "ssm" => world.parameters.call(operation, body, now()).await?,
            _ => world.secrets.call(operation, body, now()).await?,
        };
        serde_json::to_vec(&answer).map_err(|error| protocol::internal(&error))
    }

    /// The signature must be one for the service that is called.
    fn check_service(&self, expected: &str) -> Result<(), Refusal> {
        if self.visitor.service == expected {
            return Ok(());
        }
        let message = format!("Credential should be scoped to correct service: '{expected}'. ");
        Err(Refusal::new("InvalidSignatureException", message))
    }

    async fn sqs(&self, operation: &str) -> Result<Value, Refusal> {
        self.check_service("sqs")?;
        let world = self.world();
        let host = self.knock.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let user_id = identity::user_id(&self.visitor.access_key);
        let client = Client { host, user_id: &user_id };
        let answer = world.queues.call(operation, protocol::parse(self.knock.body)?, client, now()).await;
        // The queue of events may have come or gone.
        self.engine.hear(&world);
        answer
    }

    fn caller_arn(&self, world: &World) -> String {
        format!("arn:{}:iam::{}:user/longshore", world.scope.partition(), world.scope.account)
    }

    /// The service is that of the signature.
    async fn query(&self) -> Answer {
        let form = query::Form::parse(self.knock.body);
        let (action, version) = (form.text("Action"), form.text("Version"));
        let world = self.world();
        let id = self.request_id;
        match self.visitor.service.as_str() {
            elb::SERVICE if version == elb::VERSION => elb::call(&world, &action, form, id).await,
            ec2::SERVICE if version == ec2::VERSION => {
                let instances = world.cloud().ec2_instances();
                ec2::call(&world.scope, &instances, &action, form, id)
            }
            ec2::SERVICE => ec2::refused(&query::unknown_action(&action, &version), id),
            _ if action == "GetCallerIdentity" => {
                let body = identity::get_caller_identity(&world.scope, &self.visitor.access_key, id);
                protocol::xml(StatusCode::OK, body)
            }
            _ => protocol::xml(StatusCode::BAD_REQUEST, identity::unknown_action(&action, &version, id)),
        }
    }
}
