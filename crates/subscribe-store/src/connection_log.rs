//! Names the server in errors of connecting, and logs each reason once.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use sqlx::postgres::PgConnectOptions;

use crate::{
    connection_error::ConnectionError,
    sqlstate::{is_refused_login, words},
};

/// Adds the server's name to the error of an attempt to connect; its kind stays.
pub(crate) fn name_server(error: sqlx::Error, options: &PgConnectOptions) -> sqlx::Error {
    let named = || ConnectionError {
        server: server_name(options).into(),
        reason: words(&error),
    };
    match &error {
        sqlx::Error::Io(cause) if ConnectionError::find(&error).is_none() => {
            sqlx::Error::Io(io::Error::new(cause.kind(), named()))
        }
        sqlx::Error::Tls(_) if ConnectionError::find(&error).is_none() => sqlx::Error::Tls(Box::new(named())),
        // As before, an operator must act.
        sqlx::Error::Database(cause) if is_refused_login(&**cause) => sqlx::Error::Configuration(Box::new(named())),
        _ => error,
    }
}

/// Host and port, or the folder of the socket.
pub(crate) fn server_name(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Logs why connections fail: each reason once, until one succeeds.
#[derive(Debug, Default)]
pub(crate) struct ConnectionLog(Mutex<Vec<ConnectionError>>);

impl ConnectionLog {
    /// How many different reasons are logged until a connection succeeds.
    const MOST: usize = 8;

    pub(crate) fn record_failure(&self, error: &sqlx::Error) {
        let Some(error) = ConnectionError::find(error) else {
            return;
        };
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() < Self::MOST && !logged.contains(error) {
            logged.push(error.clone());
            drop(logged);
            tracing::error!(server = %error.server, reason = %error.reason, "the database cannot be used");
        }
    }

    pub(crate) fn record_success(&self) {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !logged.is_empty() {
            logged.clear();
            drop(logged);
            tracing::info!("the database can be used again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_is_named_and_kind_kept() {
        let options: PgConnectOptions = "postgres://u:hidden-word@db.example:6543/d".parse().unwrap();
        let refused = sqlx::Error::Io(io::ErrorKind::ConnectionRefused.into());
        let named = name_server(refused, &options);
        assert!(matches!(&named, sqlx::Error::Io(cause) if cause.kind() == io::ErrorKind::ConnectionRefused));
        let text = ConnectionError::find(&named).unwrap().to_string();
        assert!(
            text.starts_with("db.example:6543: ") && !text.contains("hidden-word"),
            "{text}"
        );
        // Named once, however often it passes.
        let again = name_server(named, &options);
        assert_eq!(ConnectionError::find(&again).unwrap().to_string(), text);
    }
}
