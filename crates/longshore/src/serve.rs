//! Starts the engine for the verbs `engine` and `up`: state, runtime, listeners, and what is said about them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use longshore_engine::keys::Credentials;
use longshore_engine::runtime::docker::{DockerOptions, DockerRuntime};
use longshore_engine::runtime::process::{ProcessOptions, ProcessRuntime};
use longshore_engine::runtime::simulated::SimulatedRuntime;
use longshore_engine::runtime::{Reports, Runtime};
use longshore_engine::store::{Store, StoreError};
use longshore_engine::{Engine, Options, reports, wire};
use tokio::net::TcpListener;

use crate::config::Config;
use crate::error::Failed;
use crate::terminal::{self, Style};
use crate::{SUPERVISE, env, example_image};

/// The address of the API unless another is asked for.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:4510";
/// The region of the exports where the environment names none.
const DEFAULT_REGION: &str = "us-east-1";
/// The file in the state directory that says where the engine serves.
const ENDPOINT_FILE: &str = "endpoint";

/// What `engine` and `up` have in common.
#[derive(Debug, clap::Args)]
pub(crate) struct EngineArguments {
    /// Where the API is served; loopback only, port 0 for any free one
    #[arg(long, value_name = "ADDRESS", default_value = DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Where the state is kept [default: longshore/engine in XDG_DATA_HOME or ~/.local/share]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    pub(crate) state: Option<PathBuf>,
    /// Keeps nothing beyond the end
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// What runs the containers; `auto` is docker when a daemon answers, else process
    #[arg(long, value_enum, default_value_t = RuntimeChoice::Auto)]
    pub(crate) runtime: RuntimeChoice,
    /// The account of all ARNs
    #[arg(long, value_name = "ID", default_value = "123456789012", value_parser = account)]
    pub(crate) account: String,
    /// Takes any signature, for test suites that bring their own keys
    #[arg(long)]
    pub(crate) insecure_any_credentials: bool,
    /// How long each step of a task takes in the simulated runtime
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = humantime::parse_duration)]
    pub(crate) simulated_pace: Duration,
    /// Set by the verb `up`: the image of its example is made for Docker
    #[arg(skip)]
    pub(crate) with_example: bool,
}

/// What runs the containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuntimeChoice {
    Auto,
    Docker,
    Process,
    Simulated,
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("an account id is twelve digits".to_owned())
}

/// An engine that serves.
pub(crate) struct Serving {
    pub(crate) engine: Arc<Engine>,
    pub(crate) access: Access,
    /// The image of the example app, where it was made for Docker.
    pub(crate) example_image: Option<String>,
}

/// How to reach an engine.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) endpoint: String,
    pub(crate) region: String,
    pub(crate) credentials: Credentials,
}

impl Access {
    /// The variables that every AWS tool reads.
    pub(crate) fn variables(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_ACCESS_KEY_ID", &self.credentials.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &self.credentials.secret_access_key),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
        ]
    }

    /// The same as lines for a shell.
    pub(crate) fn exports(&self) -> String {
        self.variables().iter().map(|(name, value)| format!("export {name}={value}\n")).collect()
    }
}

/// The state directory unless another is asked for.
pub(crate) fn default_state() -> Result<PathBuf> {
    let home = env::data_home().ok_or_else(|| {
        Failed::usage("there is no place for the engine's state: HOME is not set")
            .with_hint("name one with `--state DIR`, or keep nothing with `--ephemeral`")
    })?;
    Ok(home.join("longshore").join("engine"))
}

/// Starts an engine and its listeners.
pub(crate) async fn start(arguments: &EngineArguments) -> Result<Serving> {
    let config = Config::of(Path::new("."))?;
    let store = open(arguments)?;
    let credentials = Credentials::of(store.directory()).map_err(unusable)?;
    let listener = bind(arguments.listen).await?;
    let endpoint = format!("http://{}", listener.local_addr().context("the listener has no address")?);
    let (sender, receiver) = reports();
    let Chosen { runtime, gateway, example_image } =
        choose(arguments, &config, &store, &credentials, sender).await?;
    let options = Options {
        store,
        account: arguments.account.clone(),
        any_credentials: arguments.insecure_any_credentials,
        ephemeral: arguments.ephemeral,
        gives_up: arguments.runtime != RuntimeChoice::Auto,
    };
    let metadata = bind_metadata(gateway, options.store.directory()).await?;
    let base = format!("http://{}", metadata.local_addr().context("the listener has no address")?);
    let engine = Engine::start(options, runtime, receiver, base).await.map_err(unusable)?;
    tokio::spawn(wire::serve_metadata(Arc::clone(&engine), metadata));
    fs_err::write(engine.directory().join(ENDPOINT_FILE), &endpoint)?;
    tokio::spawn(wire::serve(Arc::clone(&engine), listener));
    let region = env::region().unwrap_or_else(|| DEFAULT_REGION.to_owned());
    Ok(Serving { engine, access: Access { endpoint, region, credentials }, example_image })
}

fn open(arguments: &EngineArguments) -> Result<Store> {
    let opened = match (&arguments.state, arguments.ephemeral) {
        (_, true) => Store::ephemeral(),
        (Some(directory), false) => Store::open(directory),
        (None, false) => Store::open(&default_state()?),
    };
    opened.map_err(|error| unusable(error).into())
}

fn unusable(error: StoreError) -> Failed {
    let hint = match &error {
        StoreError::InUse(_) => {
            "`longshore env` prints how to reach that engine; for a second one name another `--state DIR` and `--listen`"
        }
        StoreError::Unusable { .. } => {
            "name a directory that you can write with `--state DIR`, or use `--ephemeral`"
        }
        StoreError::OutOfReach { .. } => {
            "start that runtime again; or give the tasks up by naming the runtime, as in `--runtime process`"
        }
        StoreError::Unknowable(..) => "start again when it answers; nothing was changed",
        StoreError::Failed(_) => "start with another `--state DIR`, and keep this one to look into it",
    };
    Failed::new("cannot start the engine").with_hint(hint).caused_by(error)
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    wire::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "is another engine running? `--listen 127.0.0.1:0` takes any free port".to_owned()
            }
            _ => format!("`--listen {DEFAULT_LISTEN}` is the usual address"),
        };
        Failed::new(format!("cannot listen on {address}")).with_hint(hint).caused_by(error).into()
    })
}

/// The metadata endpoint keeps its port from start to start: containers that go on have its address already.
async fn bind_metadata(gateway: Option<IpAddr>, state: &Path) -> Result<TcpListener> {
    let ip = gateway.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let file = state.join("metadata-port");
    let earlier = fs_err::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let listener = match TcpListener::bind((ip, earlier)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((ip, 0))
            .await
            .with_context(|| format!("cannot listen on {ip} for the task metadata endpoint"))?,
    };
    fs_err::write(&file, listener.local_addr()?.port().to_string())?;
    Ok(listener)
}

/// The runtime.
struct Chosen {
    runtime: Box<dyn Runtime>,
    /// The address under which its containers reach this machine.
    gateway: Option<IpAddr>,
    example_image: Option<String>,
}

impl Chosen {
    fn without_images(runtime: impl Runtime) -> Self {
        Self { runtime: Box::new(runtime), gateway: None, example_image: None }
    }
}

/// Chooses the runtime, and says which and why.
async fn choose(
    arguments: &EngineArguments,
    config: &Config,
    store: &Store,
    credentials: &Credentials,
    reports: Reports,
) -> Result<Chosen> {
    let choice = arguments.runtime;
    if choice == RuntimeChoice::Simulated {
        terminal::talk("warning: runtime simulated: no container runs, tasks only seem to", Style::Warning);
        return Ok(Chosen::without_images(SimulatedRuntime::new(arguments.simulated_pace, reports)));
    }
    let mut why = "as asked".to_owned();
    if choice != RuntimeChoice::Process {
        let options = DockerOptions { engine: credentials.engine_id.clone(), host: env::docker_host() };
        match DockerRuntime::connect(options, reports.clone()).await {
            Ok(docker) => {
                terminal::talk("runtime: docker", Style::Plain);
                let gateway = docker.gateway().await;
                let example_image =
                    if arguments.with_example { Some(example_image::provide(&docker).await?) } else { None };
                return Ok(Chosen { runtime: Box::new(docker), gateway, example_image });
            }
            Err(unavailable) if choice == RuntimeChoice::Docker => {
                return Err(Failed::new("cannot use the docker runtime")
                    .with_hint("`--runtime process` needs no Docker")
                    .caused_by(unavailable)
                    .into());
            }
            Err(unavailable) => why = unavailable.to_string(),
        }
    }
    let executable = std::env::current_exe().context("cannot find this program's own file")?;
    let own_directory = executable.parent().map(Path::to_owned).unwrap_or_default();
    let process = ProcessRuntime::new(
        ProcessOptions {
            state: store.directory().to_owned(),
            engine_id: credentials.engine_id.clone(),
            supervisor: executable,
            supervisor_arguments: vec![SUPERVISE.to_owned()],
            path: format!("{}:{}", own_directory.display(), env::path()),
            commands: config.engine.process.commands.clone(),
        },
        reports,
    );
    terminal::talk(&format!("runtime: process ({why}); {}", process.limits()), Style::Plain);
    Ok(Chosen::without_images(process))
}

/// How to reach the engine of a state directory, if it serves.
pub(crate) fn access(state: &Path) -> Result<Access> {
    let none = || {
        Failed::new(format!("no engine runs on `{}`", state.display()))
            .with_hint("start one with `longshore up`, or name its directory with `--state DIR`")
    };
    let credentials = Credentials::read(state).map_err(unusable)?.ok_or_else(none)?;
    let endpoint = fs_err::read_to_string(state.join(ENDPOINT_FILE)).map_err(|_| none())?;
    let address = endpoint.strip_prefix("http://").and_then(|address| address.parse::<SocketAddr>().ok());
    let answers =
        address.is_some_and(|it| std::net::TcpStream::connect_timeout(&it, Duration::from_secs(1)).is_ok());
    if !answers {
        return Err(none().into());
    }
    let region = env::region().unwrap_or_else(|| DEFAULT_REGION.to_owned());
    Ok(Access { endpoint, region, credentials })
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn until_told_to_end() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// What goes wrong inside the engine while it serves is told on stderr.
pub(crate) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::new(env::log_filter());
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call in the same process (tests) finds the first one's in place.
    drop(subscriber.with_ansi(terminal::colours(&std::io::stderr())).try_init());
}
