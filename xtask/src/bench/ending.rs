//! The end of a measurement before its time.

use std::{fs, process, thread};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::child::terminate;
use crate::shell::Outcome;

/// From now on Ctrl-C, SIGTERM and the terminal's closing end this process and whatever it has started: nobody is there any
/// more to drop its children, and a server that nobody asks would slow the next measurement down.
pub(super) fn with_our_children() -> Outcome {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            for child in children() {
                // One that is gone already needs no asking.
                let _ = terminate(child);
            }
            process::exit(128 + signal);
        }
    });
    Ok(())
}

/// The processes that this one has started (proc(5)), whichever of its threads did.
fn children() -> Vec<u32> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::child::ChildGuard;

    #[test]
    fn what_this_process_has_started_is_known() {
        let owned = ChildGuard::start(Command::new("sleep").arg("600")).unwrap();
        assert!(children().contains(&owned.id()));
    }
}
