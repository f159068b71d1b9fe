//! The library against RFC 5297, the sealed form against golden values, and every text that must not open.

use super::*;

fn key(fill: u8) -> Secret {
    Secret::new(std::array::from_fn::<u8, SEALING_KEY_BYTES, _>(|n| {
        fill.wrapping_add(u8::try_from(n).unwrap())
    }))
}

fn keys(ids: &[(&str, u8)]) -> BTreeMap<String, Secret> {
    ids.iter().map(|(id, fill)| ((*id).to_owned(), key(*fill))).collect()
}

fn codec() -> Sealer {
    Sealer::new("1", &keys(&[("1", 0)])).unwrap()
}

fn tenant() -> TenantId {
    TenantId::parse("north/daily/herald").unwrap()
}

const CRID: Purpose<'_> = Purpose::CustomerRegistrationId;

#[test]
fn library_matches_rfc_5297() {
    // Appendix A.1, deterministic authenticated encryption.
    let key: [u8; 32] = *b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4\xf3\xf2\xf1\xf0\
                           \xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff";
    let associated: Vec<u8> = (0x10..=0x27).collect();
    let plain = b"\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee";
    let sealed = aes_siv::siv::Aes128Siv::new(&key.into())
        .encrypt([&associated], plain)
        .unwrap();
    let printed = b"\x85\x63\x2d\x07\xc6\xe8\xf3\x7f\x95\x0a\xcd\x32\x0a\x2e\xcc\x93\
                    \x40\xc0\x2b\x96\x90\xc4\xdc\x04\xda\xef\x7f\x6a\xfe\x5c";
    assert_eq!(sealed, printed);
}

#[test]
fn published_ids_never_change() {
    // A value that differs here breaks every id that was ever published: change the code, not the value. They were
    // computed by another implementation (the AESSIV of the Python package cryptography, over OpenSSL).
    for (purpose, plain, golden) in [
        (CRID, "2937", "ATGpqEMhImVbn/fkUmJqAnJzymiclw=="),
        (
            CRID,
            "auth0|5f7c8ec7c33c6c004bbafe82",
            "ATETCR4drHeJdDeaYa+tYr7M6Rb8bvfZeOgB9kJVGkqOx6RJSifRkEC1IXKcS/t1",
        ),
        (
            Purpose::Email,
            "ann@example.com",
            "ATHQSGErqhwHn1jLhXN+/7YsQF8JVHkGuMmNBhxOb3HP",
        ),
        (
            Purpose::Cursor {
                binding: "email=x;order=2",
            },
            "a cursor",
            "ATHDKLKTt7G17QFzg0KFROdD/frWJm0WCdw=",
        ),
        (Purpose::Email, "", "ATG7G+ldW+dtMx5I3K9MbXxW"),
    ] {
        assert_eq!(codec().seal(&tenant(), purpose, plain), golden);
        assert_eq!(codec().open(&tenant(), purpose, golden).unwrap(), plain);
    }
}

#[test]
fn seal_is_bound_to_tenant_and_purpose() {
    let codec = codec();
    let cursor = |binding| Purpose::Cursor { binding };
    let purposes = [
        CRID,
        Purpose::Email,
        Purpose::Mail,
        Purpose::WriteIntent,
        Purpose::StoredAnswer,
        cursor(""),
        cursor("a"),
        cursor("ab"),
    ];
    let tenants = ["a/b/c", "a/b/cc", "aa/b/c", "a/bb/c"].map(|text| TenantId::parse(text).unwrap());
    for (tenant, purpose) in tenants
        .iter()
        .flat_map(|tenant| purposes.map(|purpose| (tenant, purpose)))
    {
        let sealed = codec.seal(tenant, purpose, "x");
        for (other, wanted) in tenants
            .iter()
            .flat_map(|tenant| purposes.map(|purpose| (tenant, purpose)))
        {
            let same = (tenant, purpose) == (other, wanted);
            assert_eq!(
                codec.open(other, wanted, &sealed).is_ok(),
                same,
                "{purpose:?} as {wanted:?}"
            );
        }
    }
}

#[test]
fn every_base64_variant_opens() {
    let codec = codec();
    proptest::proptest!(|(plain in "\\PC{0,60}")| {
        let sealed = codec.seal(&tenant(), Purpose::Email, &plain);
        proptest::prop_assert_eq!(&sealed, &codec.seal(&tenant(), Purpose::Email, &plain));
        let url_safe = sealed.replace('+', "-").replace('/', "_");
        for spelling in [
            sealed.clone(),
            sealed.trim_end_matches('=').to_owned(),
            url_safe.clone(),
            url_safe.trim_end_matches('=').to_owned(),
            sealed.replace('+', " "),
        ] {
            let opened = codec.open(&tenant(), Purpose::Email, &spelling);
            proptest::prop_assert_eq!(opened.as_deref(), Ok(&*plain));
        }
    });
}

#[test]
fn changed_text_never_opens() {
    let codec = codec();
    let sealed = codec.seal(&tenant(), CRID, "auth0|abcdef");
    let bytes = STANDARD.decode(&sealed).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            codec.open(&tenant(), CRID, &STANDARD.encode(changed)),
            Err(SealError),
            "bit {bit}"
        );
    }
    for length in 0..bytes.len() {
        assert_eq!(
            codec.open(&tenant(), CRID, &STANDARD.encode(&bytes[..length])),
            Err(SealError)
        );
    }
    for nonsense in [
        "",
        "=",
        "====",
        "!",
        "AA",
        "a",
        "é",
        "\0",
        &format!("{sealed}A"),
        &format!("{sealed}=="),
        &"A".repeat(20_000),
    ] {
        assert_eq!(codec.open(&tenant(), CRID, nonsense), Err(SealError), "{nonsense:?}");
    }
}

#[test]
fn older_keys_only_open() {
    let old = codec().seal(&tenant(), CRID, "2937");
    let rotated = Sealer::new("2", &keys(&[("1", 0), ("2", 99)])).unwrap();
    assert_eq!(rotated.open(&tenant(), CRID, &old).as_deref(), Ok("2937"));
    let new = rotated.seal(&tenant(), CRID, "2937");
    assert_ne!(new, old);
    assert_eq!(codec().open(&tenant(), CRID, &new), Err(SealError));
    // The same id with other bytes is another key.
    let impostor = Sealer::new("1", &keys(&[("1", 7)])).unwrap();
    assert_eq!(impostor.open(&tenant(), CRID, &old), Err(SealError));
    // The same bytes under another id are another key too: the id is part of what is sealed.
    let renamed = Sealer::new("2", &keys(&[("2", 0)])).unwrap();
    let mut relabelled = STANDARD.decode(&old).unwrap();
    relabelled[1] = b'2';
    assert_eq!(
        renamed.open(&tenant(), CRID, &STANDARD.encode(relabelled)),
        Err(SealError)
    );
}

/// While keys rotate: both open, the newer one seals what callers do not keep, and published ids stay as they are.
#[test]
fn published_ids_keep_the_older_key() {
    let published = codec().seal(&tenant(), CRID, "2937");
    let both = keys(&[("1", 0), ("2", 99)]);
    let rotating = Sealer::new("2", &both).unwrap().publishing("1").unwrap();
    assert_eq!(rotating.seal(&tenant(), CRID, "2937"), published);
    let cursor = Purpose::Cursor { binding: "list" };
    let position = rotating.seal(&tenant(), cursor, "7");
    let rotated = Sealer::new("2", &both).unwrap().publishing("2").unwrap();
    assert_eq!(position, rotated.seal(&tenant(), cursor, "7"));
    for sealer in [&rotating, &rotated] {
        assert_eq!(sealer.open(&tenant(), cursor, &position).as_deref(), Ok("7"));
        assert_eq!(sealer.open(&tenant(), CRID, &published).as_deref(), Ok("2937"));
    }
    assert_ne!(rotated.seal(&tenant(), CRID, "2937"), published);
    let unknown = Sealer::new("2", &both).unwrap().publishing("3");
    assert_eq!(unknown.err(), Some(SealingKeysError::NoPublish));
}

#[test]
fn invalid_sealing_keys_are_refused() {
    for (current, ids, reason) in [
        ("1", vec![("2", 0)], SealingKeysError::NoCurrent),
        ("", vec![("", 0)], SealingKeysError::BadId),
        ("a b", vec![("a b", 0)], SealingKeysError::BadId),
        ("1", vec![("1", 0), ("x2345678901234567", 0)], SealingKeysError::BadId),
    ] {
        assert_eq!(Sealer::new(current, &keys(&ids)).err(), Some(reason));
    }
    let short = BTreeMap::from([("1".to_owned(), Secret::new([0; 32]))]);
    assert_eq!(Sealer::new("1", &short).err(), Some(SealingKeysError::BadLength));
    assert_eq!(format!("{:?}", codec()), r#"Sealer { current: "1", older: 0, .. }"#);
}
