//! Opening files, mapping their rows, and showing users as JSON.

use std::{
    io::{Cursor, Read, Write},
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use flate2::{Compression, Crc, write::DeflateEncoder, write::GzEncoder};
use masthead_credentials::{Argon2Cost, FirebaseKey, HashSecrets, HasherOptions, PooledHasher, TenantHashSecrets};
use masthead_domain::{
    email::Email,
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_imports::{
    BlockedPolicy, FormatChoice, ImportFile, ImportedUser, MapContext, Mapping, OpenFileError, RawRow, ReadOptions,
    RejectedRow,
};
use masthead_ports::passwords::{PasswordCheck, PasswordHash, PasswordHasher, PasswordMatch, PlainPassword};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::datetime};

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-29 12:00 UTC);

pub(crate) const CONTEXT: MapContext = MapContext {
    now: NOW,
    blocked: BlockedPolicy::Reject,
};

/// The sample of a vendor.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn named(format: &str) -> ReadOptions {
    ReadOptions {
        format: FormatChoice::Named(format.into()),
        ..ReadOptions::default()
    }
}

pub(crate) fn mapped_by(toml: &str) -> ReadOptions {
    ReadOptions {
        mapping: Some(Arc::new(Mapping::parse(toml).unwrap())),
        ..ReadOptions::default()
    }
}

pub(crate) fn open(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Result<ImportFile, OpenFileError> {
    ImportFile::open(Box::new(Cursor::new(bytes.as_ref().to_vec())), options)
}

/// Why the file is refused.
pub(crate) fn refusal(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> String {
    match open(bytes, options) {
        Ok(file) => panic!("taken as {}", file.mapping().name()),
        Err(error) => error.to_string(),
    }
}

/// Every row of a file with what it is mapped to.
pub(crate) fn read(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Vec<(RawRow, Result<ImportedUser, RejectedRow>)> {
    let mut file = open(bytes, options).unwrap_or_else(|error| panic!("{error}"));
    let mapping = file.mapping();
    let mut rows = Vec::new();
    while let Some(row) = file.next_row().unwrap_or_else(|error| panic!("{error}")) {
        let mapped = mapping.map(&row, &CONTEXT);
        rows.push((row, mapped));
    }
    rows
}

/// What the rows of a file are mapped to: users as JSON, and rejections as text.
pub(crate) fn mapped(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Vec<Value> {
    let rows = read(bytes, options).into_iter();
    rows.map(|(row, mapped)| match mapped {
        Ok(user) => shown(&user),
        Err(rejected) => json!({
            "line": row.line, "code": rejected.code.name(), "field": rejected.field, "reason": rejected.reason,
        }),
    })
    .collect()
}

/// What the only row is mapped to, which is read as a format.
pub(crate) fn one(format: &str, row: &Value) -> Value {
    let rows = mapped(row.to_string(), &named(format));
    let [only] = <[Value; 1]>::try_from(rows).unwrap();
    only
}

/// A user as JSON, with the fields that are set and the notes that there are.
pub(crate) fn shown(user: &ImportedUser) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() && value != json!("") && value != json!(false) && value != json!({}) && value != json!([]) {
            fields.insert(name.to_owned(), value);
        }
    };
    let time = |moment: Option<OffsetDateTime>| json!(moment.map(|moment| moment.format(&Rfc3339).unwrap()));
    put("tenant", json!(user.tenant.as_ref().map(TenantId::as_str)));
    put("id", json!(user.crid.as_str()));
    put("email", json!(user.email.as_ref().map(Email::as_str)));
    put("firstName", json!(user.first_name));
    put("lastName", json!(user.last_name));
    put("verified", json!(user.verified));
    put("hash", json!(user.password_hash.as_ref().map(PasswordHash::expose)));
    put("scheme", json!(user.hash_scheme));
    let metadata = user.metadata.iter().map(|(key, value)| (key.to_owned(), json!(value)));
    put("metadata", Value::Object(metadata.collect()));
    put("registered", time(user.registered_at));
    put("changed", time(user.changed_at));
    put("lastLogout", time(user.last_logout_at));
    let notes = &user.notes;
    put("verifiedMissing", json!(notes.verified_missing));
    put("unusable", json!(notes.unusable_hash.as_ref().map(|reason| &reason.0)));
    put("outOfRange", json!(notes.dates_out_of_range));
    put("unreadable", json!(notes.dates_unreadable));
    put("unmapped", json!(notes.unmapped));
    if notes.metadata_case_clashes > 0 {
        put("clashes", json!(notes.metadata_case_clashes));
    }
    Value::Object(fields)
}

/// Whether a canonical hash is that of the password.
pub(crate) async fn is_password(hash: &str, password: &str) -> bool {
    let options = HasherOptions {
        threads: NonZeroUsize::MIN,
        memory_kib: 262_144,
        queue: 16,
        niceness: 0,
        cost: Argon2Cost {
            memory_kib: 1024,
            iterations: 1,
            parallelism: 1,
        },
    };
    let hasher = PooledHasher::start(options, Arc::new(FirebaseProject)).unwrap();
    let tenant = Tenant {
        id: TenantId::parse("north/daily/herald").unwrap(),
        pool: PoolId(1),
        settings: TenantSettings {
            sign_in_floor: Some(Duration::ZERO),
            ..TenantSettings::default()
        },
    };
    let check = PasswordCheck {
        tenant: &tenant,
        password: &PlainPassword::new(password),
        stored: Some(&PasswordHash::from_stored(hash)),
    };
    let checked = hasher.verify(check, Instant::now() + Duration::from_mins(1)).await;
    matches!(checked.unwrap(), PasswordMatch::Yes { .. })
}

/// The keys of the project whose users are in the sample (firebase/scrypt README).
struct FirebaseProject;

impl TenantHashSecrets for FirebaseProject {
    fn for_tenant(&self, _: &Tenant) -> HashSecrets {
        use base64::prelude::{BASE64_STANDARD, Engine};

        let signer_key = "AMR0UkjI18FXF+LH6yrjKmsgWgWsOEqglr8yzj4S/eGiLL/9820YKY08WmGYGd9kH+ObgUpyEO4tJIrkqkzbAg==";
        HashSecrets {
            firebase: Some(FirebaseKey {
                signer_key: BASE64_STANDARD.decode(signer_key).unwrap().into(),
                salt_separator: vec![7],
            }),
            pepper: None,
        }
    }
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    compress_to_vec(bytes.as_ref(), CompressionLevel::Fastest)
}

/// How a member of an archive is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zipped {
    Stored,
    Deflated,
    /// As programs write that cannot seek back.
    WithDescriptor,
}

/// A zip archive with these members, and its directory.
pub(crate) fn zip(members: &[(&str, &[u8])], how: Zipped) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in members {
        let mut crc = Crc::new();
        crc.update(content);
        let data = if how == Zipped::Stored {
            content.to_vec()
        } else {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        };
        let (method, flags) = match how {
            Zipped::Stored => (0_u16, 0_u16),
            Zipped::Deflated => (8, 0),
            Zipped::WithDescriptor => (8, 8),
        };
        let sizes = [
            crc.sum(),
            u32::try_from(data.len()).unwrap(),
            u32::try_from(content.len()).unwrap(),
        ];
        let sizes: Vec<u8> = sizes.iter().flat_map(|number| number.to_le_bytes()).collect();
        archive.extend(b"PK\x03\x04\x14\x00");
        archive.extend(flags.to_le_bytes());
        archive.extend(method.to_le_bytes());
        archive.extend([0; 4]);
        archive.extend(if how == Zipped::WithDescriptor {
            vec![0; 12]
        } else {
            sizes.clone()
        });
        archive.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        archive.extend([0; 2]);
        archive.extend(name.as_bytes());
        archive.extend(data);
        if how == Zipped::WithDescriptor {
            archive.extend(b"PK\x07\x08");
            archive.extend(sizes);
        }
    }
    archive.extend(b"PK\x05\x06");
    archive.extend([0; 18]);
    archive
}

/// The same bytes again and again, without memory for them.
pub(crate) struct Repeated {
    pub(crate) start: &'static [u8],
    pub(crate) part: &'static [u8],
    pub(crate) times: u64,
    pub(crate) end: &'static [u8],
}

impl Repeated {
    pub(crate) fn into_reader(self) -> Box<dyn Read + Send> {
        let parts = (0..self.times).map(move |_| self.part);
        let middle = Parts {
            parts: Box::new(parts),
            current: &[],
        };
        Box::new(self.start.chain(middle).chain(self.end))
    }
}

struct Parts {
    parts: Box<dyn Iterator<Item = &'static [u8]> + Send>,
    current: &'static [u8],
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.current.is_empty() {
            self.current = self.parts.next().unwrap_or_default();
        }
        self.current.read(buffer)
    }
}
