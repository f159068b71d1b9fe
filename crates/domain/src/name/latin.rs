//! Replacements of Latin letters that Unicode does not decompose.

/// The ASCII letters for a case-folded Latin letter; `None` for every other letter.
///
/// Source: CLDR, `common/transforms/Latin-ASCII.xml`, the letters of names: the blocks Latin-1 Supplement to Latin Extended-B,
/// Latin Extended Additional, and the folded forms of their capitals. Letters that CLDR keeps, such as ə and ɔ, are kept.
pub(super) const fn replacement(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ⱥ' => "a",
        'æ' => "ae",
        'ƀ' | 'ƃ' | 'ɓ' => "b",
        'ƈ' | 'ȼ' => "c",
        'ð' | 'đ' | 'ƌ' | 'ɖ' | 'ɗ' | 'ȡ' => "d",
        'ȸ' => "db",
        'ɇ' | 'ɛ' => "e",
        'ƒ' => "f",
        'ǥ' | 'ɠ' => "g",
        'ħ' | 'ⱨ' => "h",
        'ƕ' => "hv",
        'ı' | 'ɨ' | 'ɩ' => "i",
        'ȷ' | 'ɉ' => "j",
        'ƙ' | 'ⱪ' => "k",
        'ł' | 'ƚ' | 'ȴ' | 'ɫ' | 'ⱡ' => "l",
        'ỻ' => "ll",
        'ɱ' => "m",
        'ŋ' | 'ƞ' | 'ȵ' | 'ɲ' => "n",
        'ø' => "o",
        'œ' => "oe",
        'ƣ' => "oi",
        'ƥ' | 'ᵽ' => "p",
        'ĸ' => "q",
        'ȹ' => "qp",
        'ɍ' | 'ɽ' => "r",
        'ȿ' | 'ẜ' | 'ẝ' => "s",
        'ŧ' | 'ƫ' | 'ƭ' | 'ȶ' | 'ʈ' | 'ⱦ' => "t",
        'þ' => "th",
        'ʉ' => "u",
        'ʋ' | 'ỽ' => "v",
        'ⱳ' => "w",
        'ƴ' | 'ɏ' | 'ỿ' => "y",
        'ƶ' | 'ȥ' | 'ɀ' | 'ⱬ' => "z",
        _ => return None,
    })
}
