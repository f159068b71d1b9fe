//! `cargo xtask layers`: the rules of this repository that a program can check.

mod arrows;
mod dependencies;
mod deploy;
mod files;
mod manifest;
mod migrations;
mod texts;

use masthead_dev_postgres::workspace;

use crate::code::circles;
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
        for circle in circles::of_package(&root, &package.folder)? {
            faults.push(format!(
                "{}: modules use each other in a circle: {circle}",
                package.name
            ));
        }
    }
    faults.extend(deploy::faults(
        &root,
        packages.iter().map(|package| package.folder.as_path()),
    )?);
    faults.extend(migrations::faults(&root.join("migrations"))?);
    faults.extend(texts::faults(&root)?);
    faults.extend(dependencies::faults(&root)?);

    if faults.is_empty() {
        println!("layers: {} packages keep the rules", packages.len());
        return Ok(());
    }
    for fault in &faults {
        println!("{fault}");
    }
    Err(format!("{} faults against the rules of the house", faults.len()).into())
}
