//! The OpenLDAP peer: the same readers as entries of a directory, and its process. It checks no token and writes neither
//! audit nor log.

use std::fs;
use std::io::{BufWriter, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::super::comparison::PeerLoad;
use super::super::context::BenchContext;
use super::super::cpu::CpuClock;
use super::super::database::in_import_order;
use super::super::server_process::free_address;
use super::super::users::{EDITION, InventedUser, TENANTS};
use super::super::wrk::WrkResult;
use super::ldap_load::LdapSearches;
use super::ldap_message::search_request;
use super::papers::{Needles, Papers};
use crate::child::ChildGuard;
use crate::shell::{TaskResult, output};

/// Where Debian's packages `slapd` and `ldap-utils` have what is needed.
const SLAPD: &str = "/usr/sbin/slapd";
const SLAPADD: &str = "/usr/sbin/slapadd";

const ROOT: &str = "cn=admin,dc=bench";
/// Protects invented data on this machine only.
const PASSWORD: &str = "bench";

/// As many entries as a page of the others has users.
const PAGE: u8 = 10;

const PATIENCE: Duration = Duration::from_mins(1);

/// A running `slapd`.
pub(super) struct OpenLdap {
    child: ChildGuard,
    address: String,
    database: PathBuf,
}

/// A load for it.
pub(super) struct LdapLoad<'a> {
    searches: LdapSearches,
    server: &'a OpenLdap,
    clock: CpuClock,
}

impl OpenLdap {
    /// Loads the readers unless an earlier run did, and starts it; `None` if it is not installed.
    pub(super) fn start(context: &BenchContext<'_>) -> TaskResult<Option<Self>> {
        if !Path::new(SLAPD).exists() || !Path::new(SLAPADD).exists() {
            return Ok(None);
        }
        let rows = context.plan.rows;
        let folder = context.folder.join(format!("openldap-{rows}"));
        let (database, config) = (folder.join("data"), folder.join("slapd.conf"));
        fs::create_dir_all(&database)?;
        let text = configuration(&folder, &database);
        fs::write(&config, &text)?;
        // The readers belong to this configuration: indexes are made while loading.
        let (mark, loaded) = (format!("edition={EDITION}\n{text}"), folder.join("loaded"));
        if context.plan.fresh || fs::read_to_string(&loaded).ok().as_ref() != Some(&mark) {
            let begun = Instant::now();
            fs::remove_dir_all(&database)?;
            fs::create_dir(&database)?;
            load(&config, rows)?;
            fs::write(&loaded, mark)?;
            println!(
                "OpenLDAP: {rows} readers loaded in {:.0} s",
                begun.elapsed().as_secs_f64()
            );
        }
        let address = free_address()?;
        let child = ChildGuard::start(
            Command::new(SLAPD)
                .args(["-d", "0", "-h", &format!("ldap://{address}")])
                .arg("-f")
                .arg(&config),
        )?;
        let mut server = Self {
            child,
            address,
            database,
        };
        server.wait_until_ready()?;
        Ok(Some(server))
    }

    fn wait_until_ready(&mut self) -> TaskResult {
        let begun = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("slapd ended early ({status})").into());
            }
            if begun.elapsed() > PATIENCE {
                return Err("slapd was not ready in time".into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Searches for these needles in the papers' entries.
    pub(super) fn load_of(&self, clock: CpuClock, needles: &Needles) -> LdapLoad<'_> {
        let requests = needles
            .iter()
            .map(|(tenant, needle)| search_request(&base_of(*tenant), needle, PAGE));
        LdapLoad {
            searches: LdapSearches {
                address: self.address.clone(),
                name: ROOT.to_owned(),
                password: PASSWORD.to_owned(),
                requests: requests.collect(),
            },
            server: self,
            clock,
        }
    }

    /// Bytes on disk.
    pub(super) fn bytes(&self) -> TaskResult<u64> {
        let mut sum = 0;
        for file in fs::read_dir(&self.database)? {
            // The file is sparse: blocks are what it occupies.
            sum += file?.metadata()?.blocks() * 512;
        }
        Ok(sum)
    }
}

/// The version, or that it is not present.
pub(super) fn version() -> String {
    let version = output(Command::new("dpkg-query").args(["--show", "--showformat=${Version}", "slapd"]));
    match version {
        Ok(version) if Path::new(SLAPD).exists() => version,
        _ => "not present (apt-get install slapd)".to_owned(),
    }
}

impl LdapLoad<'_> {
    /// Checks that each search finds as many entries as the model.
    ///
    /// # Errors
    /// When one finds others.
    pub(super) fn check(&self, papers: &Papers, needles: &Needles) -> TaskResult {
        for ((_, needle), found) in needles.iter().zip(self.searches.count_entries()?) {
            let expected = papers.large.with_part(needle).take(PAGE.into()).count();
            if found != expected {
                return Err(format!("OpenLDAP finds {found} entries for {needle} instead of {expected}").into());
            }
        }
        println!("checked: {} answers of OpenLDAP", needles.len());
        Ok(())
    }
}

impl PeerLoad for LdapLoad<'_> {
    fn run(&self, connections: u32, seconds: u32) -> TaskResult<WrkResult> {
        self.searches.run(self.clock, connections, seconds)
    }

    fn process(&self) -> u32 {
        self.server.child.id()
    }

    fn take_written(&self, _answers: u64) -> TaskResult<Option<(u64, u64)>> {
        Ok(None)
    }
}

fn base_of(tenant: u32) -> String {
    format!("ou=paper-{tenant},dc=bench")
}

fn configuration(folder: &Path, database: &Path) -> String {
    let (folder, database) = (folder.display(), database.display());
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
loglevel none
sizelimit unlimited
database mdb
suffix dc=bench
rootdn {ROOT}
rootpw {PASSWORD}
directory {database}
# Address space, not memory: enough for 20 million entries.
maxsize 85899345920
index objectClass eq
index uid eq
index mail eq,sub
"
    )
}

/// Loads all entries with their indexes.
fn load(config: &Path, rows: u32) -> TaskResult {
    let mut child = ChildGuard::start(
        Command::new(SLAPADD)
            .args(["-q", "-f"])
            .arg(config)
            .stdin(Stdio::piped())
            .stdout(Stdio::null()),
    )?;
    let input = child.stdin.take().ok_or("a child without input")?;
    let written = write_entries(input, rows);
    let status = child.wait()?;
    if status.success() {
        return written;
    }
    Err(format!("slapadd failed ({status})").into())
}

fn write_entries(output: impl Write, rows: u32) -> TaskResult {
    let mut output = BufWriter::with_capacity(1 << 18, output);
    write!(
        output,
        "dn: dc=bench\nobjectClass: dcObject\nobjectClass: organization\no: bench\ndc: bench\n\n"
    )?;
    for tenant in 0..TENANTS {
        let base = base_of(tenant);
        write!(
            output,
            "dn: {base}\nobjectClass: organizationalUnit\nou: paper-{tenant}\n\n"
        )?;
    }
    for user in in_import_order(rows) {
        output.write_all(entry_of(user).as_bytes())?;
    }
    Ok(output.flush()?)
}

/// What the import's line has. All texts are ASCII and need no encoding in LDIF.
fn entry_of(user: InventedUser) -> String {
    let line = user.import_line("");
    let (id, first, last) = (user.id(), user.first_name(), user.last_name());
    let mut entry = format!(
        "dn: uid={id},{base}\nobjectClass: inetOrgPerson\nuid: {id}\ncn: {first} {last}\nsn: {last}\ngivenName: {first}\n\
         mail: {email}\ndescription: verified={verified}\n",
        base = base_of(user.tenant()),
        email = user.email(),
        verified = line["verified"],
    );
    if let Some(hash) = line["passwordHash"].as_str() {
        entry.extend(["userPassword: {ARGON2}", hash, "\n"]);
    }
    if let Some(date) = line["dateRegistered"].as_str() {
        entry.extend(["description: registered=", date, "\n"]);
    }
    for (key, value) in user.metadata() {
        entry.extend(["description: ", key, "=", &value, "\n"]);
    }
    entry + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_below_their_paper() {
        let mut ldif = Vec::new();
        write_entries(&mut ldif, 20).unwrap();
        let ldif = String::from_utf8(ldif).unwrap();
        assert_eq!(ldif.matches("\nobjectClass: inetOrgPerson\n").count(), 20);
        assert_eq!(
            ldif.matches("\nobjectClass: organizationalUnit\n").count(),
            TENANTS as usize
        );
        assert!(ldif.contains(&format!("dn: uid=100003,{}\n", base_of(InventedUser(3).tenant()))));
        assert!(ldif.contains("mail: tamwyn.ramner3@bigmail.example\n"));
    }
}
