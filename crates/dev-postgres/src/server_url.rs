//! The URL of a server, to which the name of a database is added.

use percent_encoding::percent_decode_str;

use crate::Error;
use crate::name;

/// The superuser of the servers that this crate starts.
pub(crate) const SUPERUSER: &str = "masthead";

/// A `postgres://` URL in parts. `Debug` shows none of them.
#[derive(Clone)]
pub(crate) struct ServerUrl {
    pub(crate) user: Option<String>,
    /// As in the URL, percent-encoded.
    pub(crate) password: Option<String>,
    /// Host and port.
    pub(crate) address: String,
    /// The parameters after `?`, except the database.
    parameters: String,
    /// The database in the URL.
    pub(crate) database: Option<String>,
}

impl std::fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerUrl(<redacted>)")
    }
}

impl ServerUrl {
    /// The URL of a server of this crate on loopback.
    pub(crate) fn for_loopback(password: &str, port: &str) -> Self {
        Self {
            user: Some(SUPERUSER.to_owned()),
            password: not_empty(password),
            address: format!("127.0.0.1:{port}"),
            parameters: String::new(),
            database: None,
        }
    }

    /// Parses a URL; another scheme and a database without the prefix are refused.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let refused = |why: &str| Error::UrlRefused(why.to_owned());
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"))
            .ok_or_else(|| refused("it is not of the form postgres://user:password@host:port/masthead_name"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (databases, parameters): (Vec<&str>, Vec<&str>) =
            query.split('&').partition(|parameter| parameter.starts_with("dbname="));
        let databases = databases.iter().map(|parameter| &parameter["dbname=".len()..]);
        let databases: Vec<String> = databases.chain([path]).filter_map(not_empty).collect();
        if let Some(other) = databases.iter().find(|database| name::check(database).is_err()) {
            return Err(Error::UrlRefused(format!(
                "it names the database `{other}`, but only databases whose name begins with `{}` are used; the database \
                 need not exist",
                name::PREFIX
            )));
        }
        let (credentials, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        Ok(Self {
            user: not_empty(user),
            password: not_empty(password),
            address: address.to_owned(),
            parameters: parameters.join("&"),
            database: databases.into_iter().next(),
        })
    }

    /// The URL of one database.
    pub(crate) fn with_database(&self, database: &str) -> String {
        let password = self.password.as_ref().map(|password| format!(":{password}"));
        self.build(&password.unwrap_or_default(), database)
    }

    /// The URL of one database without the password: the arguments of a process are visible to all users.
    pub(crate) fn without_password(&self, database: &str) -> String {
        self.build("", database)
    }

    fn build(&self, password: &str, database: &str) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}{password}@"));
        let question = if self.parameters.is_empty() { "" } else { "?" };
        format!(
            "postgres://{}{}/{database}{question}{}",
            user.unwrap_or_default(),
            self.address,
            self.parameters
        )
    }

    /// The password in plain text.
    pub(crate) fn decoded_password(&self) -> Option<String> {
        let password = percent_decode_str(self.password.as_ref()?);
        Some(password.decode_utf8_lossy().into_owned())
    }
}

fn not_empty(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_in_the_url_is_replaced() {
        for (url, database, replaced) in [
            (
                "postgres://me:secret@db:5433/masthead_dev?sslmode=require",
                Some("masthead_dev"),
                "postgres://me:secret@db:5433/masthead_x?sslmode=require",
            ),
            (
                "postgres://me@db?a=b&dbname=masthead_dev",
                Some("masthead_dev"),
                "postgres://me@db/masthead_x?a=b",
            ),
            ("postgres://me@db", None, "postgres://me@db/masthead_x"),
            ("postgresql://db/?a=b", None, "postgres://db/masthead_x?a=b"),
        ] {
            let server = ServerUrl::parse(url).unwrap();
            assert_eq!(server.database.as_deref(), database, "{url}");
            assert_eq!(server.with_database("masthead_x"), replaced, "{url}");
        }
    }

    #[test]
    fn other_databases_and_schemes_are_refused() {
        for url in [
            "postgres://me@db/production",
            "postgres://me@db/postgres",
            "postgres://me@db/?dbname=production",
            "postgres://me@db/masthead_dev?sslmode=require&dbname=production",
            "postgres://me@db/masthead_dev/production",
            "postgres://me@db/masthead%5Fdev",
            "host=db dbname=masthead_dev",
            "mysql://db/masthead_dev",
        ] {
            assert!(matches!(ServerUrl::parse(url), Err(Error::UrlRefused(_))), "{url}");
        }
    }

    #[test]
    fn password_is_never_shown() {
        let error = ServerUrl::parse("postgres://me:secret@db/production").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
        let server = ServerUrl::parse("postgres://me:p%40ss%2@db/masthead_dev").unwrap();
        assert!(!format!("{server:?}").contains("p%40ss"));
        assert_eq!(server.without_password("masthead_x"), "postgres://me@db/masthead_x");
        assert_eq!(server.decoded_password().as_deref(), Some("p@ss%2"));
    }
}
