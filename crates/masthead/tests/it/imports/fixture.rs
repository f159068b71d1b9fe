//! A database with two papers, a folder with files, and runs of `masthead import`.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use masthead_dev_postgres::TestDatabase;
use serde_json::Value;

use crate::support::process;

pub(super) const HERALD: &str = "north/daily/herald";
pub(super) const TIMES: &str = "north/daily/times";

/// A database and a folder.
pub(super) struct ImportFixture {
    pub(super) database: TestDatabase,
    pub(super) settings: Vec<(String, String)>,
    folder: PathBuf,
}

/// How an import ended.
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) report: Value,
    pub(super) messages: String,
}

impl ImportFixture {
    /// A database with two papers; the second has this setting.
    pub(super) fn new(name: &str) -> Self {
        let database = TestDatabase::empty().unwrap();
        let settings = process::settings(&database.url().unwrap());
        process::run_ok(&settings, &["migrate"], "");
        for tenant in [HERALD, TIMES] {
            process::run_ok(&settings, &["tenant", "add", tenant], "");
        }
        let folder = std::env::temp_dir().join(format!("masthead-import-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self {
            database,
            settings,
            folder,
        }
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file, and returns its path.
    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// Imports with `--report` for the first paper.
    pub(super) fn import(&self, arguments: &[&str]) -> Ended {
        self.import_text(arguments, "")
    }

    /// The same, of this text.
    pub(super) fn import_text(&self, arguments: &[&str], text: &str) -> Ended {
        let usual = ["import", "--tenant", HERALD, "--report"];
        let output = process::run(&self.settings, &[&usual, arguments].concat(), text);
        Ended {
            code: output.status.code().unwrap(),
            report: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            messages: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts an import that can be killed.
    pub(super) fn spawn(&self, arguments: &[&str]) -> RunningImport {
        let child = Command::new(env!("CARGO_BIN_EXE_masthead"))
            .env_clear()
            .envs(self.settings.iter().cloned())
            .env("MASTHEAD__DATABASE__ACQUIRE_TIMEOUT", "60s")
            .args(["import", "--tenant", HERALD, "--report"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        RunningImport(child.unwrap())
    }

    pub(super) fn query(&self, query: &str) -> String {
        self.database.run(query).unwrap().trim().to_owned()
    }

    /// All registrations, without their numbers.
    pub(super) fn registrations(&self) -> String {
        self.query("SELECT to_jsonb(r) - 'id' FROM registrations AS r ORDER BY pool, crid, id")
    }
}

impl Drop for ImportFixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A running import; killed when dropped.
pub(super) struct RunningImport(pub(super) Child);

impl RunningImport {
    /// Kills it at once (SIGKILL).
    pub(super) fn kill(mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for RunningImport {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Ended {
    /// A number of the report.
    pub(super) fn count(&self, name: &str) -> u64 {
        self.report[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name}: {}", self.messages))
    }

    /// Imported, merged, skipped and rejected rows, whose sum is that of all rows.
    pub(super) fn counts(&self) -> [u64; 4] {
        let counts = ["imported", "merged", "skipped", "rejected"].map(|name| self.count(name));
        assert_eq!(counts.iter().sum::<u64>(), self.count("rows"), "{}", self.report);
        counts
    }
}
