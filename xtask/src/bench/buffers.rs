//! How many buffers a search touches, as the server really asked it: told by `auto_explain` in the log of Postgres.

use std::fs;
use std::thread;
use std::time::Duration;

use super::client::Client;
use super::whole::Bench;
use crate::shell::Outcome;

const ON: &str = "session_preload_libraries = 'auto_explain'; auto_explain.log_min_duration = 0; \
    auto_explain.log_analyze = on; auto_explain.log_timing = off; auto_explain.log_buffers = on";

/// What each of these requests touches; nothing where the log of Postgres is out of reach.
pub(super) fn touched(bench: &Bench<'_>, headers: &str, targets: &[String]) -> Outcome<Vec<Option<u64>>> {
    let Some(log) = bench.database.server.log_file() else {
        return Ok(vec![None; targets.len()]);
    };
    let name = &bench.database.name;
    for setting in ON.split("; ") {
        bench.database.run(&format!("ALTER DATABASE {name} SET {setting}"))?;
    }
    let counted = (|| {
        // Its sessions begin after the settings were changed.
        let serving = bench.program.serve(&bench.folder.join("buffers.log"), &[])?;
        let mut client = Client::connect(&serving.address)?;
        let mut counted = Vec::new();
        for target in targets {
            let begun = usize::try_from(fs::metadata(&log)?.len())?;
            client.get(target, headers)?.good(target)?;
            // The log is written by the backend before it answers, but for what a stray buffer keeps.
            thread::sleep(Duration::from_millis(20));
            let text = fs::read(&log)?;
            counted.push(sum(
                &String::from_utf8_lossy(text.get(begun..).unwrap_or_default()),
                name,
            ));
        }
        serving.stop()?;
        Ok(counted)
    })();
    bench.database.run(&format!("ALTER DATABASE {name} RESET ALL"))?;
    counted
}

/// The buffers of all plans over registrations; the first line of a plan that tells buffers tells those of the whole.
fn sum(log: &str, database: &str) -> Option<u64> {
    let ours = format!(" {database} LOG:");
    let mut found = None;
    for entry in log
        .split("\n20")
        .filter(|entry| entry.contains(&ours) && entry.contains("registrations"))
    {
        let line = entry.lines().find_map(|line| line.trim().strip_prefix("Buffers: "));
        let Some(line) = line else { continue };
        let of = |kind: &str| {
            let (_, rest) = line.split_once(kind)?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
        };
        found = Some(found.unwrap_or(0) + of("hit=").unwrap_or(0) + of("read=").unwrap_or(0));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffers_of_each_plan_are_added_up() {
        let log = "2026-01-01 00:00:00 UTC [5] masthead_bench LOG:  duration: 0.1 ms  plan:\n\
            \tQuery Text: SELECT 1 FROM registrations\n\tLimit  (cost=0)\n\t  Buffers: shared hit=7 read=3\n\
            \t  ->  Index Scan\n\t        Buffers: shared hit=7\n\
            2026-01-01 00:00:00 UTC [5] masthead_other LOG:  duration: 0.1 ms  plan:\n\
            \tQuery Text: SELECT 1 FROM registrations\n\tLimit  (cost=0)\n\t  Buffers: shared hit=100\n\
            2026-01-01 00:00:00 UTC [6] masthead_bench LOG:  duration: 0.1 ms  plan:\n\
            \tQuery Text: SELECT count(*) FROM registrations\n\tAggregate\n\t  Buffers: shared hit=5\n";
        assert_eq!(sum(log, "masthead_bench"), Some(15));
        assert_eq!(sum("nothing", "masthead_bench"), None);
    }
}
