//! The check at first login: readers who were imported without a hash sign in with the password of the provider of before.

use masthead_sandbox::{CognitoConfig, CognitoStubSettings, Sandbox};
use serde_json::{Value, json};

use super::harness::{COURIER, MIRROR, RETURN_URL, TRIBUNE, WriteServer, email};
use crate::support::{http_client, process};

const FORMER: &str = "Former-marmalade-1";
const WRONG: &str = "Wrong-umbrella-2";
const RESET: &str = "Reset-quince-3";

/// A tenant that has moved in from a provider.
struct Moved<'a> {
    paper: &'static str,
    /// The name in messages, and in `Import.FirstLogin`.
    provider: &'static str,
    sandbox: &'a Sandbox,
    /// Seeds a user with this id, address and the former password.
    seed: fn(&Sandbox, &str, &str),
}

fn seed_auth0(sandbox: &Sandbox, id: &str, address: &str) {
    sandbox.auth0().seed([json!({
        "user_id": id, "email": address, "email_verified": true, "password": FORMER,
        "identities": [{
            "connection": "Username-Password-Authentication", "provider": "auth0", "user_id": id, "isSocial": false,
        }],
    })]);
}

fn seed_gigya(sandbox: &Sandbox, id: &str, address: &str) {
    sandbox.gigya().seed([json!({
        "UID": id, "isRegistered": true, "isActive": true, "isVerified": true, "password": FORMER,
        "profile": {"email": address}, "loginIDs": {"emails": [address], "unverifiedEmails": []},
        "emails": {"verified": [address], "unverified": []},
    })]);
}

fn seed_cognito(sandbox: &Sandbox, id: &str, address: &str) {
    sandbox.cognito().seed([json!({
        "Username": id, "Enabled": true, "UserStatus": "CONFIRMED", "password": FORMER,
        "Attributes": [
            {"Name": "sub", "Value": id}, {"Name": "email", "Value": address},
            {"Name": "email_verified", "Value": "true"},
        ],
    })]);
}

impl Moved<'_> {
    fn tenant(&self) -> String {
        format!("north/daily/{}", self.paper)
    }

    /// Imports a reader of the provider without a hash; returns its address.
    fn import(&self, server: &WriteServer, name: &str) -> String {
        // All tenants share the mailbox.
        let name = format!("{name}-{}", self.paper);
        let (id, address) = (format!("auth0|{name}"), email(&name));
        (self.seed)(self.sandbox, &id, &address);
        let line = json!({"customerRegistrationId": id, "email": address, "verified": true, "firstName": "Quillan"});
        let import = ["import", "--tenant", &self.tenant()];
        process::run_ok(&server.settings, &import, &line.to_string());
        address
    }

    fn state(&self, server: &WriteServer, address: &str) -> Value {
        let target = format!("GET /v4/Users?email={}", http_client::percent_encoded(address));
        let found = server.call(self.paper, &target, &Value::Null);
        found.body["data"][0]["state"].clone()
    }

    fn first_login(&self, server: &WriteServer) {
        let address = self.import(server, "ann");
        assert_eq!(self.state(server, &address), "Lite");
        server.sign_in(self.paper, &address, WRONG).expect("E401_01");
        assert_eq!(self.state(server, &address), "Lite");
        let signed_in = server.sign_in(self.paper, &address, FORMER).expect("S200_06");
        let user = &signed_in.body["data"]["user"];
        assert_eq!(
            (&user["state"], &user["loginPassword"]),
            (&json!("Standard"), &Value::Null)
        );
        assert_eq!(self.state(server, &address), "Standard");
        let hash = server.rows(&format!(
            "SELECT password_hash FROM registrations WHERE email_key = '{address}'"
        ));
        assert!(hash[0].starts_with("$argon2id$"), "{hash:?}");

        // From now on our hash decides, without a call.
        self.sandbox.clear_log();
        server.sign_in(self.paper, &address, FORMER).expect("S200_06");
        server.sign_in(self.paper, &address, WRONG).expect("E401_01");
        assert_eq!(self.sandbox.calls(), 0, "{}", self.provider);
    }

    fn outage(&self, server: &WriteServer) {
        let address = self.import(server, "bob");
        server.runtime.block_on(self.sandbox.off()).unwrap();
        server.sign_in(self.paper, &address, FORMER).expect("E503");
        server.sign_in(self.paper, &address, WRONG).expect("E503");
        assert_eq!(self.state(server, &address), "Lite");
        server.runtime.block_on(self.sandbox.on()).unwrap();
        server.sign_in(self.paper, &address, FORMER).expect("S200_06");
    }

    fn reset_before(&self, server: &WriteServer) {
        let address = self.import(server, "cid");
        self.sandbox.clear_log();
        let post = |path: &str, body: Value| server.call(self.paper, &format!("POST /v4/Users{path}"), &body);
        let forgot = json!({"loginName": address, "returnUrl": RETURN_URL});
        post("/ForgotPassword", forgot).expect("S200_08");
        let mail = server.mails(&address, 1).remove(0);
        let link = mail.links[0].rsplit('=').next().unwrap();
        let finish = json!({"encryptedEventId": link, "password": RESET});
        post("/ForgotPassword/Finish", finish).expect("S200_10");
        server.sign_in(self.paper, &address, FORMER).expect("E401_01");
        server.sign_in(self.paper, &address, RESET).expect("S200_06");
        assert_eq!(self.sandbox.calls(), 0, "{}", self.provider);
    }

    /// What an operator sees.
    fn commands(&self, server: &WriteServer) {
        let address = self.import(server, "dan");
        let checked = process::run_ok(&server.settings, &["provider", "check", "--tenant", &self.tenant()], "");
        let agrees = format!("agrees   the check at first login: {} refuses", self.provider);
        assert!(checked.contains(&agrees), "{checked}");
        let explain = ["explain", "--tenant", &self.tenant(), "--email", &address];
        let explained = process::run_ok(&server.settings, &explain, "");
        let at = format!("its first password is checked at {}", self.provider);
        assert!(explained.contains(&at), "{explained}");
        assert!(explained.contains("(Import.FirstLogin)"), "{explained}");
    }
}

/// Each provider has counted each outcome.
fn assert_counted(metrics: &str) {
    for name in ["Auth0", "Gigya", "Cognito"] {
        for outcome in ["kept", "no_answer", "wrong_password"] {
            let labels = [format!("provider=\"{name}\""), format!("outcome=\"{outcome}\"")];
            let mut lines = metrics
                .lines()
                .filter(|line| line.starts_with("masthead_first_logins_total"));
            assert!(
                lines.any(|line| labels.iter().all(|label| line.contains(label))),
                "{name} {outcome}: {metrics}"
            );
        }
    }
}

#[test]
fn imported_readers_sign_in_with_their_former_password() {
    let mut server = WriteServer::start(&[("LOG__LEVEL", "trace")]);
    let pool = CognitoConfig {
        settings: CognitoStubSettings {
            client_secret: None,
            ..CognitoStubSettings::default()
        },
        users: Vec::new(),
    };
    let cognito = server.runtime.block_on(Sandbox::start(pool)).unwrap();
    let incomplete = ["tenant", "set", "north/daily/courier", "Import.FirstLogin=cognito"];
    let missing = process::run_err(&server.settings, &incomplete, "");
    assert!(
        missing.contains("Cognito.Region: must be set") && missing.contains("Cognito.ClientId: must be set"),
        "{missing}"
    );
    let cognito_url = format!("Cognito.BaseUrl={}", cognito.url().trim_end_matches('/'));
    for (paper, settings) in [
        (MIRROR, &["Flow.UserProvider=", "Import.FirstLogin=auth0"][..]),
        (TRIBUNE, &["Flow.UserProvider=", "Import.FirstLogin=gigya"]),
        (
            COURIER,
            &[
                "Import.FirstLogin=cognito",
                "Cognito.ClientId=sandboxclient0123456789ab",
                &cognito_url,
            ],
        ),
    ] {
        let tenant = format!("north/daily/{paper}");
        let set = [&["tenant", "set", &tenant][..], settings].concat();
        process::run_ok(&server.settings, &set, "");
    }
    // It serves with the changed settings at once.
    server.stop();
    server.start_again();
    let papers = [
        Moved {
            paper: MIRROR,
            provider: "Auth0",
            sandbox: server.sandbox(MIRROR),
            seed: seed_auth0,
        },
        Moved {
            paper: TRIBUNE,
            provider: "Gigya",
            sandbox: server.sandbox(TRIBUNE),
            seed: seed_gigya,
        },
        Moved {
            paper: COURIER,
            provider: "Cognito",
            sandbox: &cognito,
            seed: seed_cognito,
        },
    ];
    for moved in &papers {
        moved.first_login(&server);
        moved.outage(&server);
        moved.reset_before(&server);
        moved.commands(&server);
    }
    let connected = server.command(&["check-config", "--connect"]);
    let connected = String::from_utf8(connected.stdout).unwrap();
    for moved in &papers {
        let line = format!("ok       the check at first login of {}", moved.tenant());
        assert!(connected.contains(&line), "{connected}");
    }
    let metrics = http_client::get(server.address(), "/metrics").body;
    assert_counted(&metrics);
    let papers = [MIRROR, TRIBUNE, COURIER];
    let log = server.stop();
    for paper in papers {
        // Ann and Bob: each with the number of the registration.
        let kept = server.rows(&format!(
            "SELECT count(registration_id) FROM events WHERE kind = 4914 AND tenant = 'north/daily/{paper}'"
        ));
        assert_eq!(kept, ["2"], "{paper}");
    }
    let text = log.to_lowercase() + &metrics.to_lowercase();
    for private in [
        FORMER,
        WRONG,
        RESET,
        "readers.example",
        "quillan",
        "auth0|",
        "sandbox-refresh-token",
    ] {
        let at = text.find(&private.to_lowercase());
        let around = at.map(|at| text.get(at.saturating_sub(200)..(at + 100).min(text.len())));
        assert_eq!(around, None, "{private} is in the log or the metrics");
    }
    assert!(!log.contains("eyJ"), "no token of a provider is logged");
}
