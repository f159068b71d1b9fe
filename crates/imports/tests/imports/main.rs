//! Files of vendors, read and mapped by the published interface.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests and their helpers may panic")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "a JSON literal reads better without a reference"
)]

mod damaged;
mod encodings;
mod json_lists;
mod limits;
mod moving_in;
mod samples;
mod streams;
mod support;
mod traps;
mod values;
