#!/usr/bin/env bash
# Software: crate tantivy-query-grammar 0.27.0, a candidate for reading the Lucene queries that Auth0's user search takes.
#
# Guess: `&&`, `||` and `!` mean AND, OR and NOT, as in Lucene's classic syntax and in Auth0's documentation of user search; and an
# escaped dot in a field's name (`user_metadata.a\.b`) comes out without its backslash.
#
# Seen: `a:1 && b:2` and `a:1 || b:2` are accepted and mean the same: two optional conditions and a third word, "&&" or "||", to be
# searched for in the default field. `!a:1` is an error. The backslash stays in the field's name. AND, OR, NOT, ranges with mixed
# brackets and open ends are read as Lucene reads them.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2024"
[dependencies]
tantivy-query-grammar = "=0.27.0"
TOML
cat > src/main.rs <<'RS'
fn main() {
    for query in ["a:1 AND b:2", "a:1 && b:2", "a:1 OR b:2", "a:1 || b:2", "NOT a:1", "!a:1", r#"m.a\.b:"x""#, "n:[10 TO 20}", "n:[* TO 20]"] {
        match tantivy_query_grammar::parse_query(query) {
            Ok(read) => println!("{query} -> {read:?}"),
            Err(_) => println!("{query} -> error"),
        }
    }
}
RS
cat > expected <<'TXT'
a:1 AND b:2 -> (+"a":1 +"b":2)
a:1 && b:2 -> (*"a":1 *&& *"b":2)
a:1 OR b:2 -> (?"a":1 ?"b":2)
a:1 || b:2 -> (*"a":1 *|| *"b":2)
NOT a:1 -> (-"a":1)
!a:1 -> error
m.a\.b:"x" -> "m.a\.b":"x"
n:[10 TO 20} -> "n":["10" TO "20"}
n:[* TO 20] -> "n":{"*" TO "20"]
TXT
cargo run --quiet | tee seen
diff expected seen
