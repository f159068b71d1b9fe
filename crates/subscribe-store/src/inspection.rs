//! What a database server is: its version, TLS, role and state, for an operator who sets it up.

use sqlx::{Connection as _, Row as _, postgres::PgRow};

use crate::{
    connect::Connector,
    connection_log::server_name,
    database_url::DatabaseServers,
    options::OpenError,
    schema::{SchemaError, connect, unavailable},
};

/// The oldest version that the migrations need.
const OLDEST: i32 = 130_000;

/// `pg_stat_ssl` shows every role its own connection. One message of the simple protocol, which a pooler cannot split.
const INSPECT: &str = "SELECT current_setting('server_version'), current_setting('server_version_num')::integer,
       current_database()::text, current_user::text,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
       (SELECT CASE WHEN ssl THEN version END FROM pg_stat_ssl WHERE pid = pg_backend_pid()),
       pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)";

/// A server and the role that connects to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "five independent facts")]
pub struct DatabaseReport {
    /// Host and port, or the folder of the socket.
    pub server: String,
    /// Its version, as it shows it.
    pub version: String,
    /// Whether this program can use the version.
    pub is_supported: bool,
    /// The name of the database.
    pub database: String,
    /// The role that is connected.
    pub role: String,
    /// Whether the role is a superuser, which a server does not need.
    pub is_superuser: bool,
    /// The version of TLS on the server's connection; `None` without TLS. Behind a pooler it is the pooler's connection.
    pub tls: Option<String>,
    /// Whether it is a standby.
    pub is_in_recovery: bool,
    /// Whether transactions are read-only.
    pub is_read_only: bool,
    /// Whether the role may create tables in its schema, which `masthead migrate` needs.
    pub can_create: bool,
}

/// Connects to the server of this URL and reads what it is.
///
/// # Errors
/// The URL is invalid, or the server cannot be used: [`SchemaError::Unavailable`] names it and the reason.
pub async fn inspect(url: &str, pooler: bool) -> Result<DatabaseReport, SchemaError> {
    let servers = DatabaseServers::parse(url).map_err(OpenError::from)?;
    let connector = Connector::new(pooler, &servers, &[]);
    let mut connection = connect(&connector).await?;
    let server = server_name(&connector.options());
    let row = sqlx::raw_sql(INSPECT).fetch_one(&mut connection).await;
    let closed = connection.close().await;
    let report = row.and_then(|row| report(server, &row)).map_err(unavailable)?;
    closed.map_err(unavailable)?;
    Ok(report)
}

fn report(server: String, row: &PgRow) -> Result<DatabaseReport, sqlx::Error> {
    let number: i32 = row.try_get(1)?;
    Ok(DatabaseReport {
        server,
        version: row.try_get(0)?,
        is_supported: number >= OLDEST,
        database: row.try_get(2)?,
        role: row.try_get(3)?,
        is_superuser: row.try_get(4)?,
        tls: row.try_get(5)?,
        is_in_recovery: row.try_get(6)?,
        is_read_only: row.try_get(7)?,
        can_create: row.try_get(8)?,
    })
}
