//! No core dumps: the memory of the program holds secrets and users' data.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Forbids core dumps of this process, and other processes of its user to read its memory. Does nothing where the system
/// refuses, as the program is no less useful then.
pub(crate) fn forbid() {
    // Both: the limit does not hold for dumps that the kernel pipes to a program (core(5)).
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
