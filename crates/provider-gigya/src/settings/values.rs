//! The forms that values of Gigya's own settings have.

use masthead_provider_kit::settings::value::is_host_label;

/// How the application authenticates (`providers.md` §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    /// A signature over the request; the secret is not sent.
    Signed,
    Secret,
    /// A token signed with its private key.
    Bearer,
}

const OLD_AND_NEW_CENTRES: [&str; 7] = ["us1", "eu1", "eu2", "au1", "global", "ru1", "il1"];

/// The domain of a data centre (`providers.md` §2.1): a short name, or a domain of Gigya's for one that is younger than
/// this program.
pub(super) fn data_centre(text: &str) -> Option<Box<str>> {
    let text = text.to_ascii_lowercase();
    if text == "cn1" {
        return Some("cn1.sapcdm.cn".into());
    }
    if OLD_AND_NEW_CENTRES.contains(&&*text) {
        return Some(format!("{text}.gigya.com").into());
    }
    let remote = ["gigya.com", "sapcdm.cn", "gigya-api.cn"];
    let under = remote
        .iter()
        .find_map(|domain| text.strip_suffix(domain)?.strip_suffix('.'));
    (text.len() <= 240 && under?.split('.').all(is_host_label)).then(|| text.into())
}

pub(super) fn auth(text: &str) -> Option<Auth> {
    match text {
        "signed" => Some(Auth::Signed),
        "secret" => Some(Auth::Secret),
        "bearer" => Some(Auth::Bearer),
        _ => None,
    }
}
