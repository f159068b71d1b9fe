//! The CPU time of processes, as the kernel accounts it.

use std::fs;
use std::process::Command;

use crate::shell::{Outcome, output};

/// Reads CPU time in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accounts {
    ticks_a_second: f64,
}

/// The fields that are needed of `/proc/<pid>/stat` (proc(5)).
struct Stat {
    parent: u32,
    own: f64,
    /// Of children that ended and were waited for.
    ended: f64,
}

impl Accounts {
    /// Asks the system for the length of a tick.
    pub(super) fn open() -> Outcome<Self> {
        let ticks = output(Command::new("getconf").arg("CLK_TCK"))?;
        Ok(Self {
            ticks_a_second: ticks.trim().parse()?,
        })
    }

    /// What a process has used so far, all its threads together; zero when it is gone.
    pub(super) fn of(self, process: u32) -> f64 {
        stat(process).map_or(0.0, |stat| stat.own / self.ticks_a_second)
    }

    /// What a process and its children have used, those that ended among them.
    pub(super) fn of_family(self, parent: u32) -> f64 {
        let Some(head) = stat(parent) else {
            return 0.0;
        };
        let children: f64 = processes()
            .filter_map(stat)
            .filter(|child| child.parent == parent)
            .map(|child| child.own + child.ended)
            .sum();
        (head.own + head.ended + children) / self.ticks_a_second
    }
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn stat(process: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

fn parse(text: &str) -> Option<Stat> {
    // The name, in parentheses, may hold blanks and parentheses itself.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        ended: ticks(13)? + ticks(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_an_odd_name_is_read() {
        let stat = parse("12 (a) b (c)) S 7 1 1 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 55 0").unwrap();
        assert_eq!(stat.parent, 7);
        assert!((stat.own - 120.0).abs() < f64::EPSILON && (stat.ended - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn our_own_process_is_found() {
        assert!(stat(std::process::id()).is_some());
    }
}
