//! Maps a row to a user.

use std::{borrow::Cow, collections::HashSet};

use masthead_credentials::parse_password_hash;
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::{Email, MAX_EMAIL_BYTES},
    metadata::Metadata,
    tenant::TenantId,
    user_change::{BLOCKED_KEY, is_blocked_key},
};
use masthead_ports::passwords::PasswordHash;
use time::{Duration, OffsetDateTime};

use super::{FILE_NAME, Mapping, condition::Condition, metadata::Collected, source::Source};
use crate::{
    context::{BlockedPolicy, MapContext},
    json::Json,
    rejection::{RejectCode, RejectedRow},
    row::{RawRow, RowContent, malformed},
    time_text::TimeText,
    user::{ImportedUser, RowNotes, UnusableHash},
};

/// Fields of Masthead, as they are named in reports.
const ID: &str = "customerRegistrationId";
const REGISTERED: &str = "dateRegistered";
const CHANGED: &str = "changeDate";
const LAST_LOGOUT: &str = "lastLogoutDate";

impl Mapping {
    /// Maps a row: no I/O, so rows may be mapped by several threads.
    ///
    /// # Errors
    /// The row cannot be read, is of no person or of a blocked account, or a field of it cannot be stored.
    pub fn map(&self, row: &RawRow, context: &MapContext) -> Result<ImportedUser, RejectedRow> {
        let mut parsed = row.parse()?;
        if matches!(row.content, RowContent::Cells(..)) {
            self.check_columns(&parsed)?;
            self.leave_out_unset(&mut parsed);
        }
        if let (true, Some(member), Json::Object(members)) = (self.reads_file_name, &row.member, &mut parsed) {
            members.push((Cow::Borrowed(FILE_NAME), Json::Text(Cow::Borrowed(member))));
        }
        if self.is_strict {
            self.check_strictly(&parsed, matches!(row.content, RowContent::Cells(..)))?;
        }
        self.map_fields(&parsed, context)
    }

    fn map_fields(&self, row: &Json<'_>, context: &MapContext) -> Result<ImportedUser, RejectedRow> {
        let is_met = |conditions: &[Condition]| conditions.iter().any(|condition| condition.is_met(row));
        if is_met(&self.not_a_person) {
            return Err(rejected(
                None,
                RejectCode::NotAPerson,
                "is of no person: a service account, or the anonymous user",
            ));
        }
        let is_blocked = is_met(&self.blocked);
        if is_blocked && context.blocked == BlockedPolicy::Reject {
            return Err(rejected(None, RejectCode::Blocked, "blocked at its source"));
        }
        let fields = &self.fields;
        let mut notes = RowNotes::default();
        let tenant = match first_text(&fields.tenant, row) {
            None => None,
            Some(text) => {
                let parsed = TenantId::parse(&text);
                Some(parsed.map_err(|error| rejected(Some("tenant"), RejectCode::InvalidValue, error.to_string()))?)
            }
        };
        let Some(id) = first_text(&fields.id, row) else {
            return Err(rejected(Some(ID), RejectCode::MissingId, "the row has no id"));
        };
        let crid = CustomerRegistrationId::parse(&id)
            .map_err(|error| rejected(Some(ID), RejectCode::InvalidValue, error.to_string()))?;
        let email = first_text(&fields.email, row).filter(|text| !text.trim().is_empty());
        let email = email.map(|text| Email::from_source(&text)).transpose().map_err(|_| {
            let reason = format!("must be at most {MAX_EMAIL_BYTES} bytes without NUL");
            rejected(Some("email"), RejectCode::InvalidValue, reason)
        })?;
        let key = email.as_ref().map(Email::key);
        let verified = fields.verified.iter().find_map(|source| source.truth(row, key));
        notes.verified_missing = verified.is_none();
        let mut time = |sources: &[Source], field| self.time(sources, row, context.now, (field, &mut notes));
        let registered_at = time(&fields.registered, REGISTERED);
        let changed_at = time(&fields.changed, CHANGED);
        let last_logout_at = time(&fields.last_logout, LAST_LOGOUT);
        let hash = fields.password_hash.iter().find_map(|source| source.hash_text(row));
        let (password_hash, hash_scheme) = if is_blocked && context.blocked == BlockedPolicy::Lite {
            notes.unusable_hash = Some(UnusableHash("blocked at its source".into()));
            (None, None)
        } else if let Some((_, reason)) = self.no_hash.iter().find(|(when, _)| when.is_met(row)) {
            notes.unusable_hash = Some(UnusableHash(reason.clone()));
            (None, None)
        } else {
            parse_hash(hash.as_deref(), &mut notes)
        };
        let Collected {
            metadata,
            clashes,
            unmapped,
        } = if self.is_strict {
            self.strict_metadata(row)?
        } else {
            self.metadata.collect(row, &self.coverage)
        };
        let metadata = if is_blocked && context.blocked == BlockedPolicy::Keep {
            with_block(&metadata)
        } else {
            metadata
        };
        notes.metadata_case_clashes = clashes;
        notes.unmapped = unmapped;
        let name = |sources: &[Source]| first_text(sources, row).map_or_else(Box::default, |text| Box::from(&*text));
        Ok(ImportedUser {
            tenant,
            crid,
            email,
            first_name: name(&fields.first_name),
            last_name: name(&fields.last_name),
            verified: verified == Some(true),
            password_hash,
            hash_scheme,
            metadata,
            registered_at,
            changed_at,
            last_logout_at,
            notes,
        })
    }

    /// The first time that is in range; what is not is counted.
    fn time(
        &self,
        sources: &[Source],
        row: &Json<'_>,
        now: OffsetDateTime,
        (field, notes): (&'static str, &mut RowNotes),
    ) -> Option<OffsetDateTime> {
        let latest = now.saturating_add(Duration::DAY);
        let is_in_range = |moment: &OffsetDateTime| *moment >= OffsetDateTime::UNIX_EPOCH && *moment <= latest;
        let (mut is_out, mut is_unreadable) = (false, false);
        for source in sources {
            match source.time(row) {
                Some(TimeText::Moment(moment)) if self.is_strict || is_in_range(&moment) => return Some(moment),
                Some(TimeText::Moment(_)) => is_out = true,
                Some(TimeText::Unreadable) => is_unreadable = true,
                Some(TimeText::Unset) | None => {}
            }
        }
        if is_out {
            notes.dates_out_of_range.push(field);
        } else if is_unreadable {
            notes.dates_unreadable.push(field);
        }
        None
    }

    /// Columns that are true or false in every row: where they are not, a separator in an earlier value has moved the cells.
    fn check_columns(&self, row: &Json<'_>) -> Result<(), RejectedRow> {
        for column in &self.csv.booleans {
            let text = row.get(column).and_then(Json::text);
            let is_boolean = |text: &str| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
            if !text.is_some_and(is_boolean) {
                return Err(malformed(format!(
                    "{column} is neither true nor false: a separator in an earlier value has moved the cells"
                )));
            }
        }
        Ok(())
    }

    fn leave_out_unset(&self, row: &mut Json<'_>) {
        if let (false, Json::Object(members)) = (self.csv.unset.is_empty(), row) {
            members.retain(|(_, value)| {
                !value
                    .text()
                    .is_some_and(|text| self.csv.unset.iter().any(|unset| unset == text))
            });
        }
    }

    /// Of Masthead's own files: every field is known and of its type.
    fn check_strictly(&self, row: &Json<'_>, is_text: bool) -> Result<(), RejectedRow> {
        let wrong = |source: &Source, reason: &'static str| {
            let field = source.paths().next().map_or("", |path| path.as_str());
            rejected(Some(field), RejectCode::InvalidValue, reason)
        };
        if let Json::Object(members) = row {
            let mut names = HashSet::with_capacity(members.len());
            if let Some((name, _)) = members.iter().find(|(name, _)| !names.insert(&**name)) {
                let shown: String = name.chars().take(64).collect();
                return Err(rejected(Some(&shown), RejectCode::Malformed, "is given twice"));
            }
        }
        let fields = &self.fields;
        let texts = [
            &fields.tenant,
            &fields.id,
            &fields.email,
            &fields.first_name,
            &fields.last_name,
            &fields.password_hash,
            &fields.registered,
            &fields.changed,
            &fields.last_logout,
        ];
        for source in texts.into_iter().flatten() {
            if !matches!(source.value(row), None | Some(Json::Null | Json::Text(_))) {
                return Err(wrong(source, "must be a text"));
            }
        }
        for source in &fields.verified {
            // Spreadsheets write TRUE and FALSE.
            let is_word =
                |text: &str| is_text && ["", "true", "false"].iter().any(|word| word.eq_ignore_ascii_case(text));
            match source.value(row) {
                None | Some(Json::Null | Json::Bool(_)) => {}
                Some(Json::Text(text)) if is_word(text) => {}
                Some(_) => return Err(wrong(source, "must be true or false")),
            }
        }
        for source in [&fields.registered, &fields.changed, &fields.last_logout]
            .into_iter()
            .flatten()
        {
            if source.time(row) == Some(TimeText::Unreadable) {
                return Err(wrong(source, "must be a time as in RFC 3339"));
            }
        }
        Ok(())
    }

    /// Metadata as it was written: an empty value stays, and what cannot be stored rejects the row.
    fn strict_metadata(&self, row: &Json<'_>) -> Result<Collected, RejectedRow> {
        let invalid = |reason: String| rejected(Some("metadata"), RejectCode::InvalidValue, reason);
        let mut pairs = Vec::new();
        let mut unknown = None;
        self.coverage
            .uncovered(row, &mut |field| match (field.root, field.value) {
                (Some(_), value) => pairs.push((field.path.into_owned(), value)),
                (None, _) => unknown = Some(field.path.into_owned()),
            });
        if let Some(field) = unknown {
            let shown: String = field.chars().take(64).collect();
            return Err(rejected(Some(&shown), RejectCode::Malformed, "no field of the format"));
        }
        let mut texts = Vec::new();
        for (path, value) in pairs {
            let parsed;
            let value = match value {
                Json::Text(text) if path == "metadata" => {
                    parsed = Json::parse(text).map_err(|_| invalid("must be an object of texts".to_owned()))?;
                    &parsed
                }
                value => value,
            };
            match (path.strip_prefix("metadata."), value) {
                (None, Json::Object(members)) => {
                    for (key, value) in members {
                        match value {
                            Json::Text(value) => texts.push((key.to_string(), value.to_string())),
                            _ => return Err(invalid("must be an object of texts".to_owned())),
                        }
                    }
                }
                (Some(key), Json::Text(value)) => texts.push((key.to_owned(), value.to_string())),
                _ => return Err(invalid("must be an object of texts".to_owned())),
            }
        }
        let metadata = Metadata::new(texts).map_err(|error| invalid(error.to_string()))?;
        Ok(Collected {
            metadata,
            ..Collected::default()
        })
    }
}

/// The metadata with the key that refuses sign-in.
fn with_block(metadata: &Metadata) -> Metadata {
    let others = metadata.iter().filter(|(key, _)| !is_blocked_key(key));
    Metadata::from_valid(others.chain([(BLOCKED_KEY, "true")]))
}

fn first_text<'r>(sources: &[Source], row: &'r Json<'_>) -> Option<Cow<'r, str>> {
    sources.iter().find_map(|source| source.text(row))
}

fn rejected(field: Option<&str>, code: RejectCode, reason: impl Into<Box<str>>) -> RejectedRow {
    RejectedRow {
        field: field.map(Into::into),
        code,
        reason: reason.into(),
    }
}

/// The canonical hash and its scheme; why it is dropped is noted.
fn parse_hash(text: Option<&str>, notes: &mut RowNotes) -> (Option<PasswordHash>, Option<Box<str>>) {
    match text.map(parse_password_hash) {
        None => (None, None),
        Some(Ok(imported)) => (Some(imported.hash), Some(imported.scheme.into())),
        Some(Err(reason)) => {
            notes.unusable_hash = Some(UnusableHash(reason.to_string().into()));
            (None, None)
        }
    }
}
