//! Mapping files: which field of a file becomes which field of Masthead. A vendor is data; docs/moving-in.md has the grammar.

mod condition;
mod coverage;
mod document;
mod error;
mod metadata;
mod path;
mod shipped;
mod source;
mod user;

use std::fmt;

pub(crate) use document::{Apostrophes, CsvToml, Layout};
pub use error::MappingFileError;
pub(crate) use shipped::all as all_shipped;

use self::{
    condition::Condition,
    coverage::Coverage,
    document::{DetectToml, MappingToml},
    error::invalid,
    metadata::MetadataRules,
    source::Source,
};

/// What can be done with the value of a field that is a text.
const TEXT: &[&str] = &["prefix", "split", "unless", "address"];

/// A mapping file, ready to map rows.
pub struct Mapping {
    name: Box<str>,
    layouts: Vec<Layout>,
    lists: Vec<Box<str>>,
    document_keys: Vec<Box<str>>,
    without_list: Option<String>,
    csv: CsvToml,
    detect: Vec<DetectToml>,
    is_strict: bool,
    reads_file_name: bool,
    fields: Fields,
    metadata: MetadataRules,
    blocked: Vec<Condition>,
    not_a_person: Vec<Condition>,
    /// Why the hash is left out, by condition.
    no_hash: Vec<(Condition, Box<str>)>,
    coverage: Coverage,
}

/// Where each field comes from: the first source that has a value.
struct Fields {
    tenant: Vec<Source>,
    id: Vec<Source>,
    email: Vec<Source>,
    verified: Vec<Source>,
    first_name: Vec<Source>,
    last_name: Vec<Source>,
    password_hash: Vec<Source>,
    registered: Vec<Source>,
    changed: Vec<Source>,
    last_logout: Vec<Source>,
}

impl Mapping {
    /// Parses a mapping file.
    ///
    /// # Errors
    /// It is not of the grammar; the error names the place.
    pub fn parse(text: &str) -> Result<Self, MappingFileError> {
        let toml: MappingToml = toml::from_str(text).map_err(|error| MappingFileError::Toml(error.to_string()))?;
        Self::compile(toml)
    }

    fn compile(toml: MappingToml) -> Result<Self, MappingFileError> {
        if toml.formats.is_empty() {
            return Err(invalid("formats", "at least one of ndjson, json, csv, ldif"));
        }
        let any_case = toml.any_case;
        let sources = |field: &'static str, list: Vec<document::SourceToml>, allowed: &[&str]| {
            let compiled = list
                .into_iter()
                .map(|source| Source::compile(source, allowed, any_case));
            let compiled: Result<Vec<_>, _> = compiled.collect();
            compiled.map_err(|reason| invalid(&format!("fields.{field}"), reason))
        };
        let from = toml.fields;
        let fields = Fields {
            tenant: sources("tenant", from.tenant, TEXT)?,
            id: sources("id", from.id, TEXT)?,
            email: sources("email", from.email, TEXT)?,
            verified: sources("verified", from.verified, &["listed_in", "date"])?,
            first_name: sources("firstName", from.first_name, TEXT)?,
            last_name: sources("lastName", from.last_name, TEXT)?,
            password_hash: sources("passwordHash", from.password_hash, &["object"])?,
            registered: sources("dateRegistered", from.date_registered, &["form"])?,
            changed: sources("changeDate", from.change_date, &["form"])?,
            last_logout: sources("lastLogoutDate", from.last_logout_date, &["form"])?,
        };
        if fields.id.is_empty() {
            return Err(invalid("fields.id", "at least one source"));
        }
        let conditions = |place: &str, list: Vec<document::ConditionToml>| {
            let compiled = list
                .into_iter()
                .map(|condition| Condition::compile(condition, any_case));
            let compiled: Result<Vec<_>, _> = compiled.collect();
            compiled.map_err(|reason| invalid(place, reason))
        };
        let blocked = conditions("blocked", toml.blocked)?;
        let not_a_person = conditions("not_a_person", toml.not_a_person)?;
        let mut no_hash = Vec::new();
        for document::NoHashToml { when, reason } in toml.no_hash {
            let when = Condition::compile(when, any_case).map_err(|reason| invalid("no_hash", reason))?;
            no_hash.push((when, reason.into_boxed_str()));
        }
        let metadata = MetadataRules::compile(toml.metadata, any_case)?;
        let mut coverage = Coverage::new(any_case);
        let all = [
            &fields.tenant,
            &fields.id,
            &fields.email,
            &fields.verified,
            &fields.first_name,
            &fields.last_name,
            &fields.password_hash,
            &fields.registered,
            &fields.changed,
            &fields.last_logout,
        ];
        let read = all.into_iter().flatten().flat_map(Source::paths);
        let tested = [&blocked, &not_a_person].into_iter().flatten();
        let tested = tested
            .chain(no_hash.iter().map(|(when, _)| when))
            .flat_map(Condition::paths);
        for path in read.chain(tested).chain(metadata.paths()) {
            coverage.add_read(path);
        }
        for ignored in &toml.ignored {
            coverage.add_ignored(ignored);
        }
        coverage.add_ignored(FILE_NAME);
        for (number, root) in metadata.roots().enumerate() {
            coverage.add_root(root, number);
        }
        let texts = |list: Vec<String>| list.into_iter().map(String::into_boxed_str).collect();
        Ok(Self {
            name: toml.name.into(),
            layouts: toml.formats,
            lists: texts(toml.lists),
            document_keys: texts(toml.document),
            without_list: toml.without_list,
            csv: toml.csv,
            detect: toml.detect,
            is_strict: toml.strict,
            reads_file_name: toml.reads_file_name,
            fields,
            metadata,
            blocked,
            not_a_person,
            no_hash,
            coverage,
        })
    }

    /// The name, as in `--from`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The forms that files of this mapping have.
    pub(crate) fn layouts(&self) -> &[Layout] {
        &self.layouts
    }

    /// The paths of the list in a JSON document.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().map(|list| &**list)
    }

    /// Names of members by which a JSON document is recognised before its list begins.
    pub(crate) fn document_keys(&self) -> impl Iterator<Item = &str> {
        self.document_keys.iter().map(|key| &**key)
    }

    /// What is wrong with a document that has no list.
    pub(crate) fn without_list(&self) -> Option<&str> {
        self.without_list.as_deref()
    }

    /// How its CSV files are read.
    pub(crate) const fn csv(&self) -> &CsvToml {
        &self.csv
    }

    /// Whether rows with fields of these names are of this mapping.
    pub(crate) fn fits(&self, has: impl Fn(&str) -> bool) -> bool {
        self.detect.iter().any(|one| one.fits(&has))
    }

    /// Whether the mapping states how its rows are recognised.
    pub(crate) fn has_signature(&self) -> bool {
        !self.detect.is_empty()
    }

    /// What its rows have, for people.
    pub(crate) fn signature(&self) -> String {
        let alternatives: Vec<String> = self.detect.iter().map(ToString::to_string).collect();
        alternatives.join("; or ")
    }

    /// The paths of the id.
    pub(crate) fn id_paths(&self) -> impl Iterator<Item = &str> {
        self.fields.id.iter().flat_map(Source::paths).map(path::Path::as_str)
    }
}

/// The name of the file, as a field that conditions may test.
const FILE_NAME: &str = "@file";

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping({})", self.name)
    }
}
