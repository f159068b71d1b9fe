//! The query language, rule by rule of Auth0's documentation.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn jane() -> Value {
    json!({
        "user_id": "auth0|5f7c8ec7c33c6c004bbafe82", "email": "Jane.O'Neil+News@Example.com", "email_verified": true,
        "name": "Jane O'Neil", "given_name": "Jane", "family_name": "O'Neil", "nickname": "jane \"JJ\" \\o/",
        "username": "JaneO", "logins_count": 12, "created_at": "2018-01-31T23:59:59.999Z", "picture": "https://x.example/",
        "identities": [
            {"connection": "Username-Password-Authentication", "provider": "auth0", "user_id": "5f7c8ec7c33c6c004bbafe82", "isSocial": false},
            {"connection": "google-oauth2", "provider": "google-oauth2", "user_id": "1234567890", "isSocial": true,
             "profileData": {"email": "jane@social.example"}}],
        "user_metadata": {"color": "Blue", "addresses": [{"city": "Paris"}, {"city": "Rome"}], "empty": null, "none": []},
        "app_metadata": {"plan": "gold", "level": 9, "roles": ["a", "b"]},
    })
}

fn finds(query: &str) -> bool {
    Query::parse(query)
        .unwrap_or_else(|error| panic!("{query}: {}", error.0))
        .matches(&jane())
}

fn refused(query: &str) -> bool {
    Query::parse(query).is_err()
}

#[test]
fn a_quoted_phrase_is_the_whole_value() {
    assert!(finds(r#"name:"Jane O'Neil""#));
    assert!(!finds(r#"name:"Jane""#));
    assert!(finds(r#"email:"jane.o'neil+news@example.com""#));
    assert!(!finds(r#"name:"Jane*""#), "a wildcard in quotes is a character");
}

#[test]
fn inside_quotes_only_the_quote_and_the_backslash_are_escaped() {
    assert!(finds(r#"nickname:"jane \"JJ\" \\o/""#));
    assert!(!finds(r#"nickname:"jane JJ o/""#));
    assert!(refused(r#"nickname:"jane"#));
}

#[test]
fn a_bare_word_needs_its_specials_escaped() {
    assert!(finds(r"name:Jane\ O'Neil"));
    assert!(finds(r"email:jane.o'neil\+news@example.com"));
    assert!(finds(r"user_id:auth0\|5f7c8ec7c33c6c004bbafe82"));
    assert!(
        finds("name:Jane O'Neil") == finds("name:Jane OR O'Neil"),
        "a mere blank is OR"
    );
    assert!(refused("name:jane:doe"));
    assert!(refused(r"name:jane\"));
}

#[test]
fn case_matters_except_in_five_fields() {
    assert!(finds(r#"given_name:"JANE""#) && finds(r#"family_name:"o'neil""#) && finds("name:JANE*"));
    assert!(finds(r#"username:"JaneO""#) && !finds(r#"username:"janeo""#));
    assert!(finds("user_metadata.color:Blue") && !finds("user_metadata.color:blue"));
    assert!(!finds(r#"user_id:"AUTH0|5f7c8ec7c33c6c004bbafe82""#));
}

#[test]
fn wildcards_stand_at_either_end_with_three_letters_before_a_leading_one() {
    assert!(finds("email:jane*") && finds("email:j*") && finds("name:*eil") && finds("email:*example*"));
    assert!(finds("user_id:auth0*") && !finds("user_id:auth0"));
    assert!(finds("email:*") && !finds("phone_number:*"));
    assert!(refused("name:*il") && refused("email:*ab*") && refused("email:?a*"));
}

#[test]
fn metadata_of_the_user_has_no_wildcards_and_no_ranges() {
    assert!(refused("user_metadata.color:Bl*") && refused("user_metadata.color:[A TO C]"));
    assert!(finds("app_metadata.plan:go*") && finds("app_metadata.level:[2 TO 10]"));
}

#[test]
fn nested_paths_look_through_arrays() {
    assert!(finds(r#"user_metadata.addresses.city:"Rome""#) && finds("app_metadata.roles:b"));
    assert!(finds(r#"identities.user_id:"1234567890""#) && finds("identities.connection:google-oauth2"));
    assert!(finds(r#"identities.profileData.email:"jane@social.example""#) && finds("identities.isSocial:true"));
    assert!(finds("email.domain:example.com"));
}

#[test]
fn only_indexed_fields_can_be_asked_for() {
    for field in [
        "picture",
        "multifactor",
        "blocked_for",
        "last_password_reset",
        "foo",
        "app_metadata",
        "email.local",
    ] {
        assert!(refused(&format!("{field}:x")), "{field}");
    }
}

#[test]
fn existence_ignores_empty_values() {
    assert!(finds("_exists_:username") && !finds("_exists_:phone_number"));
    assert!(finds("_exists_:user_metadata.color") && finds("_exists_:app_metadata"));
    assert!(!finds("_exists_:user_metadata.empty") && !finds("_exists_:user_metadata.none"));
    assert!(refused("_exists_:picture"));
}

#[test]
fn ranges_are_open_or_closed_at_each_end() {
    assert!(finds("logins_count:[12 TO 100}") && finds("logins_count:[2 TO *]"));
    assert!(!finds("logins_count:{12 TO 100]") && !finds("logins_count:[1 TO 12}"));
    assert!(finds("created_at:[* TO 2018-01-31]") && finds("created_at:[2018-01 TO 2018-01]"));
    assert!(!finds("created_at:{2018-01 TO *]") && !finds("created_at:[* TO 2018-01-31}"));
    assert!(refused("logins_count:[1 2]") && refused("[1 TO 2]") && refused("logins_count:[1 TO 2"));
}

#[test]
fn operators_join_as_expected() {
    assert!(finds("given_name:bob OR given_name:jane AND email_verified:true"));
    assert!(!finds("(given_name:bob OR given_name:jane) AND email_verified:false"));
    assert!(finds("given_name:jane AND NOT blocked:true") && !finds("given_name:jane -email_verified:true"));
    assert!(finds("NOT given_name:bob") && finds("given_name:(bob OR jane)") && finds("!given_name:bob && name:jane*"));
    assert!(
        finds("given_name:bob and given_name:jane"),
        "a lower-case operator is a word, and blanks are OR"
    );
}

#[test]
fn a_term_without_a_field_never_meets_user_metadata() {
    assert!(finds("gold") && finds("jane") && !finds("Blue") && !finds("Paris"));
}

#[test]
fn what_is_not_a_query_is_refused() {
    for query in [
        "",
        "   ",
        "AND",
        "name:",
        ":x",
        "(name:x",
        "name:x)",
        "name:x AND",
        "NOT",
        "name:x^2",
        "name:x~",
        "/x/",
        "name:{a",
    ] {
        assert!(refused(query), "{query:?}");
    }
    assert!(refused(&"(".repeat(100_000)));
}

proptest! {
    #[test]
    fn no_text_upsets_the_parser(text in any::<String>()) {
        if let Ok(query) = Query::parse(&text) {
            query.matches(&jane());
        }
    }

    #[test]
    fn no_soup_of_tokens_upsets_the_parser(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "name", ":", "\"", "\\", "*", "(", ")", " ", "AND", "NOT ", "[", "TO", "]", "jane", "_exists_", "+", "?",
        ]), 0..20),
    ) {
        if let Ok(query) = Query::parse(&parts.concat()) {
            query.matches(&jane());
        }
    }

    #[test]
    fn every_value_is_found_by_its_escaped_phrase(value in any::<String>()) {
        let escaped = value.replace('\\', r"\\").replace('"', "\\\"");
        let (same, longer) = (format!("username:\"{escaped}\""), format!("username:\"{escaped}x\""));
        let user = json!({"username": value});
        prop_assert!(Query::parse(&same).unwrap().matches(&user));
        prop_assert!(!Query::parse(&longer).unwrap().matches(&user));
    }
}
