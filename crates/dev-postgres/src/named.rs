//! A server named by `DATABASE_URL`: somebody else's, so only databases with our prefix are touched there.

use crate::Error;
use crate::name;

/// A `postgres://` URL, taken apart just far enough to put another database's name into it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct NamedServer {
    /// Scheme, user, password, host, port.
    before: String,
    /// Parameters after `?`, without any that names a database.
    parameters: String,
    /// The database that the URL itself names.
    database: Option<String>,
}

impl std::fmt::Debug for NamedServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NamedServer(<redacted>)")
    }
}

impl NamedServer {
    /// # Errors
    /// [`Error::UrlRefused`] when it is no Postgres URL, or names a database that is not ours.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let refused = |why: &str| Err(Error::UrlRefused(why.to_owned()));
        let Some((scheme, rest)) = url.split_once("://") else {
            return refused("it is not of the form postgres://user:password@host:port/masthead_name");
        };
        if !matches!(scheme, "postgres" | "postgresql") {
            return refused("its scheme is neither `postgres` nor `postgresql`");
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut named: Vec<&str> = Some(path).filter(|path| !path.is_empty()).into_iter().collect();
        let mut kept = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("dbname", database)) => named.push(database),
                _ => kept.push(parameter),
            }
        }
        for database in &named {
            if name::ours(database).is_err() {
                return refused(&format!(
                    "it names the database `{database}`, and only databases whose name begins with `{}` are used; \
                     put such a name there (it need not exist yet)",
                    name::PREFIX
                ));
            }
        }
        Ok(Self {
            before: format!("{scheme}://{authority}"),
            parameters: kept.join("&"),
            database: named.last().map(|database| (*database).to_owned()),
        })
    }

    /// The database that the URL names, if it names one.
    pub(crate) fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The URL of one database, with all that the developer said about the server.
    pub(crate) fn url(&self, database: &str) -> String {
        let Self { before, parameters, .. } = self;
        let question = if parameters.is_empty() { "" } else { "?" };
        format!("{before}/{database}{question}{parameters}")
    }

    /// The URL of one database without its password, and the password, which must not stand on a command line.
    pub(crate) fn apart(&self, database: &str) -> (String, Option<String>) {
        let url = self.url(database);
        let Some((scheme, rest)) = url.split_once("://") else {
            return (url, None);
        };
        let (authority, tail) = rest.split_once('/').unwrap_or((rest, ""));
        match authority.rsplit_once('@') {
            Some((user, host)) => match user.split_once(':') {
                Some((user, password)) => (format!("{scheme}://{user}@{host}/{tail}"), Some(decoded(password))),
                None => (url, None),
            },
            None => (url, None),
        }
    }

    /// What tells this server from another one.
    pub(crate) fn identity(&self) -> u64 {
        name::hash(self.apart("").0.as_bytes())
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hexadecimal = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(hexadecimal.unwrap_or(*first));
        rest = if hexadecimal.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_of_ours_takes_the_place_of_the_one_named() {
        let server = NamedServer::parse("postgres://me:secret@db:5433/masthead_dev?sslmode=require").unwrap();
        assert_eq!(
            server.url("masthead_x"),
            "postgres://me:secret@db:5433/masthead_x?sslmode=require"
        );
        assert_eq!(server.database(), Some("masthead_dev"));
    }

    #[test]
    fn a_url_need_not_name_a_database() {
        for url in ["postgres://me@db", "postgres://me@db/", "postgresql://me@db/?a=b"] {
            assert_eq!(NamedServer::parse(url).unwrap().database(), None, "{url}");
        }
    }

    #[test]
    fn a_database_that_is_not_ours_is_refused_by_name() {
        for url in [
            "postgres://me@db/production",
            "postgres://me@db/postgres",
            "postgres://me@db/?dbname=production",
            "postgres://me@db/masthead_dev?sslmode=require&dbname=production",
            "postgres://me@db/masthead_dev/production",
            "postgres://me@db/masthead%5Fdev",
        ] {
            let error = NamedServer::parse(url).unwrap_err().to_string();
            assert!(error.contains("masthead_"), "{url}: {error}");
        }
    }

    #[test]
    fn what_is_no_postgres_url_is_refused() {
        for url in ["host=db dbname=masthead_dev", "mysql://db/masthead_dev"] {
            assert!(matches!(NamedServer::parse(url), Err(Error::UrlRefused(_))), "{url}");
        }
    }

    #[test]
    fn a_refusal_and_debug_say_no_password() {
        let refusal = NamedServer::parse("postgres://me:secret@db/production").unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains("secret"));
        let server = NamedServer::parse("postgres://me:secret@db/masthead_dev").unwrap();
        assert!(!format!("{server:?}").contains("secret"));
    }

    #[test]
    fn the_password_is_kept_off_the_command_line() {
        let server = NamedServer::parse("postgres://me:p%40ss%2@db/masthead_dev").unwrap();
        let (url, password) = server.apart("masthead_x");
        assert_eq!(url, "postgres://me@db/masthead_x");
        assert_eq!(password.as_deref(), Some("p@ss%2"));
    }
}
