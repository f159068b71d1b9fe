//! `masthead token inspect`: why a token is refused, or what it grants.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use masthead_domain::access::TokenIdentity;
use masthead_ports::{
    clock::Clock as _,
    tokens::{TokenError, VerifiedToken},
};
use masthead_subscribe_store::Store;
use masthead_tokens::{InspectedToken, Inspection, Verifier};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::environment::{print_line, print_warning, small_runtime};
use crate::{clock::SystemClock, command_error::CommandError, settings::UncheckedSettings, wiring};

/// A longer text is no token that a server looks at, and could be any file.
const MAX_INPUT_BYTES: u64 = 64 * 1024;

pub(super) fn run(settings_source: &UncheckedSettings, file: &Path) -> Result<(), CommandError> {
    let settings = settings_source.tokens()?;
    let text = read(file)?;
    let token = token_in(&text);
    let verifier = wiring::verifier(&settings, Arc::new(SystemClock))?;
    let inspection = small_runtime()?.block_on(async {
        let (verifier, store) = with_rules(verifier, settings_source).await;
        let inspection = verifier.inspect(token).await;
        if let Some(store) = store {
            store.close().await;
        }
        inspection
    });
    print(&inspection)?;
    match inspection.verdict {
        Ok(_) => Ok(()),
        Err(error) => Err(CommandError::new(format!("refused: {error}"))),
    }
}

/// The verifier with the rules about callers, where the database answers.
async fn with_rules(verifier: Verifier, settings_source: &UncheckedSettings) -> (Verifier, Option<Store>) {
    let without = |verifier, why: &str| {
        print_warning(format_args!("grants and denials of callers are not considered: {why}"));
        (verifier, None)
    };
    let Ok((database, _)) = settings_source.database() else {
        return without(verifier, "there are no settings of a database");
    };
    let Ok(store) = wiring::store(&database, None) else {
        return without(verifier, "the settings of the database cannot be used");
    };
    let rules = store.caller_rules();
    if rules.refresh().await.is_err() {
        store.close().await;
        return without(verifier, "they cannot be read from the database");
    }
    (verifier.with_rules(rules), Some(store))
}

fn read(file: &Path) -> Result<String, CommandError> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().take(MAX_INPUT_BYTES).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|opened| opened.take(MAX_INPUT_BYTES).read_to_string(&mut text))
    };
    // The cause could quote the text.
    read.map_err(|error| CommandError::new(format!("the token cannot be read ({})", error.kind())))?;
    Ok(text)
}

/// The token in a text that may be a whole `Authorization` header.
fn token_in(text: &str) -> &str {
    text.split_ascii_whitespace().next_back().unwrap_or("")
}

fn print(inspection: &Inspection) -> Result<(), CommandError> {
    let Some(token) = &inspection.token else {
        return print_line("it cannot be read as a signed token: three parts of base64url, with a supported alg");
    };
    print_origin(token)?;
    let now = SystemClock.now().unix_timestamp();
    for (name, time) in token.times {
        if let Some(time) = time {
            let has_passed = name == "exp" && time <= now && inspection.verdict.is_ok();
            let remark = if has_passed {
                "; it has passed, and is accepted within tokens.leeway"
            } else {
                ""
            };
            print_line(format_args!("{name}: {}{remark}", moment(time)))?;
        }
    }
    print_caller(token)?;
    print_line(format_args!("claims: {}", joined(&token.claim_names)))?;
    match &inspection.verdict {
        Ok(verified) => print_grant(verified, token),
        Err(error) => print_line(format_args!("refused: {}", hint(*error, token))),
    }
}

fn print_origin(token: &InspectedToken) -> Result<(), CommandError> {
    print_line(format_args!("issuer: {}", optional(token.issuer.as_deref())))?;
    match (&token.issuer_name, &token.expected_issuer) {
        (Some(name), Some(expected)) => {
            print_line(format_args!(
                "tried with: the keys of {name}, the issuer {}",
                shown(expected)
            ))?;
            let signed = if token.signed {
                "by a key of that issuer"
            } else {
                "by no key of that issuer"
            };
            print_line(format_args!(
                "signed: {signed}; kid {}",
                optional(token.key_id.as_deref())
            ))?;
        }
        _ => print_line("tried with: no keys, since the issuer is in no section of the settings")?,
    }
    print_line(format_args!("typ: {}", optional(token.typ.as_deref())))?;
    print_line(format_args!(
        "audience: {}; expected: {}",
        joined(&token.audiences),
        joined(&token.expected_audiences)
    ))
}

fn print_caller(token: &InspectedToken) -> Result<(), CommandError> {
    if let Some(TokenIdentity {
        subject,
        client_id,
        token_id,
        source_systems,
        ..
    }) = &token.identity
    {
        print_line(format_args!("subject: {}", optional(subject.as_deref())))?;
        print_line(format_args!("client: {}", optional(client_id.as_deref())))?;
        print_line(format_args!("token id: {}", optional(token_id.as_deref())))?;
        if let Some(systems) = source_systems {
            print_line(format_args!("source systems: {}", joined(systems)))?;
        }
    }
    if let Some((scopes, tenants)) = &token.claimed {
        let claimed = |claim: &Option<Vec<String>>| claim.as_deref().map_or("no claim".to_owned(), joined);
        print_line(format_args!("claimed scopes: {}", claimed(scopes)))?;
        print_line(format_args!("claimed tenants: {}", claimed(tenants)))?;
    }
    Ok(())
}

fn print_grant(verified: &VerifiedToken, token: &InspectedToken) -> Result<(), CommandError> {
    let scopes: Vec<_> = verified.grant.scopes.iter().map(|scope| scope.name()).collect();
    let tenants: Vec<_> = verified.grant.tenants.iter().map(ToString::to_string).collect();
    let origin = if token.is_granted_by_operator == Some(true) {
        " (by masthead caller add)"
    } else {
        ""
    };
    print_line(format_args!(
        "granted{origin}: {} for {}",
        joined(&scopes),
        joined(&tenants)
    ))
}

/// What to do about a refusal.
fn hint(error: TokenError, token: &InspectedToken) -> String {
    let advice = match error {
        TokenError::WrongIssuer => "add a section [issuers.NAME] with this issuer, to the letter",
        TokenError::WrongAudience => {
            "let the issuer put an expected audience into the token, or add the token's to `audience`"
        }
        TokenError::BadSignature if token.issuer_name.is_some() => {
            "the kid is not in the key set, the key is another, or the algorithm is not in `algorithms`"
        }
        TokenError::Expired | TokenError::NotYetValid => {
            "request a new token; compare the clocks of this machine and the issuer"
        }
        TokenError::LongLived => "shorten the lifetime at the issuer, or raise tokens.max_lifetime",
        TokenError::NotAccessToken => "send the access token, not the ID token; see tokens.types and `kind`",
        TokenError::BadClaims => {
            "scopes or tenants are missing or not of the form of `kind`: set scope_claims and tenants_claims, or grant them with masthead caller add"
        }
        TokenError::Revoked => "it is in masthead caller list",
        TokenError::KeysUnavailable => "the key set cannot be fetched",
        _ => "see docs/tokens.md",
    };
    format!("{error}; {advice}")
}

fn moment(at: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at).ok();
    at.and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| "out of range".to_owned())
}

/// A text of the token, which may hold anything, for a terminal.
fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "none".to_owned(), shown)
}

fn joined(texts: &[impl AsRef<str>]) -> String {
    if texts.is_empty() {
        return "none".to_owned();
    }
    texts
        .iter()
        .map(|text| shown(text.as_ref()))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_found_in_a_header() {
        for text in ["a.b.c", " a.b.c\n", "Bearer a.b.c", "Authorization: bearer a.b.c\r\n"] {
            assert_eq!(token_in(text), "a.b.c", "{text:?}");
        }
        assert_eq!(token_in(""), "");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(shown("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
    }
}
