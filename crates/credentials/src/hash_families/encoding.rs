//! The encodings of hashes: base64 in several alphabets, parameters of PHC strings, and bounded numbers.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use masthead_ports::passwords::PasswordHashError;
use subtle::ConstantTimeEq;

// Unused bits of the last character are ignored: several systems leave them set.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BCRYPT: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, LENIENT);

/// The alphabet of crypt(3), least significant bits first.
const CRYPT: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Decodes standard and URL-safe base64 and that of passlib (`.` for `+`), padded or not.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let standard: String = text
        .chars()
        .map(|char| match char {
            '-' | '.' => '+',
            '_' => '/',
            char => char,
        })
        .collect();
    STANDARD.decode(standard).ok()
}

/// Standard base64 without padding, as in PHC strings.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Standard base64 with padding.
pub(super) fn to_padded_base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// Decodes the base64 of bcrypt.
pub(super) fn from_bcrypt_base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    BCRYPT.decode(text).ok()?.try_into().ok()
}

/// Decodes hexadecimal digits of either case.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect::<Option<Vec<u8>>>().filter(|_| rest.is_empty())
}

/// Lower-case hexadecimal digits.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The first `chars` characters of a 24-bit number in the alphabet of crypt(3).
pub(super) fn push_crypt(text: &mut String, number: u32, chars: u32) {
    for n in 0..chars {
        text.push(char::from(CRYPT[(number >> (6 * n)) as usize & 63]));
    }
}

/// Bytes in the alphabet of crypt(3) in the order of phpass.
pub(super) fn to_phpass_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 1);
    for chunk in bytes.chunks(3) {
        let number = chunk
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u32::from(*byte));
        let chars = match chunk.len() {
            1 => 2,
            2 => 3,
            _ => 4,
        };
        push_crypt(&mut text, number, chars);
    }
    text
}

/// The value of one character of crypt(3)'s alphabet.
pub(super) fn from_crypt_char(byte: u8) -> Option<u8> {
    CRYPT
        .iter()
        .position(|known| *known == byte)
        .and_then(|place| u8::try_from(place).ok())
}

/// Whether all bytes are characters of crypt(3)'s alphabet.
pub(super) fn is_crypt_text(text: &str) -> bool {
    text.bytes().all(|byte| CRYPT.contains(&byte))
}

/// Compares in constant time; texts of different length are different at once.
pub(super) fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// A decimal number without sign; one too large for 64 bits is the largest.
pub(super) fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// A cost from 1 to `most`.
pub(super) fn cost(value: Option<u64>, most: u32) -> Result<u32, PasswordHashError> {
    match value {
        None | Some(0) => Err(PasswordHashError::Malformed),
        Some(value) => u32::try_from(value)
            .ok()
            .filter(|value| *value <= most)
            .ok_or(PasswordHashError::TooCostly),
    }
}

/// The parameters `name=value,name=value` of a PHC string.
pub(super) struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parameters<'a> {
    /// Splits the text.
    ///
    /// # Errors
    /// A part has no `=`, or its name is not one of `names`.
    pub(super) fn parse(text: &'a str, names: &[&str]) -> Result<Self, PasswordHashError> {
        let pairs = text.split(',').map(|pair| pair.split_once('='));
        let pairs: Option<Vec<_>> = pairs.collect();
        pairs
            .filter(|pairs| pairs.iter().all(|(name, _)| names.contains(name)))
            .map(Self)
            .ok_or(PasswordHashError::Malformed)
    }

    /// The text of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The number of a parameter.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name).and_then(number)
    }
}
