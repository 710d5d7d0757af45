//! Targets, clients and tables for tests.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use longshore_proxy::{
    Action, Balance, Forward, Group, Limits, Listener, Options, Protocol, Proxy, Rule, Table, Target,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The longest that anything here may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for something that must come.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.unwrap()
}

/// Waits until something is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    soon(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// A message that was read: its first line, its headers and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) first: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn status(&self) -> u16 {
        self.first.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The values of a header, joined.
    pub(crate) fn header(&self, name: &str) -> String {
        let named = self.headers.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("|")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection that messages are read from.
#[derive(Debug)]
pub(crate) struct Raw<S = TcpStream> {
    pub(crate) stream: S,
    pub(crate) read: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// A request and its answer.
    pub(crate) async fn ask(&mut self, request: impl AsRef<[u8]>) -> Message {
        self.send(request).await;
        soon(self.message()).await.unwrap()
    }

    /// A GET and its answer.
    pub(crate) async fn get(&mut self, path: &str) -> Message {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).await
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// A head, as far as its empty line.
    pub(crate) async fn head(&mut self) -> io::Result<Message> {
        let end = loop {
            match self.read.windows(4).position(|it| it == b"\r\n\r\n") {
                Some(end) => break end,
                None => self.more().await?,
            }
        };
        let head: Vec<u8> = self.read.drain(..end + 4).collect();
        let text = String::from_utf8(head).map_err(io::Error::other)?;
        let mut lines = text.trim_end().split("\r\n").map(str::to_owned);
        let first = lines.next().unwrap_or_default();
        let headers =
            lines.filter_map(|it| it.split_once(": ").map(|(name, value)| (name.into(), value.into())));
        Ok(Message { first, headers: headers.collect(), body: Vec::new() })
    }

    pub(crate) async fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.read.len() < count {
            self.more().await?;
        }
        Ok(self.read.drain(..count).collect())
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|it| it == b"\r\n") {
                let line: Vec<u8> = self.read.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.more().await?;
        }
    }

    /// A whole message; one whose length is not told ends with the connection.
    pub(crate) async fn message(&mut self) -> io::Result<Message> {
        let mut message = self.head().await?;
        let is_answer = message.first.starts_with("HTTP/");
        if message.header("transfer-encoding") == "chunked" {
            loop {
                let size = usize::from_str_radix(&self.line().await?, 16).map_err(io::Error::other)?;
                message.body.extend(self.exactly(size).await?);
                self.line().await?;
                if size == 0 {
                    break;
                }
            }
        } else if let Ok(length) = message.header("content-length").parse() {
            message.body = self.exactly(length).await?;
        } else if is_answer && !matches!(message.status(), 100..=199 | 204 | 304) {
            while self.more().await.is_ok() {}
            message.body = std::mem::take(&mut self.read);
        }
        Ok(message)
    }

    /// Whether the other side closes without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        assert!(self.read.is_empty(), "unread: {:?}", String::from_utf8_lossy(&self.read));
        soon(self.stream.read_u8()).await.is_err()
    }
}

/// A server behind the proxy. It ends when it is dropped, with all its connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Serves each connection as a function says.
    pub(crate) async fn start<F, W>(serve: F) -> Self
    where
        F: Fn(Raw) -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(listener, serve)
    }

    pub(crate) fn start_on<F, W>(listener: TcpListener, serve: F) -> Self
    where
        F: Fn(Raw) -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let task = tokio::spawn(async move {
            let mut all = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                all.spawn(serve(Raw::new(stream)));
            }
        });
        Self { address, connections, task }
    }

    /// Answers every request with its name, the request's head and its body.
    pub(crate) async fn named(name: &'static str) -> Self {
        Self::start(move |raw| echo(raw, name)).await
    }

    /// Takes connections and says nothing.
    pub(crate) async fn silent() -> Self {
        Self::start(|raw| async move {
            let _open = raw;
            std::future::pending().await
        })
        .await
    }

    /// How many connections it has had.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub(crate) async fn echo(mut raw: Raw, name: &'static str) {
    while let Ok(request) = raw.message().await {
        let mut body = format!("{name}\n{}\n", request.first);
        for (header, value) in &request.headers {
            body.push_str(&format!("{header}: {value}\n"));
        }
        body.push('\n');
        body.push_str(&request.text());
        let answer =
            format!("HTTP/1.1 200 OK\r\nServed-By: {name}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if raw.stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A group with a target for each address; its keys are `ID/0`, `ID/1` and so on.
pub(crate) fn group(id: &str, addresses: &[SocketAddr]) -> Group {
    let targets = addresses.iter().enumerate();
    let targets =
        targets.map(|(number, address)| Target { key: format!("{id}/{number}"), address: *address });
    Group {
        id: id.into(),
        targets: targets.collect(),
        protocol: Protocol::Http1,
        balance: Balance::RoundRobin,
        stickiness: None,
    }
}

/// A listener on any port, `web`, that sends everything to one group.
pub(crate) fn listener(default: Action) -> Listener {
    Listener {
        id: "web".into(),
        addresses: vec!["127.0.0.1:0".parse().unwrap()],
        tls: None,
        rules: Vec::new(),
        default,
        idle_timeout: Duration::from_secs(60),
    }
}

/// A table with one listener, `web`, and one group, `g`.
pub(crate) fn table(addresses: &[SocketAddr]) -> Table {
    Table { listeners: vec![listener(forward("g"))], groups: vec![group("g", addresses)] }
}

pub(crate) fn forward(group: &str) -> Action {
    Action::Forward(Forward::to(group))
}

pub(crate) fn rule(priority: u32, conditions: Vec<longshore_proxy::Condition>, action: Action) -> Rule {
    Rule { priority, conditions, action }
}

pub(crate) fn options() -> Options {
    Options { workers: 2, limits: Limits { grace: Duration::from_millis(50), ..Limits::default() } }
}

/// A proxy with this table, and where its listener `web` is.
pub(crate) async fn proxy(table: Table) -> (Proxy, SocketAddr) {
    proxy_with(options(), table).await
}

pub(crate) async fn proxy_with(options: Options, table: Table) -> (Proxy, SocketAddr) {
    let proxy = Proxy::start(options).unwrap();
    let bound = proxy.swap(table).await.unwrap();
    let address = *bound["web"].as_ref().unwrap();
    (proxy, address)
}
