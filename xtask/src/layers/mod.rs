//! `cargo xtask layers`: the rules of this repository that a program can check.

mod arrows;
mod deploy;
mod files;
mod manifest;
mod migrations;

use masthead_dev_postgres::workspace;

use crate::code_metrics;
use crate::shell::{TaskResult, cargo, output};

/// Checks every rule, prints each fault, and fails when there is one.
pub(crate) fn run() -> TaskResult {
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version=1"]))?;
    let packages = manifest::packages(&serde_json::from_str(&metadata)?)?;
    let root = workspace();

    let mut faults = arrows::faults(&packages);
    for package in &packages {
        faults.extend(package.faults()?);
        faults.extend(files::faults(&root, &package.folder)?);
        let circles = code_metrics::circles(&root, &package.folder)?;
        let describe = |circle| {
            format!(
                "{}: modules use each other in a circle: {}",
                package.name,
                code_metrics::describe(circle)
            )
        };
        faults.extend(circles.iter().map(describe));
    }
    faults.extend(deploy::faults(
        &root,
        packages.iter().map(|package| package.folder.as_path()),
    )?);
    faults.extend(migrations::faults(&root.join("migrations"))?);

    if faults.is_empty() {
        println!("layers: {} packages keep the rules", packages.len());
        return Ok(());
    }
    for fault in &faults {
        println!("{fault}");
    }
    Err(format!("{} faults against the rules of the house", faults.len()).into())
}
