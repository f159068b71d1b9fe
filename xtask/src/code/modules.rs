//! The modules of a crate as a tree, with what each refers to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

use super::file::SourceFile;
use super::references::{References, Segments, is_for_tests};
use crate::shell::TaskResult;

/// Names of modules from the crate's root on; empty for the root.
pub(crate) type ModulePath = Vec<String>;

/// Every module of a crate that is not for tests only.
#[derive(Default)]
pub(crate) struct ModuleTree {
    modules: BTreeMap<ModulePath, References>,
}

impl ModuleTree {
    /// Reads the crate whose root is this file (`src/lib.rs` or `src/main.rs`).
    ///
    /// # Errors
    /// A file that cannot be read, is not Rust, or is missing.
    pub(crate) fn read(workspace: &Path, root: &Path) -> TaskResult<Self> {
        let mut tree = Self::default();
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        tree.add_file(workspace, root, &folder, &[])?;
        Ok(tree)
    }

    fn add_file(&mut self, workspace: &Path, file: &Path, children: &Path, path: &[String]) -> TaskResult {
        let file = SourceFile::read(workspace, file)?;
        self.add(workspace, &file, &file.syntax.items, children, path)
    }

    fn add(
        &mut self,
        workspace: &Path,
        file: &SourceFile,
        items: &[syn::Item],
        children: &Path,
        path: &[String],
    ) -> TaskResult {
        let mut references = References::default();
        for item in items {
            references.visit_item(item);
        }
        self.modules.insert(path.to_vec(), references);

        for item in items {
            let syn::Item::Mod(module) = item else { continue };
            if is_for_tests(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let folder = children.join(&name);
            let path = [path, std::slice::from_ref(&name)].concat();
            if let Some((_, items)) = &module.content {
                self.add(workspace, file, items, &folder, &path)?;
            } else {
                let found = file_of_module(children, &name)
                    .ok_or_else(|| format!("{}: no file of the module {name}", file.name))?;
                self.add_file(workspace, &found, &folder, &path)?;
            }
        }
        Ok(())
    }

    /// Each pair of module and module that it refers to.
    pub(crate) fn arrows(&self) -> Vec<(ModulePath, ModulePath)> {
        let mut arrows = Vec::new();
        for (module, references) in &self.modules {
            let imports = references.imports.iter().filter(|import| !import.is_reexport);
            let paths = imports.map(|import| &import.path).chain(&references.paths);
            for path in paths {
                if let Some(target) = self.resolve(module, path, 0)
                    && target != *module
                {
                    arrows.push((module.clone(), target));
                }
            }
        }
        arrows.sort();
        arrows.dedup();
        arrows
    }

    /// The module in which the item of a path is defined; `None` for another crate's.
    fn resolve(&self, module: &ModulePath, path: &[String], depth: usize) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        // A circle of re-exports ends here; so does a chain that is longer than any real one.
        if depth > 8 {
            return None;
        }
        let start = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module.split_last()?.1.to_vec(),
            _ => return self.descend(module, path, depth),
        };
        match rest.first().map(String::as_str) {
            Some("super") => self.resolve(&start, rest, depth),
            _ => self.descend(&start, rest, depth).or(Some(start)),
        }
    }

    /// Follows a path from a module through child modules and imported names.
    fn descend(&self, module: &ModulePath, path: &[String], depth: usize) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let child = [module.as_slice(), std::slice::from_ref(first)].concat();
        if self.modules.contains_key(&child) {
            return self.descend(&child, rest, depth).or(Some(child));
        }
        let imports = &self.modules.get(module)?.imports;
        let import = imports.iter().find(|import| import.name == *first)?;
        let whole: Segments = [import.path.as_slice(), rest].concat();
        self.resolve(module, &whole, depth + 1)
    }
}

fn file_of_module(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")]
        .into_iter()
        .find(|path| path.is_file())
}
