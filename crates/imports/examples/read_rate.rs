//! How fast a file is read and mapped in one thread: `cargo run --release -p masthead-imports --example read_rate FILE`.
#![expect(clippy::print_stdout, reason = "a measurement prints")]

use std::{env, error::Error, fs::File, time::Instant};

use masthead_imports::{BlockedPolicy, ImportFile, MapContext, ReadOptions};
use time::macros::datetime;

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("a file is missing")?;
    let context = MapContext {
        now: datetime!(2030-01-01 0:00 UTC),
        blocked: BlockedPolicy::Reject,
    };
    for maps in [false, true] {
        let start = Instant::now();
        let mut file = ImportFile::open(Box::new(File::open(&path)?), &ReadOptions::default())?;
        let mapping = file.mapping();
        let (mut rows, mut rejected) = (0_u32, 0_u32);
        while let Some(row) = file.next_row()? {
            rows += 1;
            rejected += u32::from(maps && mapping.map(&row, &context).is_err());
        }
        let micros = start.elapsed().as_secs_f64() * 1e6 / f64::from(rows.max(1));
        let what = if maps { "read and mapped" } else { "read" };
        println!(
            "{}: {rows} rows {what}, {rejected} rejected, {micros:.2} µs a row",
            mapping.name()
        );
    }
    Ok(())
}
