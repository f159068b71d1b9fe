//! The paths that a piece of code refers to, and the names that it imports and re-exports.

use proc_macro2::{TokenStream, TokenTree};
use syn::{UseTree, Visibility, visit::Visit};

/// A path as it is written: `crate::a::B` is `["crate", "a", "B"]`; the last segment is `*` for a glob.
pub(super) type Segments = Vec<String>;

/// A name that a `use` brings into a module.
pub(super) struct Import {
    /// The name in the module; `*` for a glob.
    pub(super) name: String,
    pub(super) path: Segments,
    /// `pub use`, with any visibility: the module passes it on and does not itself depend on it.
    pub(super) is_reexport: bool,
}

/// Collects from the items of one module, without its child modules and without code for tests only.
#[derive(Default)]
pub(super) struct References {
    pub(super) imports: Vec<Import>,
    pub(super) paths: Vec<Segments>,
}

/// Whether the attributes compile the item for tests only.
pub(super) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

impl References {
    fn import(&mut self, tree: &UseTree, mut before: Segments, is_reexport: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before, is_reexport);
            }
            UseTree::Group(group) => {
                for item in &group.items {
                    self.import(item, before.clone(), is_reexport);
                }
            }
            UseTree::Name(_) | UseTree::Rename(_) | UseTree::Glob(_) => {
                let (segment, name) = match tree {
                    UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
                    UseTree::Rename(rename) => (rename.ident.to_string(), rename.rename.to_string()),
                    _ => ("*".to_owned(), "*".to_owned()),
                };
                let name = match before.last() {
                    Some(module) if segment == "self" => module.clone(),
                    _ => name,
                };
                if segment != "self" {
                    before.push(segment);
                }
                self.imports.push(Import {
                    name,
                    path: before,
                    is_reexport,
                });
            }
        }
    }

    /// Paths in the tokens of a macro call, whose syntax is the macro's own.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut path: Segments = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.take(&mut path);
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.take(&mut path);
                    self.read_tokens(group.stream());
                    colons = 0;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.take(&mut path);
                    colons = 0;
                }
            }
        }
        self.take(&mut path);
    }

    fn take(&mut self, path: &mut Segments) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.paths.push(path);
        }
    }
}

impl<'ast> Visit<'ast> for References {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !matches!(item, syn::Item::Mod(_)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.import(&item.tree, Vec::new(), !matches!(item.vis, Visibility::Inherited));
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_for_tests(&item.attrs) {
            syn::visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_for_tests(&item.attrs) {
            syn::visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            syn::visit::visit_impl_item_fn(self, item);
        }
    }

    // `pub(crate)` refers to no item.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string());
        self.paths.push(segments.collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.read_tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }
}
