//! Merging what a provider and our store know of one user: field by field, by a table that a tenant may override.

use std::collections::BTreeMap;

use crate::{
    account::Account,
    answer::Provenance,
    metadata::{Metadata, fold_case},
};

/// One of the two sides of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// The outside identity provider.
    Provider,
    /// Our own registrations.
    Store,
}

/// The field precedence of contract §2.2: who wins where both sides have a value. An empty value never hides a filled
/// one. `metadata.*` stands for every key that is not named.
pub const PRECEDENCE: [(&str, SourceKind); 6] = [
    ("email", SourceKind::Provider),
    ("firstName", SourceKind::Provider),
    ("lastName", SourceKind::Provider),
    ("metadata.photo", SourceKind::Provider),
    ("metadata.displayName", SourceKind::Provider),
    ("metadata.*", SourceKind::Store),
];

/// A tenant's precedence: [`PRECEDENCE`] and what it overrides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Precedence {
    overrides: BTreeMap<Box<str>, SourceKind>,
}

/// An override names a field that cannot be overridden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be email, firstName, lastName or metadata.KEY")]
pub struct PrecedenceError;

impl Precedence {
    /// Lets the side win for the field: one of [`PRECEDENCE`] or any `metadata.{key}`.
    ///
    /// # Errors
    /// The name is no such field.
    pub fn set(&mut self, field: &str, side: SourceKind) -> Result<(), PrecedenceError> {
        let known = PRECEDENCE.iter().any(|(name, _)| *name == field);
        let custom = field.strip_prefix("metadata.").is_some_and(|key| !key.is_empty());
        if !(known || custom) {
            return Err(PrecedenceError);
        }
        self.overrides.insert(field.into(), side);
        Ok(())
    }

    /// A text that two precedences share only when they decide alike; what a merge that is kept is known by.
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

    /// Reads what [`Precedence::canonical`] wrote.
    ///
    /// # Errors
    /// A line names no such field, or no side.
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

    /// Who wins for this field.
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

/// The names by which the two sides are told in provenance.
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

/// Merges two accounts of one user, and says of every filled field where it came from.
///
/// The id is the provider's, who issued it; the registration's number, password and log-out are the store's. The
/// verification goes with the address that it verifies.
#[must_use]
pub fn merge(
    theirs: &Account,
    ours: &Account,
    precedence: &Precedence,
    names: SourceNames,
) -> (Account, Vec<Provenance>) {
    let mut provenance = Vec::new();
    let mut told = |field: &str, side: SourceKind| {
        provenance.push(Provenance {
            field: field.into(),
            source: names.name_of(side),
        });
    };

    told("customerRegistrationId", SourceKind::Provider);
    let (email, email_side) = pick(precedence.winner("email"), theirs.email.as_ref(), ours.email.as_ref());
    if let Some(side) = email_side {
        told("email", side);
    }
    let (verified, verified_side) = verification(theirs, ours, email_side);
    if let Some(side) = verified_side {
        told("verified", side);
    }
    let mut name = |field: &str, theirs: &str, ours: &str| {
        let (value, side) = pick(precedence.winner(field), filled(theirs), filled(ours));
        if let Some(side) = side {
            told(field, side);
        }
        value.unwrap_or_default().into()
    };
    let first_name = name("firstName", &theirs.first_name, &ours.first_name);
    let last_name = name("lastName", &theirs.last_name, &ours.last_name);
    let metadata = merged_metadata(&theirs.metadata, &ours.metadata, precedence, &mut told);

    let account = Account {
        crid: theirs.crid.clone(),
        registration_id: ours.registration_id,
        email: email.cloned(),
        first_name,
        last_name,
        verified,
        has_password: ours.has_password,
        metadata,
        registered_at: ours.registered_at.or(theirs.registered_at),
        changed_at: ours.changed_at.max(theirs.changed_at),
        last_logout_at: ours.last_logout_at.or(theirs.last_logout_at),
    };
    (account, provenance)
}

/// Says of every filled field of an account that this one source gave it.
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

/// The winner's value, or the other's where the winner has none.
fn pick<T>(winner: SourceKind, theirs: Option<T>, ours: Option<T>) -> (Option<T>, Option<SourceKind>) {
    match (winner, theirs, ours) {
        (SourceKind::Provider, Some(theirs), _) | (SourceKind::Store, Some(theirs), None) => {
            (Some(theirs), Some(SourceKind::Provider))
        }
        (SourceKind::Store, _, Some(ours)) | (SourceKind::Provider, None, Some(ours)) => {
            (Some(ours), Some(SourceKind::Store))
        }
        (_, None, None) => (None, None),
    }
}

/// A verification is of an address: the side whose address is answered says whether it is verified; the other side may
/// say it only of the same address.
fn verification(
    theirs: &Account,
    ours: &Account,
    email_side: Option<SourceKind>,
) -> (Option<bool>, Option<SourceKind>) {
    let same_address = match (&theirs.email, &ours.email) {
        (Some(theirs), Some(ours)) => theirs.key() == ours.key(),
        (None, _) | (_, None) => true,
    };
    let ours_counts = email_side == Some(SourceKind::Store) || same_address;
    let theirs_counts = email_side != Some(SourceKind::Store) || same_address;
    pick(
        email_side.unwrap_or(SourceKind::Provider),
        theirs.verified.filter(|_| theirs_counts),
        ours.verified.filter(|_| ours_counts),
    )
}

/// A key, as one side spells it, and its value.
type Pair<'a> = (&'a str, &'a str);

fn merged_metadata(
    theirs: &Metadata,
    ours: &Metadata,
    precedence: &Precedence,
    told: &mut impl FnMut(&str, SourceKind),
) -> Metadata {
    // By lower-cased key: the sides may spell a key differently, and no answer has two keys that differ only in case.
    let mut values: BTreeMap<String, (Option<Pair<'_>>, Option<Pair<'_>>)> = BTreeMap::new();
    for (key, value) in theirs.iter() {
        values.entry(fold_case(key)).or_default().0 = Some((key, value));
    }
    for (key, value) in ours.iter() {
        values.entry(fold_case(key)).or_default().1 = Some((key, value));
    }
    let has_value = |pair: Option<Pair<'_>>| pair.is_some_and(|(_, value)| !value.is_empty());
    let mut pairs = Vec::with_capacity(values.len());
    for (theirs, ours) in values.into_values() {
        // Our spelling is the one that callers know.
        let Some(key) = ours.or(theirs).map(|(key, _)| key) else {
            continue;
        };
        let field = format!("metadata.{key}");
        let (value, side) = pick(
            precedence.winner(&field),
            theirs.filter(|_| has_value(theirs)),
            ours.filter(|_| has_value(ours)),
        );
        if let Some(side) = side {
            told(&field, side);
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
    fn the_docs_print_the_precedence_of_the_code() {
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
    fn the_provider_wins_identity_and_the_store_what_only_a_newspaper_keeps() {
        let theirs = account(
            Some("new@example.com"),
            Some(true),
            "Ann",
            &[
                ("photo", "theirs.png"),
                ("city", "Bergen"),
                ("promo_flag", "N"),
                ("nickname", "annie"),
            ],
        );
        let ours = account(
            Some("old@example.com"),
            Some(false),
            "Anna",
            &[
                ("photo", "ours.png"),
                ("city", "Oslo"),
                ("promo_flag", "Y"),
                ("subscription", "gold"),
            ],
        );
        let (merged, provenance) = merge(&theirs, &ours, &Precedence::default(), NAMES);
        assert_eq!(merged.email, theirs.email);
        assert_eq!(merged.verified, Some(true));
        assert_eq!(&*merged.first_name, "Ann");
        for (key, value, source) in [
            ("photo", "theirs.png", "Auth0"),
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
    fn an_empty_value_never_hides_a_filled_one() {
        let theirs = account(None, None, "", &[("photo", ""), ("city", "Bergen")]);
        let ours = account(
            Some("ann@example.com"),
            Some(true),
            "Ann",
            &[("photo", "ours.png"), ("city", "")],
        );
        let (merged, provenance) = merge(&theirs, &ours, &Precedence::default(), NAMES);
        assert_eq!((merged.email, merged.verified), (ours.email, Some(true)));
        assert_eq!(&*merged.first_name, "Ann");
        assert_eq!(merged.metadata.get("photo"), Some("ours.png"));
        assert_eq!(merged.metadata.get("city"), Some("Bergen"));
        assert_eq!(source_of(&provenance, "metadata.city"), Some("Auth0"));
    }

    #[test]
    fn a_verification_of_another_address_does_not_count() {
        let theirs = account(Some("new@example.com"), None, "", &[]);
        let ours = account(Some("old@example.com"), Some(true), "", &[]);
        assert_eq!(merge(&theirs, &ours, &Precedence::default(), NAMES).0.verified, None);
        let ours = account(Some("NEW@example.com"), Some(true), "", &[]);
        assert_eq!(
            merge(&theirs, &ours, &Precedence::default(), NAMES).0.verified,
            Some(true)
        );
    }

    #[test]
    fn a_tenant_may_turn_the_precedence_of_a_field() {
        let mut precedence = Precedence::default();
        precedence.set("firstName", SourceKind::Store).unwrap();
        precedence.set("metadata.city", SourceKind::Provider).unwrap();
        assert_eq!(precedence.set("password", SourceKind::Store), Err(PrecedenceError));
        let theirs = account(None, None, "Ann", &[("city", "Bergen"), ("country", "NO")]);
        let ours = account(None, None, "Anna", &[("city", "Oslo"), ("country", "SE")]);
        let (merged, _) = merge(&theirs, &ours, &precedence, NAMES);
        assert_eq!(&*merged.first_name, "Anna");
        assert_eq!(merged.metadata.get("city"), Some("Bergen"));
        assert_eq!(merged.metadata.get("country"), Some("SE"));
    }

    #[test]
    fn precedences_that_decide_alike_have_one_text() {
        let mut spelt_out = Precedence::default();
        spelt_out.set("email", SourceKind::Provider).unwrap();
        assert_eq!(spelt_out.canonical(), Precedence::default().canonical());
        spelt_out.set("email", SourceKind::Store).unwrap();
        spelt_out.set("metadata.city", SourceKind::Provider).unwrap();
        assert_eq!(spelt_out.canonical(), "email=store\nmetadata.city=provider");
        assert_eq!(Precedence::from_canonical(&spelt_out.canonical()), Ok(spelt_out));
        assert_eq!(Precedence::from_canonical("email=nobody"), Err(PrecedenceError));
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

    /// Every published field of an account with its value, empty ones left out.
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
        fn merging_an_account_with_itself_changes_nothing(account in any_account()) {
            let (merged, _) = merge(&account, &account, &Precedence::default(), NAMES);
            prop_assert_eq!(merged, account);
        }

        #[test]
        fn merging_again_changes_nothing(theirs in any_account(), ours in any_account()) {
            let (once, _) = merge(&theirs, &ours, &Precedence::default(), NAMES);
            let (twice, _) = merge(&theirs, &once, &Precedence::default(), NAMES);
            prop_assert_eq!(fields(&twice), fields(&once));
        }

        #[test]
        fn provenance_is_total_and_names_a_side_that_has_the_value(theirs in any_account(), ours in any_account()) {
            let (merged, provenance) = merge(&theirs, &ours, &Precedence::default(), NAMES);
            let merged = fields(&merged);
            for (field, value) in &merged {
                let told: Vec<_> = provenance.iter().filter(|p| fold_case(&p.field) == fold_case(field)).collect();
                prop_assert_eq!(told.len(), 1, "{}", field);
                let side = if told[0].source == "Auth0" { fields(&theirs) } else { fields(&ours) };
                prop_assert_eq!(side.get(field), Some(value));
            }
        }

        #[test]
        fn what_either_side_knows_is_known_of_the_merged_user(theirs in any_account(), ours in any_account()) {
            let (merged, _) = merge(&theirs, &ours, &Precedence::default(), NAMES);
            let merged = fields(&merged);
            for field in fields(&theirs).keys().chain(fields(&ours).keys()).filter(|field| *field != "verified") {
                prop_assert!(merged.contains_key(field), "{} is lost", field);
            }
        }
    }
}
