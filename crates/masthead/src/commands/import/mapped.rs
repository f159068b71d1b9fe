//! A row of the file, mapped to a registration or rejected.

use masthead_domain::tenant::TenantId;
use masthead_imports::{ImportedUser, MapContext, Mapping, RawRow, RejectCode, RejectedRow, RowNotes};
use masthead_ports::passwords::PasswordHash;
use masthead_subscribe_store::{NewRegistration, PreparedRegistration, UnstorableFieldError};

/// A row after it was mapped.
pub(super) struct MappedRow {
    pub(super) line: u64,
    /// The row itself, where rejected rows are written to a file.
    pub(super) original: Option<RawRow>,
    pub(super) content: Result<MappedUser, RejectedRow>,
}

/// A row that can be stored.
pub(super) struct MappedUser {
    pub(super) tenant: Option<TenantId>,
    pub(super) registration: PreparedRegistration,
    /// The family of its hash.
    pub(super) hash_scheme: Option<Box<str>>,
    /// The key of its hash in the second file.
    pub(super) join_key: Option<Box<str>>,
    pub(super) notes: RowNotes,
}

/// How rows are mapped.
pub(super) struct RowMapper {
    pub(super) mapping: std::sync::Arc<Mapping>,
    pub(super) context: MapContext,
    pub(super) keeps_originals: bool,
    /// The field with the key of the second file.
    pub(super) join: Option<Box<str>>,
}

impl RowMapper {
    /// Maps a row, and computes what is stored: most of an import's work outside of the database.
    pub(super) fn map(&self, row: RawRow) -> MappedRow {
        let join_key = self.join.as_deref().and_then(|field| row.text(field));
        let content = self
            .mapping
            .map(&row, &self.context)
            .and_then(|user| prepare(user, join_key));
        MappedRow {
            line: row.line,
            content,
            original: self.keeps_originals.then_some(row),
        }
    }
}

fn prepare(user: ImportedUser, join_key: Option<Box<str>>) -> Result<MappedUser, RejectedRow> {
    let registration = PreparedRegistration::new(NewRegistration {
        crid: user.crid,
        email: user.email,
        first_name: user.first_name,
        last_name: user.last_name,
        verified: user.verified,
        password_hash: user
            .password_hash
            .as_ref()
            .map(|hash| PasswordHash::expose(hash).into()),
        metadata: user.metadata,
        registered_at: user.registered_at,
        changed_at: user.changed_at,
        last_logout_at: user.last_logout_at,
    });
    Ok(MappedUser {
        tenant: user.tenant,
        registration: registration.map_err(unstorable)?,
        hash_scheme: user.hash_scheme,
        join_key,
        notes: user.notes,
    })
}

/// A row with a field that cannot be stored.
pub(super) fn unstorable(invalid: UnstorableFieldError) -> RejectedRow {
    RejectedRow {
        field: Some(invalid.field.into()),
        code: RejectCode::InvalidValue,
        reason: invalid.problem.into(),
    }
}
