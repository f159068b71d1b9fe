//! Circles between modules: siblings that use each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::modules::{ModulePath, ModuleTree};
use crate::shell::TaskResult;

/// Modules below one parent that all reach each other.
#[derive(Debug, PartialEq, Eq)]
struct Circle {
    /// The parent's path; empty for the crate's root.
    parent: ModulePath,
    /// The names of the children; [`PARENT`] for the parent's own code.
    members: Vec<String>,
}

/// The name of a parent module's own code among its children.
const PARENT: &str = "(parent)";

/// The circles of the package's crates, its library and its program, each as one line: the parent's path and its members.
///
/// # Errors
/// A file that cannot be read or is not Rust.
pub(crate) fn of_package(root: &Path, package: &Path) -> TaskResult<Vec<String>> {
    let mut circles = Vec::new();
    for crate_root in ["src/lib.rs", "src/main.rs"].map(|file| package.join(file)) {
        if crate_root.is_file() {
            circles.extend(find_circles(&ModuleTree::read(root, &crate_root)?.arrows()));
        }
    }
    Ok(circles.iter().map(describe).collect())
}

fn describe(circle: &Circle) -> String {
    let parent = [&["crate".to_owned()], circle.parent.as_slice()].concat().join("::");
    format!("{parent}: {}", circle.members.join(", "))
}

/// Finds the circles at every level of the tree of modules.
///
/// An arrow between two modules counts where their paths part: `a::b → a::c::d` is an arrow from `b` to `c` below `a`. A
/// child that uses its parent's items, while the parent uses the child, is a circle too.
fn find_circles(arrows: &[(ModulePath, ModulePath)]) -> Vec<Circle> {
    let mut levels: BTreeMap<ModulePath, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (from, to) in arrows {
        let common = from.iter().zip(to).take_while(|(one, other)| one == other).count();
        let at = |path: &ModulePath| path.get(common).map_or(PARENT, String::as_str).to_owned();
        let level = levels.entry(from[..common].to_vec()).or_default();
        level.entry(at(from)).or_default().insert(at(to));
        level.entry(at(to)).or_default();
    }
    let circles = levels.into_iter().flat_map(|(parent, graph)| {
        components(&graph).into_iter().map(move |members| Circle {
            parent: parent.clone(),
            members,
        })
    });
    circles.collect()
}

/// The strongly connected components of more than one node.
fn components(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|node| (node.as_str(), reach(graph, node))).collect();
    let mut seen = BTreeSet::new();
    let mut components = Vec::new();
    for node in graph.keys().map(String::as_str) {
        let members: Vec<String> = reached[node]
            .iter()
            .filter(|other| reached[**other].contains(node))
            .map(|other| (*other).to_owned())
            .collect();
        if members.len() > 1 && seen.insert(members.clone()) {
            components.push(members);
        }
    }
    components
}

fn reach<'a>(graph: &'a BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = graph[from].iter().map(String::as_str).collect();
    while let Some(node) = next.pop() {
        if reached.insert(node) {
            next.extend(graph[node].iter().map(String::as_str));
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The circles of a crate of these files.
    fn circles(name: &str, files: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
        let folder = std::env::temp_dir().join(format!("masthead-circles-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let tree = ModuleTree::read(&folder, &folder.join("lib.rs")).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        find_circles(&tree.arrows())
            .into_iter()
            .map(|circle| (circle.parent.join("::"), circle.members))
            .collect()
    }

    fn members(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn arrows_in_one_direction_are_no_circle() {
        let files = [
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "pub struct B;"),
        ];
        assert!(circles("none", &files).is_empty());
    }

    #[test]
    fn siblings_that_use_each_other_are_a_circle() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B; fn f() -> super::a::A { todo!() }"),
        ];
        assert_eq!(circles("two", &files), [(String::new(), members(&["a", "b"]))]);
    }

    #[test]
    fn a_reexport_leads_to_the_defining_module() {
        let files = [
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::A; pub struct B;"),
        ];
        assert_eq!(circles("reexport", &files), [(String::new(), members(&["a", "b"]))]);
    }

    #[test]
    fn paths_within_macro_calls_count() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "fn f() { println!(\"{}\", crate::b::g()); }"),
            ("b.rs", "use crate::a; pub fn g() {}"),
        ];
        assert_eq!(circles("macro", &files), [(String::new(), members(&["a", "b"]))]);
    }

    #[test]
    fn a_child_and_its_parent_are_a_circle() {
        let files = [
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b; pub struct A(b::B);"),
            ("a/b.rs", "use super::A; pub struct B;"),
        ];
        assert_eq!(circles("parent", &files), [("a".to_owned(), members(&[PARENT, "b"]))]);
    }

    #[test]
    fn code_for_tests_does_not_count() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A; "),
            ("b.rs", "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }"),
        ];
        assert!(circles("tests", &files).is_empty());
    }
}
