//! What asking both sides adds to the time of the slower one: look-ups by id of a tenant whose provider takes 50 ms.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::thread;

use serde_json::{Map, Value, json};

use super::client::{Client, Reply, encoded};
use super::database::Database;
use super::figures::{median, rounded};
use super::people::{People, codes};
use super::server::Program;
use super::whole::Bench;
use crate::child::SandboxProcess;
use crate::dev::providers::AUTH0;
use crate::shell::Outcome;

/// How long the provider takes for each answer, in milliseconds.
const LATENCY: u64 = 50;

/// How many readers there are, on both sides.
const READERS: u32 = 2_000;

/// How many ask at once, each its next question when it has its answer.
const CONNECTIONS: u32 = 8;

/// How often each asks, in every round.
const TIMES: u32 = 60;

const CLIENT: &str = "sandbox-client";
const SECRET: &str = "of no worth: the sandbox's client secret";
const TENANT: &str = "group-00/client-0/paper-0";

/// Times the provider alone, the store alone and both, in rounds, and adds the medians to the report.
pub(super) fn measure(bench: &Bench<'_>, report: &mut Map<String, Value>, ratios: &mut Map<String, Value>) -> Outcome {
    let database = Database {
        server: bench.database.server,
        name: "masthead_bench_orchestration".to_owned(),
    };
    let provider = Provider::start(bench)?;
    let program = bench.program.with(
        &database.server.url(&database.name)?,
        &[
            ("MASTHEAD__PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"),
            // Each question must leave.
            ("MASTHEAD__PROVIDERS__FRESH", "0s"),
            (AUTH0.secret, SECRET),
        ],
    );
    make(&database, &program, &provider)?;
    let token = program.output(&[
        "token",
        "--tenant",
        TENANT,
        "--scope",
        "users:read",
        "--expires-in",
        "1h",
    ])?;
    let [group, client, paper] = codes(0);
    let headers = format!(
        "Authorization: Bearer {token}\r\nX-SourceSystem: BENCH\r\nX-ClientCode: {client}\r\nX-PaperCode: {paper}\r\n\
         X-ClientGroupCode: {group}\r\n"
    );
    let bearer = format!("Authorization: Bearer {}\r\n", provider.token()?);
    let serving = program.serve(&bench.folder.join("orchestration.log"), &[])?;
    let address = serving.address.clone();
    let asks = [
        Ask::new("the provider alone", provider.address()?, &bearer, "/api/v2/users/{id}"),
        Ask::new(
            "the store alone",
            &address,
            &headers,
            "/v4/Users/{id}?ignoreProvider=true",
        ),
        Ask::new("both, merged", &address, &headers, "/v4/Users/{id}"),
    ];
    let mut medians = [const { Vec::new() }; 3];
    // The first round warms up: connections, the token, the tenant.
    for round in 0..=bench.plan.rounds {
        for (ask, medians) in asks.iter().zip(&mut medians) {
            let took = ask.round(round)?;
            if round > 0 {
                medians.push(median(took));
            }
        }
    }
    serving.stop()?;
    database.server.drop_database(&database.name)?;

    let added: Vec<f64> = medians[2]
        .iter()
        .zip(&medians[0])
        .map(|(both, alone)| both - alone)
        .collect();
    println!(
        "\nLook-ups by id, {CONNECTIONS} connections, the provider taking {LATENCY} ms (medians of rounds' medians)"
    );
    let mut told = Map::new();
    for (ask, medians) in asks.iter().zip(medians) {
        let middle = median(medians);
        println!("{:<24} {middle:>8.3} ms", ask.name);
        told.insert(ask.name.to_owned(), json!(rounded(middle, 3)));
    }
    let added = median(added);
    println!("{:<24} {added:>8.3} ms\n", "added by orchestration");
    report.insert("orchestration".to_owned(), Value::Object(told));
    ratios.insert("orchestration_added_ms".to_owned(), json!(rounded(added, 3)));
    Ok(())
}

/// The tenant and its readers, as the provider has them.
fn make(database: &Database<'_>, program: &Program, provider: &Provider) -> Outcome {
    database.server.drop_database(&database.name)?;
    database.server.create_database(&database.name)?;
    program.run(&["migrate"])?;
    let mut settings: Vec<String> = AUTH0
        .settings
        .iter()
        .filter(|(name, _)| !name.starts_with("Auth0.Budget"))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    settings.push(format!("Flow.UserProvider={}", AUTH0.name));
    settings.push(format!("{}={}", AUTH0.address, provider.0.url));
    // The budget is not what is measured.
    settings.push("Auth0.BudgetBurst=1000".to_owned());
    settings.push("Auth0.BudgetPerSecond=1000".to_owned());
    let mut arguments = vec!["tenant", "add", TENANT];
    for setting in &settings {
        arguments.extend(["--set", setting]);
    }
    program.run(&arguments)?;
    program.fed(&["import", "--tenant", TENANT, "-"], |input| {
        for number in 0..READERS {
            let mut line = reader(number);
            if let Value::Object(line) = &mut line {
                line.remove("tenant");
            }
            writeln!(input, "{line}")?;
        }
        Ok(())
    })
}

/// A reader as a line of the import, with an id such as Auth0 gives.
fn reader(number: u32) -> Value {
    let mut line = People::person(number).line();
    line["customerRegistrationId"] = json!((AUTH0.id)(number.into()));
    line
}

/// One question, asked of one address with many ids.
struct Ask<'a> {
    name: &'static str,
    address: &'a str,
    headers: &'a str,
    target: &'static str,
}

impl<'a> Ask<'a> {
    const fn new(name: &'static str, address: &'a str, headers: &'a str, target: &'static str) -> Self {
        Self {
            name,
            address,
            headers,
            target,
        }
    }

    /// The times of one round, in milliseconds.
    fn round(&self, round: u32) -> Outcome<Vec<f64>> {
        thread::scope(|scope| {
            let workers: Vec<_> = (0..CONNECTIONS)
                .map(|connection| scope.spawn(move || self.one(round * CONNECTIONS + connection)))
                .collect();
            let mut all = Vec::new();
            for worker in workers {
                all.extend(worker.join().map_err(|_| "a thread of the load panicked")??);
            }
            Ok(all)
        })
    }

    fn one(&self, number: u32) -> Result<Vec<f64>, String> {
        let ask = || -> Outcome<Vec<f64>> {
            let mut client = Client::connect(self.address)?;
            (0..TIMES)
                .map(|time| {
                    let reader = (AUTH0.id)(u64::from((number * TIMES + time) % READERS));
                    let target = self.target.replace("{id}", &encoded(&reader));
                    let reply = client.get(&target, self.headers)?;
                    reply.good(self.name)?;
                    Ok(reply.milliseconds())
                })
                .collect()
        };
        ask().map_err(|error| error.to_string())
    }
}

/// A stand-in Auth0 that takes its time.
struct Provider(SandboxProcess);

impl Provider {
    fn start(bench: &Bench<'_>) -> Outcome<Self> {
        let sandbox = Program::built("masthead-sandbox", bench.profile)?;
        let users: Vec<Value> = (0..READERS).map(|number| (AUTH0.user)(&reader(number))).collect();
        let (seed, secret) = (bench.folder.join("sandbox.json"), bench.folder.join("sandbox-secret"));
        fs::write(&seed, Value::Array(users).to_string())?;
        fs::write(&secret, SECRET)?;
        let mut command = Command::new(sandbox);
        command
            .args(["--provider", AUTH0.stand_in, "--client-id", CLIENT, "--seed"])
            .arg(&seed)
            .arg("--client-secret-file")
            .arg(&secret);
        let provider = SandboxProcess::start(&mut command)?;
        let mut control = Client::connect(host(&provider.control)?)?;
        let quota = json!({"quota": {"burst": 100_000, "perSecond": 100_000}});
        good(&control.send("PATCH", "/settings", "", &quota.to_string())?)?;
        let late = json!({"fault": "latency", "ms": LATENCY, "path": "/api/v2/users"});
        good(&control.send("POST", "/faults", "", &late.to_string())?)?;
        Ok(Self(provider))
    }

    fn address(&self) -> Outcome<&str> {
        host(&self.0.url)
    }

    /// An access token, as the server gets one.
    fn token(&self) -> Outcome<String> {
        let asked = json!({
            "grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET,
            "audience": format!("{}/api/v2/", self.0.url),
        });
        let mut client = Client::connect(self.address()?)?;
        let reply = client.send(
            "POST",
            "/oauth/token",
            "Content-Type: application/json\r\n",
            &asked.to_string(),
        )?;
        let told = reply.good("the sandbox's token")?;
        Ok(told["access_token"]
            .as_str()
            .ok_or("no token in the sandbox's answer")?
            .to_owned())
    }
}

fn host(url: &str) -> Outcome<&str> {
    Ok(url.strip_prefix("http://").ok_or("the sandbox has no address")?)
}

fn good(reply: &Reply) -> Outcome {
    match reply.status {
        200..300 => Ok(()),
        status => Err(format!(
            "the sandbox's control address answered {status}: {}",
            String::from_utf8_lossy(&reply.body)
        )
        .into()),
    }
}
