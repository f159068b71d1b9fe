//! A server in a container, by the workspace's own `docker-compose.yml`.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::name;

/// The superuser that `docker-compose.yml` makes.
pub(crate) const SUPERUSER: &str = "masthead";

/// One compose project, apart from any that a person starts from the same file.
#[derive(Debug, Clone)]
pub(crate) struct Compose {
    workspace: PathBuf,
    state: PathBuf,
}

impl Compose {
    /// A container engine that answers, with a compose command; `None` when there is none.
    pub(crate) fn find(workspace: &Path, state: &Path) -> Option<Self> {
        let answers = |arguments: &[&str]| {
            Command::new("docker")
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        let there =
            workspace.join("docker-compose.yml").is_file() && answers(&["compose", "version"]) && answers(&["info"]);
        there.then(|| Self {
            workspace: workspace.to_owned(),
            state: state.to_owned(),
        })
    }

    /// Starts the container unless it runs, and waits until it is healthy.
    pub(crate) fn start(&self) -> Result<(), Error> {
        self.remembered("port", || {
            let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            port.map(|address| address.port().to_string()).unwrap_or_default()
        })?;
        self.remembered("password", || format!("{}{}", name::random(), name::random()))?;
        self.run(&["up", "--detach", "--wait", "postgres"])
    }

    /// Stops the container and keeps its data.
    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.run(&["stop", "postgres"])
    }

    /// Whether the container answers.
    pub(crate) fn is_running(&self) -> bool {
        self.run(&["exec", "-T", "postgres", "pg_isready", "--quiet"]).is_ok()
    }

    /// The port on loopback.
    pub(crate) fn port(&self) -> Result<String, Error> {
        self.read("port")
    }

    /// The superuser's password.
    pub(crate) fn password(&self) -> Result<String, Error> {
        self.read("password")
    }

    /// The command line of a `psql` inside the container.
    pub(crate) fn psql(&self) -> Vec<String> {
        let mut words = vec!["docker".to_owned()];
        words.extend(self.arguments());
        words.extend(["exec", "-T", "postgres", "psql", "--username", SUPERUSER].map(str::to_owned));
        words
    }

    /// The variables that `docker-compose.yml` asks for.
    pub(crate) fn variables(&self) -> Result<Vec<(&'static str, String)>, Error> {
        Ok(vec![
            ("POSTGRES_PASSWORD", self.password()?),
            ("MASTHEAD_POSTGRES_PORT", self.port()?),
        ])
    }

    fn arguments(&self) -> Vec<String> {
        let hash = name::hash(self.workspace.as_os_str().as_encoded_bytes());
        let file = self.workspace.join("docker-compose.yml").display().to_string();
        [
            "compose",
            "--project-name",
            &format!("masthead-dev-{hash:016x}"),
            "--file",
            &file,
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn run(&self, arguments: &[&str]) -> Result<(), Error> {
        let said = Command::new("docker")
            .args(self.arguments())
            .args(arguments)
            .envs(self.variables()?)
            .stdin(Stdio::null())
            .output()
            .map_err(Error::io("cannot run", Path::new("docker")))?;
        if said.status.success() {
            return Ok(());
        }
        Err(Error::Failed {
            what: format!("docker compose {}", arguments.join(" ")),
            said: String::from_utf8_lossy(&said.stderr).trim().to_owned(),
        })
    }

    fn path(&self, what: &str) -> PathBuf {
        self.state.join(format!("compose-{what}"))
    }

    fn read(&self, what: &str) -> Result<String, Error> {
        let path = self.path(what);
        fs::read_to_string(&path).map_err(Error::io("cannot read", &path))
    }

    fn remembered(&self, what: &str, make: impl FnOnce() -> String) -> Result<(), Error> {
        let path = self.path(what);
        if path.is_file() {
            return Ok(());
        }
        fs::write(&path, make()).map_err(Error::io("cannot write", &path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .map_err(Error::io("cannot change the mode of", &path))
    }
}
