//! The URL of a database: its hosts, and TLS to all that are not on this machine (ADR 0132).

use std::{
    net::IpAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use percent_encoding::percent_decode_str;
use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};
use thiserror::Error;

const MAX_HOSTS: usize = 16;

/// A URL that cannot be used. The errors do not repeat it, since it holds a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DatabaseUrlError {
    /// Another scheme.
    #[error("must begin with postgres://")]
    Scheme,
    /// It cannot be parsed.
    #[error("must be of the form postgres://user:password@host:port/database")]
    Form,
    /// Too many hosts, or an empty one.
    #[error("must name 1 to {MAX_HOSTS} hosts, with commas between and none of them empty")]
    Hosts,
    /// An unknown mode, which must not be taken for a weaker one.
    #[error(
        "has an unknown sslmode: use disable, require, verify-ca or verify-full (prefer and allow: on this machine only)"
    )]
    SslMode,
    /// TLS is left to the server of another machine.
    #[error(
        "has an sslmode that may not encrypt the connection to {host}: use require, verify-ca or verify-full, or \
         sslmode=disable where the network in between is trusted"
    )]
    MayNotEncrypt {
        /// The host.
        host: String,
    },
    /// The store writes, so a server that does not is of no use.
    #[error("may have target_session_attrs=read-write or primary only: the servers are written to")]
    SessionAttributes,
}

/// Checks a URL without connecting.
///
/// # Errors
/// It cannot be used.
pub fn check_database_url(url: &str) -> Result<(), DatabaseUrlError> {
    DatabaseServers::parse(url).map(|_| ())
}

/// A URL whose password cannot replace that of another.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplacePasswordError {
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] DatabaseUrlError),
    /// More differs than the password.
    #[error("differs in more than the password before the host: restart the server")]
    OtherServer,
    /// There was a password, and there is none.
    #[error("has no password before the host: restart the server")]
    NoPassword,
}

/// The servers of a URL, in turn, with the settings of one kind of connection.
#[derive(Clone)]
pub(crate) struct DatabaseServers {
    hosts: Arc<[PgConnectOptions]>,
    /// The URL without its password.
    url: Arc<str>,
    /// Shared by all connections of the URL.
    password: Arc<Password>,
    /// The host that was last found to accept writes; shared by all connections of the URL.
    pub(crate) current: Arc<AtomicUsize>,
    /// Whether a server must accept writes.
    pub(crate) must_write: bool,
}

/// The password of a URL; a replaced one is for connections that are opened from then on.
struct Password {
    /// As the URL has it, which may be without any.
    text: RwLock<Option<Box<str>>>,
    replacements: AtomicUsize,
}

impl DatabaseServers {
    /// Parses a URL of one or several hosts; of several, the one that accepts writes is used.
    pub(crate) fn parse(url: &str) -> Result<Self, DatabaseUrlError> {
        let rest = ["postgres://", "postgresql://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.ok_or(DatabaseUrlError::Scheme)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
            None => (String::new(), authority),
        };
        let (without_password, password) = split_password(url, &credentials);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parameters = Parameters::parse(query)?;
        let names: Vec<&str> = hosts.split(',').collect();
        if names.len() > MAX_HOSTS || names.len() > 1 && names.contains(&"") {
            return Err(DatabaseUrlError::Hosts);
        }
        let parse = |host: &&str| {
            let url = format!("postgres://{credentials}{host}{path}?{}", parameters.others.join("&"));
            let options: PgConnectOptions = url.parse().map_err(|_| DatabaseUrlError::Form)?;
            // Its warnings of slow statements would show the SQL: `slow_statements` has them without.
            let options = options.application_name("masthead").disable_statement_logging();
            let mode = parameters.mode(is_local(&options), options.get_host())?;
            Ok(mode.map_or(options.clone(), |mode| options.ssl_mode(mode)))
        };
        Ok(Self {
            must_write: names.len() > 1 || parameters.must_write,
            hosts: names.iter().map(parse).collect::<Result<_, _>>()?,
            current: Arc::default(),
            url: without_password.into(),
            password: Arc::new(Password {
                text: RwLock::new(password),
                replacements: AtomicUsize::new(0),
            }),
        })
    }

    /// The same servers with other settings of their connections.
    pub(crate) fn map(&self, change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        Self {
            hosts: self.hosts.iter().cloned().map(change).collect(),
            ..self.clone()
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.hosts.len()
    }

    /// The options of a host, with the password of this moment. The hosts are counted round.
    pub(crate) fn host(&self, number: usize) -> PgConnectOptions {
        let options = self.hosts[number % self.hosts.len()].clone();
        let password = self.password.text.read().unwrap_or_else(PoisonError::into_inner);
        match (&*password, self.replacements()) {
            (Some(password), 1..) => options.password(password),
            _ => options,
        }
    }

    /// How often the password was replaced.
    pub(crate) fn replacements(&self) -> usize {
        self.password.replacements.load(Ordering::Acquire)
    }

    /// Uses the password of this URL for connections that are opened from now on. Returns whether it is another one.
    ///
    /// # Errors
    /// The URL is invalid, or differs in more than the password.
    pub(crate) fn replace_password(&self, url: &str) -> Result<bool, ReplacePasswordError> {
        let next = Self::parse(url)?;
        if next.url != self.url {
            return Err(ReplacePasswordError::OtherServer);
        }
        let next = next
            .password
            .text
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut password = self.password.text.write().unwrap_or_else(PoisonError::into_inner);
        if *password == next {
            return Ok(false);
        }
        *password = Some(next.ok_or(ReplacePasswordError::NoPassword)?);
        self.password.replacements.fetch_add(1, Ordering::Release);
        Ok(true)
    }

    /// Whether all of them run on this machine.
    pub(crate) fn are_local(&self) -> bool {
        self.hosts.iter().all(is_local)
    }
}

/// What the parameters of a URL state about TLS and the kind of server, and the others.
struct Parameters<'a> {
    mode: Option<PgSslMode>,
    has_root: bool,
    must_write: bool,
    others: Vec<&'a str>,
}

impl<'a> Parameters<'a> {
    fn parse(query: &'a str) -> Result<Self, DatabaseUrlError> {
        let query = query.split('#').next().unwrap_or_default();
        let mut parsed = Parameters {
            mode: None,
            has_root: false,
            must_write: false,
            others: Vec::new(),
        };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "sslmode" | "ssl-mode" => {
                    parsed.mode = Some(value.parse().map_err(|_| DatabaseUrlError::SslMode)?);
                }
                "target_session_attrs" if matches!(value, "read-write" | "primary") => parsed.must_write = true,
                "target_session_attrs" => return Err(DatabaseUrlError::SessionAttributes),
                "host" | "hostaddr" if value.contains([',', '%']) && !value.starts_with("%2F") => {
                    return Err(DatabaseUrlError::Hosts);
                }
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => {
                    parsed.has_root = true;
                    parsed.others.push(parameter);
                }
                "ssl-cert"
                | "sslcert"
                | "sslkey"
                | "ssl-key"
                | "statement-cache-capacity"
                | "host"
                | "hostaddr"
                | "port"
                | "dbname"
                | "user"
                | "password"
                | "application_name"
                | "options" => parsed.others.push(parameter),
                name if name.starts_with("options[") || name.starts_with("options%5B") => parsed.others.push(parameter),
                // The driver would log its value, too.
                name => tracing::warn!(parameter = name, "an unknown parameter of a database URL is ignored"),
            }
        }
        Ok(parsed)
    }

    /// The mode of one host; `None` for the driver's own, on this machine only. As in libpq, `require` with a root certificate
    /// verifies it.
    fn mode(&self, is_local: bool, host: &str) -> Result<Option<PgSslMode>, DatabaseUrlError> {
        match self.mode {
            Some(PgSslMode::Prefer | PgSslMode::Allow) if !is_local => {
                Err(DatabaseUrlError::MayNotEncrypt { host: host.to_owned() })
            }
            Some(PgSslMode::Require) if self.has_root => Ok(Some(PgSslMode::VerifyCa)),
            None if !is_local && self.has_root => Ok(Some(PgSslMode::VerifyFull)),
            None if !is_local => Ok(Some(PgSslMode::Require)),
            mode => Ok(mode),
        }
    }
}

/// The URL without the password in its credentials, `user:password@`, and the password.
fn split_password(url: &str, credentials: &str) -> (String, Option<Box<str>>) {
    match credentials.trim_end_matches('@').split_once(':') {
        None => (url.to_owned(), None),
        Some((user, password)) => {
            let text = percent_decode_str(password).decode_utf8_lossy().into();
            (url.replacen(credentials, &format!("{user}@"), 1), Some(text))
        }
    }
}

/// Whether the server runs on this machine.
fn is_local(server: &PgConnectOptions) -> bool {
    let host = server.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    server.get_socket().is_some() || host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modes(url: &str) -> Vec<String> {
        let servers = DatabaseServers::parse(url).unwrap();
        let mode = |host: &PgConnectOptions| format!("{} {:?}", host.get_host(), host.get_ssl_mode());
        servers.hosts.iter().map(mode).collect()
    }

    #[test]
    fn other_machines_need_tls() {
        for (url, expected) in [
            ("postgres://u:p@db.example/d", "db.example Require"),
            ("postgresql://u@192.0.2.7:5433/d?sslmode=require", "192.0.2.7 Require"),
            ("postgres://u@db.example/d?sslrootcert=/ca.pem", "db.example VerifyFull"),
            (
                "postgres://u@db.example/d?sslmode=require&sslrootcert=/ca.pem",
                "db.example VerifyCa",
            ),
            ("postgres://u@db.example/d?sslmode=verify-full", "db.example VerifyFull"),
            ("postgres://u@db.example/d?sslmode=disable", "db.example Disable"),
            ("postgres:///d?host=db.example", "db.example Require"),
            ("postgres://u@127.0.0.1/d?sslmode=disable", "127.0.0.1 Disable"),
            ("postgres://u@[::1]/d?sslmode=prefer", "[::1] Prefer"),
        ] {
            assert_eq!(modes(url), [expected], "{url}");
        }
        for mode in ["prefer", "allow"] {
            for host in ["db.example", "192.0.2.7", "127.0.0.1,db.example"] {
                let url = format!("postgres://u:p@{host}/d?sslmode={mode}");
                let refused = DatabaseServers::parse(&url).err().unwrap();
                let host = host.rsplit(',').next().unwrap().to_owned();
                assert_eq!(refused, DatabaseUrlError::MayNotEncrypt { host }, "{url}");
            }
        }
    }

    #[test]
    fn hosts_have_their_ports_and_share_the_rest() {
        let url = "postgres://u:p%40,@a.example:5433,b.example/d?target_session_attrs=read-write&sslmode=verify-full";
        let servers = DatabaseServers::parse(url).unwrap();
        assert!(servers.must_write);
        let described: Vec<_> = servers
            .hosts
            .iter()
            .map(|host| {
                (
                    host.get_host(),
                    host.get_port(),
                    host.get_username(),
                    host.get_database(),
                )
            })
            .collect();
        let expected = [("a.example", 5433), ("b.example", 5432)].map(|(host, port)| (host, port, "u", Some("d")));
        assert_eq!(described, expected);
        assert!(!DatabaseServers::parse("postgres://u@a.example/d").unwrap().must_write);
    }

    #[test]
    fn password_alone_can_be_replaced() {
        let servers = DatabaseServers::parse("postgres://u:p%40:1@a.example,b.example/d?sslmode=require").unwrap();
        let mapped = servers.map(|options| options.application_name("other"));
        assert_eq!(
            servers.replace_password("postgres://u:p%40:1@a.example,b.example/d?sslmode=require"),
            Ok(false)
        );
        assert_eq!(mapped.replacements(), 0);
        assert_eq!(
            servers.replace_password("postgres://u:n%20w@a.example,b.example/d?sslmode=require"),
            Ok(true)
        );
        assert_eq!(mapped.replacements(), 1);
        assert!(
            format!("{:?}", mapped.host(1)).contains("n w"),
            "sqlx shows it, and we never do"
        );
        for (url, expected) in [
            (
                "postgres://u@a.example,b.example/d?sslmode=require",
                ReplacePasswordError::NoPassword,
            ),
            (
                "postgres://u:x@a.example/d?sslmode=require",
                ReplacePasswordError::OtherServer,
            ),
            (
                "postgres://v:x@a.example,b.example/d?sslmode=require",
                ReplacePasswordError::OtherServer,
            ),
            (
                "postgres://u:x@a.example,b.example/d?sslmode=disable",
                ReplacePasswordError::OtherServer,
            ),
            (
                "mysql://u:x@a.example/d",
                ReplacePasswordError::Url(DatabaseUrlError::Scheme),
            ),
        ] {
            assert_eq!(servers.replace_password(url), Err(expected), "{url}");
        }
        assert!(format!("{:?}", servers.host(0)).contains("n w"));
    }

    #[test]
    fn invalid_url_is_rejected_without_secrets() {
        for (url, expected) in [
            ("mysql://u:hidden@a/d", DatabaseUrlError::Scheme),
            ("postgres://u:hidden@a:port/d", DatabaseUrlError::Form),
            ("postgres://u:hidden@a,/d", DatabaseUrlError::Hosts),
            ("postgres://u:hidden@/d?host=a,b", DatabaseUrlError::Hosts),
            ("postgres://u:hidden@a/d?sslmode=on", DatabaseUrlError::SslMode),
            ("postgres://u:hidden@a/d?sslmode=", DatabaseUrlError::SslMode),
            (
                "postgres://u:hidden@a,b/d?target_session_attrs=any",
                DatabaseUrlError::SessionAttributes,
            ),
            (
                "postgres://u:hidden@a/d?target_session_attrs=standby",
                DatabaseUrlError::SessionAttributes,
            ),
        ] {
            let refused = DatabaseServers::parse(url).err().unwrap();
            assert!(!refused.to_string().contains("hidden"));
            assert_eq!(refused, expected, "{url}");
        }
        let many = format!("postgres://u:hidden@{}a/d", "a,".repeat(MAX_HOSTS));
        assert_eq!(DatabaseServers::parse(&many).err(), Some(DatabaseUrlError::Hosts));
    }
}
