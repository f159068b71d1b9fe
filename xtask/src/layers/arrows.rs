//! Which package may use which: the table of `docs/architecture.md`, and the libraries that stay out of a layer.

use super::manifest::{Kind, Package};

/// Package → the packages of the workspace that it may use. A new arrow is a line here and a reason in review.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("ports", &["domain"]),
    ("orchestrator", &["domain", "ports"]),
    ("single-flight", &[]),
    ("http-client", &[]),
    ("telemetry", &["http-client"]),
    ("provider-kit", &["domain", "ports", "http-client", "single-flight"]),
    // A provider names no other; provider-generic is what presets are made of.
    (PROVIDER, &["domain", "ports", "provider-kit", "provider-generic"]),
    ("http-server", &[]),
    ("delivery", &["domain", "ports"]),
    ("subscribe-store", &["domain", "ports", "single-flight"]),
    ("tokens", &["domain", "ports", "http-client", "single-flight"]),
    ("credentials", &["domain", "ports"]),
    ("imports", &["domain", "ports", "credentials"]),
    ("exports", &["domain", "ports"]),
    ("rate-limits", &["domain", "ports"]),
    ("api", &["domain", "ports", "orchestrator", "exports"]),
    (
        "masthead",
        &[
            "domain",
            "ports",
            "credentials",
            "imports",
            "exports",
            "orchestrator",
            "http-server",
            "http-client",
            "single-flight",
            "delivery",
            "provider-kit",
            PROVIDER,
            "rate-limits",
            "subscribe-store",
            "tokens",
            "telemetry",
            "api",
        ],
    ),
    ("sandbox", &[]),
    ("dev-postgres", &[]),
    ("testkit", &["domain", "ports", "dev-postgres", "sandbox"]),
    (
        "provider-testkit",
        &["domain", "ports", "provider-kit", "sandbox", "testkit"],
    ),
    // Its tests compare what it writes out with the values of domain.
    ("xtask", &["dev-postgres", "domain"]),
];

/// The row of every package `provider-…` that has no row of its own.
const PROVIDER: &str = "provider-*";

/// What every package may use in its tests besides.
const FOR_TESTS: &[&str] = &["testkit", "provider-testkit", "dev-postgres", "sandbox"];

/// Names of HTTP and SQL libraries; a package whose name begins so is one of them.
const TRANSPORT: &[&str] = &[
    "http",
    "hyper",
    "axum",
    "tower",
    "reqwest",
    "h2",
    "sqlx",
    "tokio-postgres",
    "postgres",
    "utoipa",
];

/// Layer → the libraries that are none of its business.
const KEPT_OUT: &[(&str, &[&str], &str)] = &[
    (
        "domain",
        &["tokio", "async-trait", "futures"],
        "domain has no I/O and no async",
    ),
    ("domain", TRANSPORT, "no HTTP or SQL type in domain"),
    ("ports", TRANSPORT, "no HTTP or SQL type in ports"),
    ("orchestrator", TRANSPORT, "no HTTP or SQL type in orchestrator"),
    ("api", &["sqlx", "config"], "no SQL and no settings in api"),
    (
        "http-server",
        &["sqlx", "config"],
        "no SQL and no settings in http-server",
    ),
];

/// The row of a package, by its name in the table.
fn row(name: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    let find = |wanted: &str| ALLOWED.iter().find(|(known, _)| *known == wanted);
    find(name).or_else(|| name.starts_with("provider-").then(|| find(PROVIDER))?)
}

/// Every arrow that the table does not allow.
pub(super) fn faults(packages: &[Package]) -> Vec<String> {
    let is_member = |name: &str| packages.iter().any(|package| package.name == name);
    let mut faults = Vec::new();
    for package in packages {
        let name = &package.name;
        let Some((_, allowed)) = row(name) else {
            faults.push(format!(
                "{name}: not in the table of arrows (xtask/src/layers/arrows.rs)"
            ));
            continue;
        };
        for (used, kind) in &package.uses {
            let for_tests = *kind == Kind::Dev && FOR_TESTS.contains(&used.as_str());
            let is_allowed =
                allowed.contains(&used.as_str()) || row(used).is_some_and(|(row, _)| allowed.contains(row));
            if is_member(used) && used != name && !for_tests && !is_allowed {
                faults.push(format!("{name}: may not use {used}"));
            }
            if used.starts_with("sqlx") && name != "subscribe-store" {
                faults.push(format!("{name}: names {used}, and only subscribe-store may"));
            }
            for (layer, kept_out, why) in KEPT_OUT {
                let meant = |library: &str| used == library || used.starts_with(&format!("{library}-"));
                if layer == name && *kind == Kind::Normal && kept_out.iter().any(|library| meant(library)) {
                    faults.push(format!("{name}: uses {used}, but {why}"));
                }
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn package(name: &str, uses: &[(&str, Kind)]) -> Package {
        let uses = uses.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        Package {
            name: name.to_owned(),
            folder: PathBuf::new(),
            uses,
        }
    }

    fn with_neighbours(one: Package) -> Vec<String> {
        let names = [
            "domain",
            "ports",
            "api",
            "testkit",
            "provider-auth0",
            "provider-gigya",
            "subscribe-store",
        ];
        let mut all: Vec<Package> = names.iter().map(|name| package(name, &[])).collect();
        all.retain(|other| other.name != one.name);
        all.push(one);
        faults(&all)
    }

    #[test]
    fn an_arrow_of_the_table_is_allowed() {
        assert!(with_neighbours(package("ports", &[("domain", Kind::Normal), ("serde", Kind::Normal)])).is_empty());
    }

    #[test]
    fn an_arrow_outward_is_a_fault() {
        assert_eq!(
            with_neighbours(package("domain", &[("ports", Kind::Normal)])),
            ["domain: may not use ports"]
        );
    }

    #[test]
    fn the_testkit_is_for_tests_only() {
        assert!(with_neighbours(package("api", &[("testkit", Kind::Dev)])).is_empty());
        assert_eq!(
            with_neighbours(package("api", &[("testkit", Kind::Normal)])),
            ["api: may not use testkit"]
        );
    }

    #[test]
    fn tests_may_not_use_other_layers_either() {
        let found = with_neighbours(package("domain", &[("subscribe-store", Kind::Dev)]));
        assert_eq!(found, ["domain: may not use subscribe-store"]);
    }

    #[test]
    fn no_provider_names_another() {
        let found = with_neighbours(package("provider-auth0", &[("provider-gigya", Kind::Normal)]));
        assert_eq!(found, ["provider-auth0: may not use provider-gigya"]);
    }

    #[test]
    fn only_the_store_names_sqlx() {
        assert!(with_neighbours(package("subscribe-store", &[("sqlx", Kind::Normal)])).is_empty());
        let found = with_neighbours(package("testkit", &[("sqlx-core", Kind::Dev)]));
        assert_eq!(found, ["testkit: names sqlx-core, and only subscribe-store may"]);
    }

    #[test]
    fn http_and_async_stay_out_of_the_domain() {
        assert_eq!(with_neighbours(package("domain", &[("tokio", Kind::Normal)])).len(), 1);
        assert_eq!(
            with_neighbours(package("ports", &[("http-body-util", Kind::Normal)])).len(),
            1
        );
        // httpdate is no HTTP library by the first letters of its name alone.
        assert!(with_neighbours(package("ports", &[("httpdate", Kind::Normal)])).is_empty());
    }

    #[test]
    fn a_package_that_the_table_does_not_know_is_a_fault() {
        assert_eq!(with_neighbours(package("surprise", &[])).len(), 1);
    }
}
