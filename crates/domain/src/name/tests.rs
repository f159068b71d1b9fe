//! What folds to what, and what does not.

use unicode_normalization::UnicodeNormalization;

use super::*;
use crate::query::NamePrefix;

fn finds(typed: &str, name: &str) -> bool {
    fold_name(name).starts_with(NamePrefix::from_text(typed).as_str())
}

/// Case: `CaseFolding.txt`, status C and F. Decomposable letters: `UnicodeData.txt`, field 5. Letters with a stroke and
/// ligatures: CLDR, `Latin-ASCII.xml`. Optional points: The Unicode Standard, sections 9.1 (Hebrew), 9.2 (Arabic).
#[test]
fn case_and_accents_do_not_count() {
    for (typed, name) in [
        // Latin.
        ("jose", "Jos\u{e9}"),
        ("JOSE\u{301}", "jos\u{e9}"),
        ("jos\u{e9}", "Jose"),
        ("asa", " \u{c5}sa "),
        ("STRASSE", "stra\u{df}e"),
        ("stra\u{1e9e}e", "Strasse"),
        ("sorensen", "S\u{f8}rensen"),
        ("S\u{d8}RENSEN", "sorensen"),
        ("walesa", "Wa\u{142}\u{119}sa"),
        ("dang", "\u{110}\u{1eb7}ng"),
        ("nguyen", "Nguy\u{1ec5}n"),
        ("ipek", "\u{130}pek"),
        ("isik", "I\u{15f}\u{131}k"),
        ("aegir", "\u{c6}gir"),
        ("a", "\u{c6}gir"),
        ("thor", "\u{de}\u{f3}r"),
        ("oeuvre", "\u{152}uvre"),
        ("gudmundur", "Gu\u{f0}mundur"),
        ("fin", "\u{fb01}n"),
        ("anna", "\u{ff21}\u{ff4e}\u{ff4e}\u{ff41}"),
        ("O'Neil", "o'neil"),
        // Greek: accents, breathings, the final sigma; the iota subscript is an iota, as in capitals.
        (
            "\u{3b1}\u{3bb}\u{3b5}\u{3be}",
            "\u{391}\u{3bb}\u{3ad}\u{3be}\u{3b7}\u{3c2}",
        ),
        (
            "\u{3ba}\u{3c9}\u{3c3}\u{3c4}\u{3b1}\u{3a3}",
            "\u{39a}\u{3ce}\u{3c3}\u{3c4}\u{3b1}\u{3c2}",
        ),
        ("\u{391}\u{399}\u{394}\u{397}", "\u{1f8d}\u{3b4}\u{3b7}\u{3c2}"),
        // Cyrillic: the stress, and е for ё.
        (
            "\u{441}\u{435}\u{43c}\u{435}\u{43d}",
            "\u{421}\u{435}\u{43c}\u{451}\u{43d}",
        ),
        ("\u{438}\u{432}\u{430}\u{43d}", "\u{418}\u{432}\u{430}\u{301}\u{43d}"),
        ("\u{418}\u{412}\u{410}\u{41d}", "\u{438}\u{432}\u{430}\u{43d}"),
        // Hebrew and Arabic: points, vowel signs, the tatweel, presentation forms.
        (
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
            "\u{5e9}\u{5c1}\u{5b8}\u{5dc}\u{5d5}\u{5b9}\u{5dd}",
        ),
        (
            "\u{645}\u{62d}\u{645}\u{62f}",
            "\u{645}\u{64f}\u{62d}\u{64e}\u{645}\u{651}\u{64e}\u{62f}",
        ),
        (
            "\u{645}\u{62d}\u{645}\u{62f}",
            "\u{645}\u{62d}\u{640}\u{640}\u{645}\u{62f}",
        ),
        ("\u{645}\u{62d}\u{645}\u{62f}", "\u{fee3}\u{fea4}\u{fee4}\u{fea9}"),
        // Armenian, Georgian, Cherokee: case alone.
        ("\u{561}\u{580}\u{561}", "\u{531}\u{580}\u{561}\u{574}"),
        ("\u{1c92}\u{1c98}", "\u{10d2}\u{10d8}\u{10dd}"),
        ("\u{ab70}", "\u{13a0}"),
        // Kana of half width, joiners.
        ("\u{ff76}\u{ff9e}", "\u{30ac}\u{30c8}\u{30a6}"),
        ("\u{915}\u{94d}\u{937}", "\u{915}\u{94d}\u{200d}\u{937}"),
        // A beginning of whole letters.
        ("\u{915}\u{941}", "\u{915}\u{941}\u{92e}\u{93e}\u{930}"),
        ("\u{b098}", "\u{b098}\u{b098}"),
    ] {
        assert!(finds(typed, name), "{typed} does not find {name}");
    }
}

/// Vowel signs, viramas, nuktas, tone marks (The Unicode Standard, chapters 12, 13, 16), voicing marks (section 18.4) and the
/// vowels of a Hangul syllable (section 3.12) are letters or parts of one. й: a base letter in CLDR's root collation; ї, ў, ѓ
/// and ќ in those of their languages (`uk.xml`, `be.xml`, `mk.xml`).
#[test]
fn a_mark_that_makes_another_letter_counts() {
    for (typed, name) in [
        // Hindi, Bengali, Tamil, Thai.
        ("\u{915}\u{941}\u{92e}\u{93e}\u{930}", "\u{915}\u{92e}\u{93e}\u{930}"),
        ("\u{915}\u{92e}\u{93e}\u{930}", "\u{915}\u{941}\u{92e}\u{93e}\u{930}"),
        ("\u{915}\u{93c}", "\u{915}\u{92e}\u{93e}\u{930}"),
        ("\u{9b0}\u{9be}\u{9ae}", "\u{9b0}\u{9ae}"),
        ("\u{bb0}\u{bbe}\u{bae}", "\u{bb0}\u{bae}"),
        ("\u{e19}\u{e34}\u{e14}", "\u{e19}\u{e14}"),
        // Japanese.
        ("\u{304b}\u{3068}\u{3046}", "\u{304c}\u{3068}\u{3046}"),
        ("\u{304c}\u{3068}\u{3046}", "\u{304b}\u{3068}\u{3046}"),
        ("\u{30cf}", "\u{30d1}\u{30d1}"),
        ("\u{ff76}", "\u{30ac}\u{30c8}\u{30a6}"),
        // Korean.
        ("\u{ae30}", "\u{ae40}"),
        ("\u{1100}\u{1175}", "\u{1100}\u{1175}\u{11b7}"),
        // Cyrillic.
        ("\u{438}", "\u{439}\u{43e}\u{441}\u{438}\u{444}"),
        ("\u{456}", "\u{457}\u{436}\u{430}"),
        ("\u{443}", "\u{45e}"),
        ("\u{433}", "\u{453}"),
        ("\u{43a}", "\u{45c}"),
        // Arabic: alef with hamza or madda.
        ("\u{627}\u{62d}\u{645}\u{62f}", "\u{623}\u{62d}\u{645}\u{62f}"),
        ("\u{627}", "\u{622}"),
        // No more than the beginning.
        ("ose", "Jos\u{e9}"),
        ("oslo", "\u{d8}sterl\u{f8}"),
    ] {
        assert!(!finds(typed, name), "{typed} finds {name}");
    }
}

#[test]
fn a_folded_name_has_no_blanks_around_it() {
    for (name, key) in [
        ("   ", ""),
        (" \u{c5}sa\u{3000}", "asa"),
        ("\u{301}", ""),
        ("\u{200d}", ""),
    ] {
        assert_eq!(fold_name(name), key);
    }
}

/// Every letter by itself, in both forms: the properties below draw few of the rare ones.
#[test]
fn every_letter_keeps_a_key_and_folds_once() {
    let mut text = [0; 4];
    for char in
        ('\0'..=char::MAX).filter(|char| char.is_alphabetic() && !is_combining_mark(*char) && !is_invisible(*char))
    {
        let text = char.encode_utf8(&mut text);
        let key = fold_name(text);
        assert!(!key.is_empty(), "{text} has no key");
        assert_eq!(fold_name(&key), key, "{text}");
        assert_eq!(fold_name(&text.nfd().to_string()), key, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn folding_twice_is_folding_once(text in "\\PC{0,40}") {
        let once = fold_name(&text);
        proptest::prop_assert_eq!(fold_name(&once), once);
    }

    #[test]
    fn marked_letters_fold_once_too(text in "[\\p{L}\\p{M}]{0,12}") {
        let once = fold_name(&text);
        proptest::prop_assert_eq!(fold_name(&once), once);
    }

    #[test]
    fn normalization_forms_do_not_count(text in "[\\p{L}\\p{M} ]{0,12}") {
        let key = fold_name(&text);
        proptest::prop_assert_eq!(&fold_name(&text.nfc().to_string()), &key);
        proptest::prop_assert_eq!(&fold_name(&text.nfd().to_string()), &key);
        proptest::prop_assert_eq!(&fold_name(&text.nfkc().to_string()), &key);
    }

    /// Capitals by the standard library's tables, which are another implementation of the same data.
    #[test]
    fn capitals_do_not_count(text in "[\\p{Lu}\\p{Ll}]{0,12}") {
        proptest::prop_assert_eq!(fold_name(&text.to_uppercase()), fold_name(&text));
    }

    #[test]
    fn whole_letters_at_the_beginning_find_a_name(
        first in "[\\p{Latin}&&\\p{L}\\p{Greek}&&\\p{L}]{0,6}|[\\p{Devanagari}]{0,6}|[\\p{Hiragana}]{0,6}|[가-힣]{0,6}",
        rest in "[a-zа-я가-힣ぁ-ん]{0,6}",
    ) {
        proptest::prop_assert!(finds(&first, &format!("{first}{rest}")), "{first} {rest}");
    }
}
