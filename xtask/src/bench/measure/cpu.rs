//! CPU time of processes, from the kernel's accounting (proc(5)).

use std::fs;
use std::process::Command;

use crate::shell::{TaskResult, output};

/// Reads CPU time in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct CpuClock {
    ticks_per_second: f64,
}

/// The needed fields of `/proc/<pid>/stat`, times in ticks.
struct ProcessStat {
    parent: u32,
    own: f64,
    /// Of children that ended and were waited for.
    ended_children: f64,
}

impl CpuClock {
    /// Reads the length of a tick from the system.
    pub(super) fn new() -> TaskResult<Self> {
        let ticks = output(Command::new("getconf").arg("CLK_TCK"))?;
        Ok(Self {
            ticks_per_second: ticks.trim().parse()?,
        })
    }

    /// What a process has used so far, all threads together; zero if it has ended.
    pub(super) fn process_seconds(self, process: u32) -> f64 {
        read_stat(process).map_or(0.0, |stat| stat.own / self.ticks_per_second)
    }

    /// What a process and its children have used, including children that have ended.
    pub(super) fn family_seconds(self, parent: u32) -> f64 {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let ticks: f64 = processes
            .filter_map(|process| Some((process, read_stat(process)?)))
            .filter(|(process, stat)| *process == parent || stat.parent == parent)
            .map(|(_, stat)| stat.own + stat.ended_children)
            .sum();
        ticks / self.ticks_per_second
    }
}

fn read_stat(process: u32) -> Option<ProcessStat> {
    parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

fn parse(text: &str) -> Option<ProcessStat> {
    // The name, in parentheses, may contain blanks and parentheses itself.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(ProcessStat {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        ended_children: ticks(13)? + ticks(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_of_oddly_named_process_is_read() {
        let stat = parse("12 (a) b (c)) S 7 1 1 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 55 0").unwrap();
        assert_eq!(stat.parent, 7);
        assert!((stat.own - 120.0).abs() < f64::EPSILON && (stat.ended_children - 7.0).abs() < f64::EPSILON);
        assert!(read_stat(std::process::id()).is_some());
    }
}
