//! The databases for reads of one kind: the primary's, and one of each replica.

use std::sync::Arc;

use futures_util::future::join_all;
use masthead_domain::tenant::PoolId;
use masthead_ports::source::{SourceError, SourceErrorKind};

use super::state::Replicas;
use crate::{connect::Connector, database::PgDatabase};

/// The primary's connections, and those of each replica.
#[derive(Clone)]
pub(crate) struct Reads {
    primary: PgDatabase,
    /// `None` without replicas.
    spread: Option<(Arc<Replicas>, Arc<[PgDatabase]>)>,
}

impl Reads {
    /// Reads on the primary alone.
    pub(crate) const fn primary(primary: PgDatabase) -> Self {
        Self { primary, spread: None }
    }

    /// Reads that are spread over these databases, one for each replica.
    pub(crate) fn spread(primary: PgDatabase, replicas: Arc<Replicas>, databases: Vec<PgDatabase>) -> Self {
        Self {
            primary,
            spread: Some((replicas, databases.into())),
        }
    }

    /// The connector of the primary; those of replicas differ from it in their server only.
    pub(crate) const fn connector(&self) -> &Connector {
        self.primary.connector()
    }

    /// Executes a read of the pool on a replica that has all writes of this process to it, else on the primary. What fails
    /// on a replica, or is still open when the replica is left, is executed once more on the primary.
    pub(crate) async fn read<'a, T, W>(
        &'a self,
        pool: PoolId,
        read: impl Fn(&'a PgDatabase) -> W,
    ) -> Result<T, SourceError>
    where
        W: Future<Output = Result<T, SourceError>>,
    {
        let Some((replicas, databases)) = &self.spread else {
            return read(&self.primary).await;
        };
        if let Some(replica) = replicas.choose_for(pool) {
            let answer = tokio::select! {
                biased;
                answer = read(&databases[replica]) => Some(answer),
                () = replicas.left(replica) => None,
            };
            match answer {
                Some(answer) if answer.as_ref().err().is_none_or(is_final) => {
                    replicas.count_replica_reads(replica, 1);
                    return answer;
                }
                Some(_) | None => replicas.count_repeated_reads(1),
            }
        }
        replicas.count_primary_reads(1);
        read(&self.primary).await
    }

    /// The databases of the replicas.
    pub(crate) fn replica_databases(&self) -> &[PgDatabase] {
        self.spread.as_ref().map_or(&[], |(_, databases)| databases)
    }

    pub(crate) async fn close(&self) {
        let databases = self.replica_databases().iter().chain([&self.primary]);
        join_all(databases.map(PgDatabase::close)).await;
    }
}

/// Whether the primary would fail in the same way.
const fn is_final(error: &SourceError) -> bool {
    !matches!(
        error.kind,
        SourceErrorKind::Unavailable | SourceErrorKind::Misconfigured
    )
}
