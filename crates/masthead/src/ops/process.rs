//! The resources of the process, as the kernel counts them.

use std::fs;

/// The kernel's clock ticks per second in `/proc` (USER_HZ), the same on every architecture that Linux runs servers on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Sets the `process_…` metrics; does nothing without `/proc`.
pub(super) fn measure() {
    if let Some(seconds) = fs::read_to_string("/proc/self/stat")
        .ok()
        .and_then(|stat| cpu_seconds(&stat))
    {
        metrics::gauge!("process_cpu_seconds_total").set(seconds);
    }
    if let Some(bytes) = fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| resident_bytes(&status))
    {
        metrics::gauge!("process_resident_memory_bytes").set(bytes);
    }
}

/// User and system time of all threads: fields 14 and 15 of proc_pid_stat(5). Field 2, the name, may contain spaces.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_parsed_after_a_name_with_spaces() {
        let stat = "42 (mast) head) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 5 0 100 1000 10";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("nonsense"), None);
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2_097_152.0));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
    }
}
