//! The tenant whose users are written, and its server.

use serde_json::json;

use super::super::context::{BenchContext, caller_headers};
use super::super::database::write_lines;
use super::super::http::{BlockingClient, HeaderList};
use super::super::mailbox::BenchMailbox;
use super::super::masthead::MastheadProgram;
use crate::shell::TaskResult;

/// The tenant: group, client, paper. Its pool is created anew for each run.
const TENANT: [&str; 3] = ["writes", "bench", "store"];

/// How many users it has, with ids and addresses that [`unique`] numbers.
pub(super) const USERS: u32 = 4_000;

/// The password of all of them.
pub(super) const PASSWORD: &str = "Marmalade-and-rain-7";

/// Where links of mails may lead.
pub(super) const RETURN_URL: &str = "https://herald.example/account";

/// A number as the sixteen digits that wrk and pgbench write.
pub(super) fn unique(number: u32) -> String {
    format!("{number:016}")
}

pub(super) fn address(number: u32) -> String {
    format!("w-{}@writes.example", unique(number))
}

pub(super) fn user_id(number: u32) -> String {
    format!("w-{}", unique(number))
}

/// The tenant, its users, and a program that mails.
pub(super) struct WriteBench<'a> {
    pub(super) context: &'a BenchContext<'a>,
    pub(super) program: MastheadProgram,
    headers: HeaderList,
    _mailbox: BenchMailbox,
}

impl<'a> WriteBench<'a> {
    pub(super) fn prepare(context: &'a BenchContext<'a>) -> TaskResult<Self> {
        let mailbox = BenchMailbox::start(context)?;
        let program = context.program.with_settings(&mailbox.settings()?);
        let tenant = TENANT.map(ToOwned::to_owned);
        let name = tenant.join("/");
        let token = program.issue_token(&name, "users:read users:write users:authenticate")?;
        let bench = Self {
            context,
            program,
            headers: caller_headers(&token, &tenant),
            _mailbox: mailbox,
        };
        bench.remove()?;
        let urls = format!("Users.ReturnUrls={RETURN_URL}");
        bench.program.add_tenant(&name, &[urls], &[])?;
        bench.import_users()?;
        Ok(bench)
    }

    /// Imports the users with the hash that the server makes of their password.
    fn import_users(&self) -> TaskResult {
        let server = self.program.serve(&self.context.folder.join("writes.log"))?;
        let mut client = BlockingClient::connect(&server.address)?;
        let body = json!({"email": "hash@writes.example", "password": PASSWORD}).to_string();
        client
            .send("POST", "/v4/Users", &self.json_headers(), body)?
            .json("a create")?;
        server.stop()?;
        let database = self.context.database;
        let hash = database.run("SELECT password_hash FROM registrations WHERE email_key = 'hash@writes.example'")?;
        let lines = (1..=USERS).map(|number| {
            json!({
                "customerRegistrationId": user_id(number), "email": address(number), "firstName": "Ann",
                "lastName": "Lee", "verified": true, "passwordHash": hash, "metadata": {"city": "Ashford"},
            })
        });
        let tenant = TENANT.join("/");
        self.program
            .run_with_input(&["import", "--tenant", &tenant, "-"], |input| write_lines(input, lines))
    }

    pub(super) fn json_headers(&self) -> HeaderList {
        let mut headers = self.headers.clone();
        headers.push(("Content-Type", "application/json".to_owned()));
        headers
    }

    pub(super) fn remove(&self) -> TaskResult {
        let database = self.context.database;
        database.remove_events()?;
        database.remove_group(TENANT[0])
    }
}
