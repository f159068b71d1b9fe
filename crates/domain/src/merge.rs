//! Merges the two accounts of one user, field by field, by a precedence table that a tenant can override.

use std::collections::BTreeMap;

use crate::{
    account::Account,
    answer::Provenance,
    metadata::{Metadata, fold_case},
};

/// One of the two sources of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// The identity provider.
    Provider,
    /// The registrations of our store.
    Store,
}

/// The field precedence of contract §2.2: the source that wins where both have a value. An empty value never hides a filled
/// one. `metadata.*` means every key that is not listed.
pub const PRECEDENCE: [(&str, SourceKind); 6] = [
    ("email", SourceKind::Provider),
    ("firstName", SourceKind::Provider),
    ("lastName", SourceKind::Provider),
    ("metadata.photo", SourceKind::Provider),
    ("metadata.displayName", SourceKind::Provider),
    ("metadata.*", SourceKind::Store),
];

/// The precedence of a tenant: [`PRECEDENCE`] with overrides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Precedence {
    overrides: BTreeMap<Box<str>, SourceKind>,
}

/// An override of a field that cannot be overridden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be email, firstName, lastName or metadata.KEY")]
pub struct PrecedenceError;

impl Precedence {
    /// Sets the winner of a field: one of [`PRECEDENCE`] or any `metadata.{key}`.
    ///
    /// # Errors
    /// There is no such field.
    pub fn set(&mut self, field: &str, side: SourceKind) -> Result<(), PrecedenceError> {
        let known = PRECEDENCE.iter().any(|(name, _)| *name == field);
        let custom = field.strip_prefix("metadata.").is_some_and(|key| !key.is_empty());
        if !(known || custom) {
            return Err(PrecedenceError);
        }
        self.overrides.insert(field.into(), side);
        Ok(())
    }

    /// A text that is equal for two precedences only if they decide equally; it identifies stored merges.
    #[must_use]
    pub fn canonical(&self) -> String {
        let word = |side| match side {
            SourceKind::Provider => "provider",
            SourceKind::Store => "store",
        };
        let overrides = self.overrides.iter().filter(|(field, side)| {
            !PRECEDENCE
                .iter()
                .any(|(known, default)| **known == ***field && default == *side)
        });
        let texts: Vec<_> = overrides
            .map(|(field, side)| format!("{field}={}", word(*side)))
            .collect();
        texts.join("\n")
    }

    /// Parses the text of [`Precedence::canonical`].
    ///
    /// # Errors
    /// A line has no such field, or no such source.
    pub fn from_canonical(text: &str) -> Result<Self, PrecedenceError> {
        let mut precedence = Self::default();
        for line in text.lines() {
            let (field, side) = match line.rsplit_once('=') {
                Some((field, "provider")) => (field, SourceKind::Provider),
                Some((field, "store")) => (field, SourceKind::Store),
                _ => return Err(PrecedenceError),
            };
            precedence.set(field, side)?;
        }
        Ok(precedence)
    }

    /// The winner of this field.
    #[must_use]
    pub fn winner(&self, field: &str) -> SourceKind {
        let named = |name: &str| {
            self.overrides.get(name).copied().or_else(|| {
                PRECEDENCE
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, side)| *side)
            })
        };
        named(field)
            .or_else(|| named("metadata.*"))
            .unwrap_or(SourceKind::Store)
    }
}

/// The names of the two sources in provenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceNames {
    /// The provider's.
    pub provider: &'static str,
    /// The store's.
    pub store: &'static str,
}

impl SourceNames {
    const fn name_of(self, side: SourceKind) -> &'static str {
        match side {
            SourceKind::Provider => self.provider,
            SourceKind::Store => self.store,
        }
    }
}

/// Merges two accounts of one user, and lists the source of every filled field.
///
/// The id is taken from the provider, which issued it; the registration number, password and log-out from the store. The
/// verification belongs to the address in the result.
#[must_use]
pub fn merge(
    provider: &Account,
    store: &Account,
    precedence: &Precedence,
    names: SourceNames,
) -> (Account, Vec<Provenance>) {
    let mut provenance = Vec::new();
    let mut add_source = |field: &str, side: SourceKind| {
        provenance.push(Provenance {
            field: field.into(),
            source: names.name_of(side),
        });
    };

    add_source("customerRegistrationId", SourceKind::Provider);
    let (email, email_side) = pick(
        precedence.winner("email"),
        provider.email.as_ref(),
        store.email.as_ref(),
    );
    if let Some(side) = email_side {
        add_source("email", side);
    }
    let (verified, verified_side) = verification(provider, store, email_side);
    if let Some(side) = verified_side {
        add_source("verified", side);
    }
    let mut name = |field: &str, provider: &str, store: &str| {
        let (value, side) = pick(precedence.winner(field), filled(provider), filled(store));
        if let Some(side) = side {
            add_source(field, side);
        }
        value.unwrap_or_default().into()
    };
    let first_name = name("firstName", &provider.first_name, &store.first_name);
    let last_name = name("lastName", &provider.last_name, &store.last_name);
    let metadata = merged_metadata(&provider.metadata, &store.metadata, precedence, &mut add_source);

    let account = Account {
        crid: provider.crid.clone(),
        registration_id: store.registration_id,
        email: email.cloned(),
        first_name,
        last_name,
        verified,
        has_password: store.has_password,
        metadata,
        registered_at: store.registered_at.or(provider.registered_at),
        changed_at: store.changed_at.max(provider.changed_at),
        last_logout_at: store.last_logout_at.or(provider.last_logout_at),
    };
    (account, provenance)
}

/// Lists this source for every filled field of an account.
#[must_use]
pub fn sole_provenance(account: &Account, source: &'static str) -> Vec<Provenance> {
    let filled_fields = [
        ("customerRegistrationId", true),
        ("email", account.email.is_some()),
        ("verified", account.verified.is_some()),
        ("firstName", !account.first_name.is_empty()),
        ("lastName", !account.last_name.is_empty()),
    ];
    let metadata = account.metadata.iter().filter(|(_, value)| !value.is_empty());
    filled_fields
        .into_iter()
        .filter(|(_, is_filled)| *is_filled)
        .map(|(field, _)| field.into())
        .chain(metadata.map(|(key, _)| format!("metadata.{key}").into()))
        .map(|field| Provenance { field, source })
        .collect()
}

fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The value of the winner, or of the other source if the winner has none.
fn pick<T>(winner: SourceKind, provider: Option<T>, store: Option<T>) -> (Option<T>, Option<SourceKind>) {
    match (winner, provider, store) {
        (SourceKind::Provider, Some(provider), _) | (SourceKind::Store, Some(provider), None) => {
            (Some(provider), Some(SourceKind::Provider))
        }
        (SourceKind::Store, _, Some(store)) | (SourceKind::Provider, None, Some(store)) => {
            (Some(store), Some(SourceKind::Store))
        }
        (_, None, None) => (None, None),
    }
}

/// Picks the verification: that of the source whose address is in the result; that of the other source only for the same
/// address.
fn verification(
    provider: &Account,
    store: &Account,
    email_side: Option<SourceKind>,
) -> (Option<bool>, Option<SourceKind>) {
    let same_address = match (&provider.email, &store.email) {
        (Some(provider), Some(store)) => provider.key() == store.key(),
        (None, _) | (_, None) => true,
    };
    let store_counts = email_side == Some(SourceKind::Store) || same_address;
    let provider_counts = email_side != Some(SourceKind::Store) || same_address;
    pick(
        email_side.unwrap_or(SourceKind::Provider),
        provider.verified.filter(|_| provider_counts),
        store.verified.filter(|_| store_counts),
    )
}

/// A key in the spelling of one source, and its value.
type SpelledPair<'a> = (&'a str, &'a str);

fn merged_metadata(
    provider: &Metadata,
    store: &Metadata,
    precedence: &Precedence,
    add_source: &mut impl FnMut(&str, SourceKind),
) -> Metadata {
    // By folded key: the sources may spell a key differently, and no result has two keys that differ only in case.
    let mut values: BTreeMap<String, (Option<SpelledPair<'_>>, Option<SpelledPair<'_>>)> = BTreeMap::new();
    for (key, value) in provider.iter() {
        values.entry(fold_case(key)).or_default().0 = Some((key, value));
    }
    for (key, value) in store.iter() {
        values.entry(fold_case(key)).or_default().1 = Some((key, value));
    }
    let has_value = |pair: Option<SpelledPair<'_>>| pair.is_some_and(|(_, value)| !value.is_empty());
    let mut pairs = Vec::with_capacity(values.len());
    for (provider, store) in values.into_values() {
        // Callers know the spelling of the store.
        let Some(key) = store.or(provider).map(|(key, _)| key) else {
            continue;
        };
        let field = format!("metadata.{key}");
        let (value, side) = pick(
            precedence.winner(&field),
            provider.filter(|_| has_value(provider)),
            store.filter(|_| has_value(store)),
        );
        if let Some(side) = side {
            add_source(&field, side);
        }
        pairs.push((key.to_owned(), value.map_or("", |(_, value)| value).to_owned()));
    }
    Metadata::from_valid(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{customer_registration_id::CustomerRegistrationId, email::Email};
    use proptest::prelude::*;

    const NAMES: SourceNames = SourceNames {
        provider: "Auth0",
        store: "Subscribe",
    };

    fn account(email: Option<&str>, verified: Option<bool>, first: &str, pairs: &[(&str, &str)]) -> Account {
        Account {
            email: email.map(|text| Email::parse(text).unwrap()),
            verified,
            first_name: first.into(),
            metadata: Metadata::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))).unwrap(),
            ..Account::new(CustomerRegistrationId::parse("auth0|7").unwrap())
        }
    }

    #[test]
    fn docs_list_the_precedence() {
        let docs = include_str!("../../../docs/architecture.md");
        let name = |side| match side {
            SourceKind::Provider => "provider",
            SourceKind::Store => "store",
        };
        let rows: Vec<_> = PRECEDENCE
            .iter()
            .map(|(field, side)| format!("| {field} | {} |", name(*side)))
            .collect();
        let table = rows.join("\n");
        assert!(docs.contains(&table), "docs/architecture.md should hold:\n{table}");
    }

    fn source_of<'a>(provenance: &'a [Provenance], field: &str) -> Option<&'a str> {
        provenance.iter().find(|p| &*p.field == field).map(|p| p.source)
    }

    #[test]
    fn provider_wins_identity_and_store_wins_newspaper_fields() {
        let provider = account(
            Some("new@example.com"),
            Some(true),
            "Ann",
            &[
                ("photo", "provider.png"),
                ("city", "Bergen"),
                ("promo_flag", "N"),
                ("nickname", "annie"),
            ],
        );
        let store = account(
            Some("old@example.com"),
            Some(false),
            "Anna",
            &[
                ("photo", "store.png"),
                ("city", "Oslo"),
                ("promo_flag", "Y"),
                ("subscription", "gold"),
            ],
        );
        let (merged, provenance) = merge(&provider, &store, &Precedence::default(), NAMES);
        assert_eq!(merged.email, provider.email);
        assert_eq!(merged.verified, Some(true));
        assert_eq!(&*merged.first_name, "Ann");
        for (key, value, source) in [
            ("photo", "provider.png", "Auth0"),
            ("city", "Oslo", "Subscribe"),
            ("promo_flag", "Y", "Subscribe"),
            ("subscription", "gold", "Subscribe"),
            ("nickname", "annie", "Auth0"),
        ] {
            assert_eq!(merged.metadata.get(key), Some(value));
            assert_eq!(
                source_of(&provenance, &format!("metadata.{key}")),
                Some(source),
                "{key}"
            );
        }
    }

    #[test]
    fn empty_value_never_hides_filled_one() {
        let provider = account(None, None, "", &[("photo", ""), ("city", "Bergen")]);
        let store = account(
            Some("ann@example.com"),
            Some(true),
            "Ann",
            &[("photo", "store.png"), ("city", "")],
        );
        let (merged, provenance) = merge(&provider, &store, &Precedence::default(), NAMES);
        assert_eq!((merged.email, merged.verified), (store.email, Some(true)));
        assert_eq!(&*merged.first_name, "Ann");
        assert_eq!(merged.metadata.get("photo"), Some("store.png"));
        assert_eq!(merged.metadata.get("city"), Some("Bergen"));
        assert_eq!(source_of(&provenance, "metadata.city"), Some("Auth0"));
    }

    #[test]
    fn verification_of_another_address_is_ignored() {
        let provider = account(Some("new@example.com"), None, "", &[]);
        let store = account(Some("old@example.com"), Some(true), "", &[]);
        assert_eq!(merge(&provider, &store, &Precedence::default(), NAMES).0.verified, None);
        let store = account(Some("NEW@example.com"), Some(true), "", &[]);
        assert_eq!(
            merge(&provider, &store, &Precedence::default(), NAMES).0.verified,
            Some(true)
        );
    }

    #[test]
    fn tenant_can_override_precedence() {
        let mut precedence = Precedence::default();
        precedence.set("firstName", SourceKind::Store).unwrap();
        precedence.set("metadata.city", SourceKind::Provider).unwrap();
        assert_eq!(precedence.set("password", SourceKind::Store), Err(PrecedenceError));
        let provider = account(None, None, "Ann", &[("city", "Bergen"), ("country", "NO")]);
        let store = account(None, None, "Anna", &[("city", "Oslo"), ("country", "SE")]);
        let (merged, _) = merge(&provider, &store, &precedence, NAMES);
        assert_eq!(&*merged.first_name, "Anna");
        assert_eq!(merged.metadata.get("city"), Some("Bergen"));
        assert_eq!(merged.metadata.get("country"), Some("SE"));
    }

    #[test]
    fn equal_precedences_have_equal_text() {
        let mut spelt_out = Precedence::default();
        spelt_out.set("email", SourceKind::Provider).unwrap();
        assert_eq!(spelt_out.canonical(), Precedence::default().canonical());
        spelt_out.set("email", SourceKind::Store).unwrap();
        spelt_out.set("metadata.city", SourceKind::Provider).unwrap();
        assert_eq!(spelt_out.canonical(), "email=store\nmetadata.city=provider");
        assert_eq!(Precedence::from_canonical(&spelt_out.canonical()), Ok(spelt_out));
        assert_eq!(Precedence::from_canonical("email=neither"), Err(PrecedenceError));
    }

    fn any_account() -> impl Strategy<Value = Account> {
        let email = prop::option::of(prop::sample::select(vec!["a@example.com", "b@example.com"]));
        let name = prop::sample::select(vec!["", "Ann", "Bo"]);
        let keys = prop::sample::select(vec!["photo", "city", "City", "promo_flag", "club", "displayName"]);
        let pairs = prop::collection::btree_map(keys, prop::sample::select(vec!["", "x", "y"]), 0..5);
        (email, prop::option::of(any::<bool>()), name, pairs).prop_filter_map(
            "keys differ",
            |(email, verified, name, pairs)| {
                let pairs: Vec<_> = pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
                Some(Account {
                    email: email.map(|text| Email::parse(text).unwrap()),
                    verified,
                    first_name: name.into(),
                    metadata: Metadata::new(pairs).ok()?,
                    ..Account::new(CustomerRegistrationId::parse("7").unwrap())
                })
            },
        )
    }

    /// The filled published fields of an account.
    fn fields(account: &Account) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::from([
            (
                "email".to_owned(),
                account.email.as_ref().map_or("", |e| e.as_str()).to_owned(),
            ),
            (
                "verified".to_owned(),
                account.verified.map_or(String::new(), |v| v.to_string()),
            ),
            ("firstName".to_owned(), account.first_name.to_string()),
        ]);
        fields.extend(
            account
                .metadata
                .iter()
                .map(|(k, v)| (format!("metadata.{}", fold_case(k)), v.to_owned())),
        );
        fields.retain(|_, value| !value.is_empty());
        fields
    }

    proptest! {
        #[test]
        fn merging_account_with_itself_is_identity(account in any_account()) {
            let (merged, _) = merge(&account, &account, &Precedence::default(), NAMES);
            prop_assert_eq!(merged, account);
        }

        #[test]
        fn merge_is_idempotent(provider in any_account(), store in any_account()) {
            let (once, _) = merge(&provider, &store, &Precedence::default(), NAMES);
            let (twice, _) = merge(&provider, &once, &Precedence::default(), NAMES);
            prop_assert_eq!(fields(&twice), fields(&once));
        }

        #[test]
        fn every_field_has_correct_provenance(provider in any_account(), store in any_account()) {
            let (merged, provenance) = merge(&provider, &store, &Precedence::default(), NAMES);
            let merged = fields(&merged);
            for (field, value) in &merged {
                let sources: Vec<_> = provenance.iter().filter(|p| fold_case(&p.field) == fold_case(field)).collect();
                prop_assert_eq!(sources.len(), 1, "{}", field);
                let side = if sources[0].source == "Auth0" { fields(&provider) } else { fields(&store) };
                prop_assert_eq!(side.get(field), Some(value));
            }
        }

        #[test]
        fn merge_loses_no_field(provider in any_account(), store in any_account()) {
            let (merged, _) = merge(&provider, &store, &Precedence::default(), NAMES);
            let merged = fields(&merged);
            for field in fields(&provider).keys().chain(fields(&store).keys()).filter(|field| *field != "verified") {
                prop_assert!(merged.contains_key(field), "{} is lost", field);
            }
        }
    }
}
