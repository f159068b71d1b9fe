//! Ends the child processes of a measurement that is stopped early.

use std::{fs, process, thread};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::child::terminate;
use crate::shell::TaskResult;

/// Installs a handler: Ctrl-C, SIGTERM and SIGHUP end the children of this process, then the process itself.
///
/// A signal runs no destructors, and a server that is left behind would slow the next measurement down.
pub(super) fn end_children_on_signal() -> TaskResult {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            for child in children() {
                // The child may have ended already.
                let _ = terminate(child);
            }
            process::exit(128 + signal);
        }
    });
    Ok(())
}

/// The child processes of all threads of this process (proc(5)).
fn children() -> Vec<u32> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let all: Vec<String> = lists.collect();
    all.iter()
        .flat_map(|list| list.split_whitespace().filter_map(|child| child.parse().ok()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::child::ChildGuard;

    #[test]
    fn started_processes_are_listed() {
        let owned = ChildGuard::start(Command::new("sleep").arg("600")).unwrap();
        assert!(children().contains(&owned.id()));
    }
}
