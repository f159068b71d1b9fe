//! A server in a container, started by `docker compose` with the workspace's `docker-compose.yml`.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::folder::write_private;
use crate::psql::Psql;
use crate::server_url::ServerUrl;
use crate::{Error, locks, name};

/// A compose project of this workspace, separate from one that the developer starts with the same file.
#[derive(Debug)]
pub(crate) struct Compose {
    /// The arguments of `docker` before the verb.
    arguments: Vec<String>,
    password: String,
    port: String,
}

impl Compose {
    /// Returns `None` without a running container engine that has `docker compose`.
    pub(crate) fn find(workspace: &Path, state: &Path) -> Result<Option<Self>, Error> {
        let _guard = locks::exclusive(&state.join("compose.lock"))?;
        let free_port = || {
            let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            listener.map(|address| address.port().to_string()).unwrap_or_default()
        };
        let project = name::hash(workspace.as_os_str().as_encoded_bytes());
        let compose = Self {
            arguments: vec![
                "compose".to_owned(),
                format!("--project-name=masthead-dev-{project:016x}"),
                format!("--file={}", workspace.join("docker-compose.yml").display()),
            ],
            password: read_or_create(&state.join("compose-password"), name::password)?,
            port: read_or_create(&state.join("compose-port"), free_port)?,
        };
        Ok(compose.run(&["ps"]).is_ok().then_some(compose))
    }

    /// Starts the container, and waits until it is healthy.
    pub(crate) fn start(&self) -> Result<(), Error> {
        self.run(&["up", "--detach", "--wait", "postgres"])
    }

    /// Stops the container and keeps its data.
    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.run(&["stop", "postgres"])
    }

    /// The URL over loopback.
    pub(crate) fn url(&self) -> ServerUrl {
        ServerUrl::for_loopback(&self.password, &self.port)
    }

    /// The `psql` inside the container, where loopback needs no password.
    pub(crate) fn psql(&self) -> Psql {
        let inside = ["exec", "-T", "postgres", "psql"].map(str::to_owned);
        Psql {
            program: PathBuf::from("docker"),
            arguments: self.arguments.iter().cloned().chain(inside).collect(),
            variables: self.variables().to_vec(),
            url: ServerUrl::for_loopback("", "5432"),
        }
    }

    /// The variables of `docker-compose.yml`.
    fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("POSTGRES_PASSWORD", self.password.clone()),
            ("MASTHEAD_OWNER_PASSWORD", self.password.clone()),
            ("MASTHEAD_SERVER_PASSWORD", self.password.clone()),
            ("MASTHEAD_POSTGRES_PORT", self.port.clone()),
        ]
    }

    fn run(&self, arguments: &[&str]) -> Result<(), Error> {
        let output = Command::new("docker")
            .args(&self.arguments)
            .args(arguments)
            .envs(self.variables())
            .stdin(Stdio::null())
            .output()
            .map_err(Error::io("cannot run", Path::new("docker")))?;
        if output.status.success() {
            return Ok(());
        }
        let what = format!("docker compose {}", arguments.join(" "));
        Err(Error::failed(what, &String::from_utf8_lossy(&output.stderr)))
    }
}

/// The text of a private file, which is written when it does not exist.
fn read_or_create(path: &Path, create: impl FnOnce() -> String) -> Result<String, Error> {
    if !path.is_file() {
        write_private(path, &create())?;
    }
    fs::read_to_string(path).map_err(Error::io("cannot read", path))
}
