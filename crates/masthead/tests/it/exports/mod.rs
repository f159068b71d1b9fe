//! Exports by the program: its command, its formats read by other readers, and its stream over real sockets.

mod command;
mod formats;
mod stream;

use masthead_dev_postgres::TestDatabase;
use serde_json::{Value, json};

use crate::support::process;

/// The tenants of the tests.
const HERALD: &str = "north/daily/herald";
const TIMES: &str = "north/daily/times";

/// A database with tenants whose registrations are those of these lines.
struct Exported {
    database: TestDatabase,
    settings: Vec<(String, String)>,
}

impl Exported {
    /// With two tenants; the first has these users.
    fn with(users: &[Value]) -> Self {
        let tenants = [HERALD, TIMES].map(|tenant| (tenant.to_owned(), Vec::new()));
        let line = |user: &Value| {
            let mut user = user.clone();
            user["tenant"] = HERALD.into();
            format!("{user}\n")
        };
        let database = process::loaded_database(&tenants, &users.iter().map(line).collect::<String>());
        let settings = process::settings(&database.url().unwrap());
        Self { database, settings }
    }

    /// What `masthead export` of the tenant prints.
    fn export(&self, tenant: &str, arguments: &[&str]) -> String {
        let arguments = [&["export", "--tenant", tenant], arguments].concat();
        let output = process::run(&self.settings, &arguments, "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

const BCRYPT: &str = "$2b$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.";
const PHPASS: &str = "$P$BabcdEFGH198luYouq9rnbx8fDoO2M/";
/// The password of both.
const PASSWORD: &str = "Heron-Lake-42";

/// Users with everything that files get wrong.
fn odd_users() -> Vec<Value> {
    vec![
        json!({
            "customerRegistrationId": "auth0|6470a", "email": "Ann.O'Neil+News@Example.COM", "firstName": "\u{c1}nn \"x\"",
            "lastName": "O'Neil, Jr", "verified": true, "passwordHash": BCRYPT,
            "metadata": {
                "city": "S\u{e3}o Paulo", "title": "", "a.b": "1", "with space": " x ", "\u{43a}\u{43b}\u{44e}\u{447}": "\u{1f600}",
                "=x": "=1+1", "{}": "{\"a\":[1]}", "Zulu": "line\nbreak\u{2028}\ttab", "cellPhone": "+47 1", "note": "null",
            },
            "dateRegistered": "2020-01-02T03:04:05.000006Z", "changeDate": "2021-02-03T04:05:06Z",
            "lastLogoutDate": "2022-03-04T05:06:07.1Z",
        }),
        json!({"customerRegistrationId": "z", "verified": false}),
        json!({"customerRegistrationId": "=cmd", "email": "b@example.org", "firstName": "@bo", "lastName": "-", "verified": false}),
        json!({
            "customerRegistrationId": "a,b;c\"d\\", "email": "\u{fc}@m\u{fc}nchen.example", "lastName": "'t Hart", "verified": true,
            "passwordHash": PHPASS, "metadata": {"displayName": "T"},
        }),
        json!({"customerRegistrationId": "\u{43a}\u{43b}\u{44e}\u{447} 1", "firstName": "e\u{301}", "verified": false}),
        json!({"customerRegistrationId": "007", "email": "x@example.org", "verified": false, "metadata": {"empty": ""}}),
    ]
}
