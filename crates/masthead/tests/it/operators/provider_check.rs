//! `masthead provider check`, where it cannot try a user.

use crate::providers::server::{FederatedTenant, ProviderTestServer};

#[test]
fn check_fails_where_no_user_is_tried() {
    let mut paper = FederatedTenant::new("empty");
    paper.shown.clear();
    let full = FederatedTenant::new("full");
    let server = ProviderTestServer::start(&[paper, full], &[]);
    let check = |paper: &str, more: &[&str]| {
        let tenant = format!("north/daily/{paper}");
        let output = server.command(&[&["provider", "check", "--tenant", &tenant], more].concat(), &[]);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, text) = check("empty", &[]);
    assert!(
        code == Some(1) && text.contains("no user could be tried: give the id of one with --id"),
        "{text}"
    );
    let (code, text) = check("full", &[]);
    assert_eq!(code, Some(0), "{text}");

    // Auth0 answers a misspelt connection like an empty one.
    let set = ["tenant", "set", "north/daily/full", "Auth0.Connections=Usrname"];
    assert!(server.command(&set, &[]).status.success());
    let (code, text) = check("full", &[]);
    assert!(code == Some(1) && text.contains("Usrname has no users"), "{text}");
}
