//! The grammar of mapping files.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Layout {
    Ndjson,
    Json,
    Csv,
    Ldif,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ndjson => "NDJSON",
            Self::Json => "a JSON document",
            Self::Csv => "CSV",
            Self::Ldif => "LDIF",
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MappingToml {
    pub(super) name: String,
    /// For the documentation.
    #[serde(rename = "title")]
    _title: String,
    pub(super) formats: Vec<Layout>,
    #[serde(default)]
    pub(super) lists: Vec<String>,
    #[serde(default)]
    pub(super) document: Vec<String>,
    /// What is wrong with a document that has no list.
    pub(super) without_list: Option<String>,
    #[serde(default)]
    pub(super) strict: bool,
    #[serde(default)]
    pub(super) any_case: bool,
    #[serde(default)]
    pub(super) reads_file_name: bool,
    #[serde(default)]
    pub(super) csv: CsvToml,
    #[serde(default)]
    pub(super) detect: Vec<DetectToml>,
    pub(super) fields: FieldsToml,
    #[serde(default)]
    pub(super) metadata: MetadataToml,
    #[serde(default)]
    pub(super) blocked: Vec<ConditionToml>,
    #[serde(default)]
    pub(super) not_a_person: Vec<ConditionToml>,
    #[serde(default)]
    pub(super) no_hash: Vec<NoHashToml>,
    #[serde(default)]
    pub(super) ignored: Vec<String>,
}

/// Apostrophes that are put before texts so that a spreadsheet takes none for a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Apostrophes {
    /// Before every text of a file, or before none.
    Texts,
    /// Before those that would be formulas.
    Formulas,
}

/// How a CSV file is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CsvToml {
    /// Without one the columns are those below.
    pub(crate) header: bool,
    pub(crate) columns: Vec<String>,
    /// Without one it is found in the first line.
    pub(crate) separator: Option<char>,
    pub(crate) quotes: bool,
    pub(crate) escape: Option<char>,
    pub(crate) widths: Vec<usize>,
    /// Rows may have fewer cells than columns.
    pub(crate) flexible: bool,
    /// Cells of these texts are unset.
    pub(crate) unset: Vec<String>,
    /// A first line that begins so is passed over.
    pub(crate) skip_line: Option<String>,
    pub(crate) apostrophes: Option<Apostrophes>,
    /// Columns that are true or false in every row: others are shifted.
    pub(crate) booleans: Vec<String>,
}

impl Default for CsvToml {
    fn default() -> Self {
        Self {
            header: true,
            columns: Vec::new(),
            separator: None,
            quotes: true,
            escape: None,
            widths: Vec::new(),
            flexible: false,
            unset: Vec::new(),
            skip_line: None,
            apostrophes: None,
            booleans: Vec::new(),
        }
    }
}

/// The names of fields by which rows are recognised.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DetectToml {
    #[serde(default)]
    all: Vec<String>,
    #[serde(default)]
    any: Vec<String>,
    #[serde(default)]
    none: Vec<String>,
}

impl DetectToml {
    pub(super) fn fits(&self, has: impl Fn(&str) -> bool) -> bool {
        self.all.iter().all(|name| has(name))
            && (self.any.is_empty() || self.any.iter().any(|name| has(name)))
            && !self.none.iter().any(|name| has(name))
    }
}

impl fmt::Display for DetectToml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.all.join(", "))?;
        match (self.all.is_empty(), self.any.is_empty()) {
            (_, true) => Ok(()),
            (false, _) => write!(f, ", and one of {}", self.any.join(", ")),
            (true, _) => write!(f, "one of {}", self.any.join(", ")),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct FieldsToml {
    #[serde(default)]
    pub(super) tenant: Vec<SourceToml>,
    pub(super) id: Vec<SourceToml>,
    #[serde(default)]
    pub(super) email: Vec<SourceToml>,
    #[serde(default)]
    pub(super) verified: Vec<SourceToml>,
    #[serde(default)]
    pub(super) first_name: Vec<SourceToml>,
    #[serde(default)]
    pub(super) last_name: Vec<SourceToml>,
    #[serde(default)]
    pub(super) password_hash: Vec<SourceToml>,
    #[serde(default)]
    pub(super) date_registered: Vec<SourceToml>,
    #[serde(default)]
    pub(super) change_date: Vec<SourceToml>,
    #[serde(default)]
    pub(super) last_logout_date: Vec<SourceToml>,
}

/// A path, or a table with a path and what is done with its value.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SourceTable {
    pub(super) path: Option<String>,
    /// Year, month and day of a date.
    pub(super) parts: Option<[String; 3]>,
    /// Members of a JSON object: paths, or numbers as they are.
    pub(super) object: Option<BTreeMap<String, MemberToml>>,
    pub(super) prefix: Option<String>,
    pub(super) split: Option<char>,
    pub(super) unless: Vec<String>,
    pub(super) address: bool,
    pub(super) time: bool,
    pub(super) form: Option<String>,
    pub(super) listed_in: Option<String>,
    pub(super) date: bool,
    pub(super) replace: Option<[String; 2]>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum MemberToml {
    Number(u64),
    Path(String),
}

#[derive(Debug)]
pub(super) struct SourceToml(pub(super) SourceTable);

impl<'de> Deserialize<'de> for SourceToml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PathOrTable).map(Self)
    }
}

struct PathOrTable;

impl<'de> Visitor<'de> for PathOrTable {
    type Value = SourceTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, or a table with one")
    }

    fn visit_str<E>(self, path: &str) -> Result<SourceTable, E> {
        Ok(SourceTable {
            path: Some(path.to_owned()),
            ..SourceTable::default()
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SourceTable, A::Error> {
        SourceTable::deserialize(MapAccessDeserializer::new(map))
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MetadataToml {
    pub(super) roots: Vec<RootToml>,
    pub(super) keys: BTreeMap<String, Vec<SourceToml>>,
    pub(super) rename: BTreeMap<String, String>,
    pub(super) constants: Vec<ConstantToml>,
}

/// An object whose members become metadata.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RootToml {
    pub(super) path: String,
    /// What is put before each key.
    #[serde(default)]
    pub(super) prefix: String,
    /// Its value is a text of JSON, or an object.
    #[serde(default)]
    pub(super) json: bool,
    /// The members of an array's elements that hold key and value.
    pub(super) pairs: Option<[String; 2]>,
}

/// Metadata of rows that fulfil a condition.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConstantToml {
    pub(super) when: ConditionToml,
    pub(super) key: String,
    pub(super) value: String,
}

/// Why the hash of a row is left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoHashToml {
    pub(super) when: ConditionToml,
    /// For the report.
    pub(super) reason: String,
}

/// A condition: that the path has a value, or what it is.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConditionToml {
    pub(super) path: Option<String>,
    pub(super) is: Vec<String>,
    pub(super) lacks: Vec<String>,
    pub(super) starts: Option<String>,
    pub(super) contains: Option<String>,
    pub(super) absent: Vec<String>,
}
