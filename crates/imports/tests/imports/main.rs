//! Files of vendors, read and mapped by the published interface.

mod damaged;
mod encodings;
mod json_lists;
mod limits;
mod moving_in;
mod samples;
mod support;
mod traps;
mod values;
