//! `cargo xtask code-metrics`: size and readability of the code in figures, per package.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use syn::visit::Visit;

use crate::code::circles;
use crate::code::comments::{comment_lines, words};
use crate::code::file::{SourceFile, rust_files};
use crate::code::words::UnwantedWords;
use crate::shell::TaskResult;

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Another checkout of this repository, to compare with.
    #[arg(long)]
    root: Option<PathBuf>,
    /// Lists the circles, the repeated names and the long test names too.
    #[arg(long)]
    verbose: bool,
}

/// The figures of a package.
#[derive(Default)]
struct Figures {
    files: usize,
    production_lines: usize,
    test_lines: usize,
    comment_words: usize,
    unwanted_words: usize,
    circles: Vec<String>,
    names: Names,
}

/// What a package defines.
#[derive(Default)]
struct Names {
    types: Vec<String>,
    errors: BTreeSet<String>,
    functions_named_of: usize,
    tests: Vec<String>,
}

/// Prints one line for each package and one for all.
pub(crate) fn run(options: &Options) -> TaskResult {
    let root = options.root.clone().unwrap_or_else(masthead_dev_postgres::workspace);
    let mut packages = Vec::new();
    for folder in package_folders(&root)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        packages.push((name, measure(&root, &folder)?));
    }

    println!("package               files production   tests circles unwanted words per 1,000 of comments");
    for (name, figures) in &packages {
        print_line(name, figures);
    }
    let total = total(packages.iter().map(|(_, figures)| figures));
    print_line("all", &total);
    print_names(&total.names, options.verbose);
    if options.verbose {
        for (name, figures) in &packages {
            for circle in &figures.circles {
                println!("circle in {name}: {circle}");
            }
        }
    }
    Ok(())
}

fn package_folders(root: &Path) -> TaskResult<Vec<PathBuf>> {
    let mut folders = vec![root.join("xtask")];
    for entry in std::fs::read_dir(root.join("crates"))? {
        folders.push(entry?.path());
    }
    folders.retain(|folder| folder.join("Cargo.toml").is_file());
    folders.sort();
    Ok(folders)
}

fn measure(root: &Path, package: &Path) -> TaskResult<Figures> {
    let unwanted = UnwantedWords::from_repository();
    let mut figures = Figures::default();
    for path in rust_files(package)? {
        let file = SourceFile::read(root, &path)?;
        figures.files += 1;
        figures.production_lines += file.production_lines();
        figures.test_lines += file.text.lines().count() - file.production_lines();
        for word in comment_lines(&file.text).flat_map(|(_, text)| words(text)) {
            figures.comment_words += 1;
            figures.unwanted_words += usize::from(unwanted.contains(&word));
        }
        figures.names.visit_file(&file.syntax);
    }
    figures.circles = circles::of_package(root, package)?;
    Ok(figures)
}

fn total<'a>(packages: impl Iterator<Item = &'a Figures>) -> Figures {
    let mut total = Figures::default();
    for figures in packages {
        total.files += figures.files;
        total.production_lines += figures.production_lines;
        total.test_lines += figures.test_lines;
        total.comment_words += figures.comment_words;
        total.unwanted_words += figures.unwanted_words;
        total.circles.extend_from_slice(&figures.circles);
        total.names.types.extend_from_slice(&figures.names.types);
        total.names.errors.extend(figures.names.errors.iter().cloned());
        total.names.functions_named_of += figures.names.functions_named_of;
        total.names.tests.extend_from_slice(&figures.names.tests);
    }
    total
}

#[expect(clippy::cast_precision_loss, reason = "counts of words are small")]
fn print_line(name: &str, figures: &Figures) {
    println!(
        "{name:<20} {:>6} {:>10} {:>7} {:>7} {:>10.2}",
        figures.files,
        figures.production_lines,
        figures.test_lines,
        figures.circles.len(),
        figures.unwanted_words as f64 * 1000.0 / figures.comment_words.max(1) as f64,
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts of names are small")]
fn print_names(names: &Names, verbose: bool) {
    let mut definitions: BTreeMap<&str, usize> = BTreeMap::new();
    for name in &names.types {
        *definitions.entry(name).or_default() += 1;
    }
    let repeated: Vec<_> = definitions.iter().filter(|(_, count)| **count > 1).collect();
    println!(
        "type names: {}, defined more than once: {} ({:.1} %)",
        definitions.len(),
        repeated.len(),
        repeated.len() as f64 * 100.0 / definitions.len().max(1) as f64
    );
    let (good, bad): (Vec<_>, Vec<_>) = names.errors.iter().partition(|name| name.ends_with("Error"));
    println!("error types: {}, not ending in Error: {bad:?}", good.len() + bad.len());
    println!("functions named `of`: {}", names.functions_named_of);

    let mut lengths: Vec<usize> = names.tests.iter().map(|name| name.split('_').count()).collect();
    lengths.sort_unstable();
    println!(
        "tests: {}, words of their names: median {}, longest {}",
        lengths.len(),
        lengths.get(lengths.len() / 2).unwrap_or(&0),
        lengths.last().unwrap_or(&0)
    );
    if verbose {
        for (name, count) in repeated {
            println!("type {name}: {count} times");
        }
        for name in names.tests.iter().filter(|name| name.split('_').count() > 12) {
            println!("test {name}");
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add_type(&item.ident, &item.attrs);
        syn::visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add_type(&item.ident, &item.attrs);
        syn::visit::visit_item_enum(self, item);
    }

    fn visit_item_union(&mut self, item: &'ast syn::ItemUnion) {
        self.add_type(&item.ident, &item.attrs);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add_type(&item.ident, &item.attrs);
        syn::visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add_type(&item.ident, &item.attrs);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let implemented = item.trait_.as_ref().and_then(|(path, _)| path.segments.last());
        if implemented.is_some_and(|name| name.ident == "Error")
            && let syn::Type::Path(path) = &*item.self_ty
            && let Some(name) = path.path.segments.last()
        {
            self.errors.insert(name.ident.to_string());
        }
        syn::visit::visit_item_impl(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let is_test = item.attrs.iter().any(|attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|segment| segment.ident == "test")
        });
        if is_test {
            self.tests.push(item.sig.ident.to_string());
        }
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.functions_named_of += usize::from(signature.ident == "of");
        syn::visit::visit_signature(self, signature);
    }
}

impl Names {
    fn add_type(&mut self, name: &syn::Ident, attributes: &[syn::Attribute]) {
        self.types.push(name.to_string());
        let derives_error = attributes.iter().any(|attribute| {
            let mut found = false;
            if attribute.path().is_ident("derive") {
                // Attributes that do not parse are the compiler's to refuse.
                let _ = attribute.parse_nested_meta(|meta| {
                    found |= meta
                        .path
                        .segments
                        .last()
                        .is_some_and(|segment| segment.ident == "Error");
                    Ok(())
                });
            }
            found
        });
        if derives_error {
            self.errors.insert(name.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Names {
        let mut names = Names::default();
        names.visit_file(&syn::parse_file(text).unwrap());
        names
    }

    #[test]
    fn types_of_functions_count_too() {
        let names = names("struct A; enum B {} trait C {} type D = A; fn f() { struct E; }");
        assert_eq!(names.types, ["A", "B", "C", "D", "E"]);
    }

    #[test]
    fn errors_are_derived_or_implemented() {
        let names = names("#[derive(Debug, thiserror::Error)] enum A {} struct B; impl std::error::Error for B {}");
        assert_eq!(names.errors, ["A", "B"].map(str::to_owned).into());
    }

    #[test]
    fn tests_of_all_runtimes_count() {
        let names = names("#[test] fn one() {} #[tokio::test(flavor = \"multi_thread\")] async fn two() {} fn of() {}");
        assert_eq!(names.tests, ["one", "two"]);
        assert_eq!(names.functions_named_of, 1);
    }
}
