#!/usr/bin/env bash
# Software: crate mail-parser 0.11.9; npm postal-mime 4.0.0 and mailparser 3.14.2 (Node 20). Readers of mail, as for replies and bounces.
#
# Guess: each address that RFC 5321 and RFC 5322 allow in "From" is read with its name, and alike by all: a quoted local part, an IPv6
# literal, a name in a comment, a comment after the address, a source route (obsolete, to be ignored).
#
# Seen: with angle brackets all agree, but for the source route, which mail-parser and postal-mime keep in the address. Without them:
#   mail-parser: the quoted local part is taken for the name, and the address is "@a.example".
#   postal-mime: the quotes are dropped, and "jane doe@a.example" is no address any more.
#   Both take the colons of an IPv6 literal for those of groups, and there is no address at all.
#   mail-parser adds a comment to the name, as in "Jane (on leave)". mailparser reads all of them.
#   A program that looks a sender up by address compares what it gets with "local part, @, domain" first.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund postal-mime@4.0.0 mailparser@3.14.2
cat > addresses <<'TXT'
"Doe, Jane" <jane@a.example>
"jane doe"@a.example
Jane <"jane doe"@a.example>
jane@[192.0.2.1]
jane@[IPv6:2001:db8::1]
Jane <jane@[IPv6:2001:db8::1]>
jane@a.example (Jane Doe)
Jane <jane@a.example> (on leave)
<@relay.example:jane@a.example>
Team: jane@a.example, bo@a.example;
TXT
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2024"
[dependencies]
mail-parser = { version = "=0.11.9", default-features = false }
TOML
cat > src/main.rs <<'RS'
use mail_parser::{Addr, Address, MessageParser};
fn show(list: &[Addr]) -> String {
    let one = |addr: &Addr| format!("{}<{}>", addr.name().unwrap_or(""), addr.address().unwrap_or(""));
    list.iter().map(one).collect::<Vec<_>>().join(", ")
}
fn main() {
    for line in std::fs::read_to_string("addresses").unwrap().lines() {
        let text = format!("From: {line}\r\n\r\n");
        let message = MessageParser::default().parse(text.as_bytes()).unwrap();
        println!("mail-parser {line} -> {}", match message.from().unwrap() {
            Address::List(list) => show(list),
            Address::Group(groups) => groups.iter().map(|group| {
                format!("group {}: {}", group.name.as_deref().unwrap_or("without a name"), show(&group.addresses))
            }).collect::<Vec<_>>().join("; "),
        });
    }
}
RS
cat > run.mjs <<'JS'
import fs from 'node:fs';
import { simpleParser } from 'mailparser';
import PostalMime from 'postal-mime';
const show = (entry) => (entry.group ? `group ${entry.name}: ${entry.group.map(show).join(', ')}` : `${entry.name}<${entry.address}>`);
for (const line of fs.readFileSync('addresses', 'utf8').trim().split('\n')) {
  const text = `From: ${line}\r\n\r\n`;
  console.log(`postal-mime ${line} -> ${show((await PostalMime.parse(text)).from)}`);
  console.log(`mailparser ${line} -> ${(await simpleParser(text)).from.value.map(show).join(', ')}`);
}
JS
cat > expected <<'TXT'
mail-parser "Doe, Jane" <jane@a.example> -> Doe, Jane<jane@a.example>
postal-mime "Doe, Jane" <jane@a.example> -> Doe, Jane<jane@a.example>
mailparser "Doe, Jane" <jane@a.example> -> Doe, Jane<jane@a.example>
mailparser "jane doe"@a.example -> <"jane doe"@a.example>
postal-mime "jane doe"@a.example -> <jane doe@a.example>
mail-parser "jane doe"@a.example -> jane doe<@a.example>
mail-parser <@relay.example:jane@a.example> -> <@relay.example:jane@a.example>
postal-mime <@relay.example:jane@a.example> -> <@relay.example:jane@a.example>
mailparser <@relay.example:jane@a.example> -> <jane@a.example>
mail-parser Jane <"jane doe"@a.example> -> Jane<"jane doe"@a.example>
postal-mime Jane <"jane doe"@a.example> -> Jane<"jane doe"@a.example>
mailparser Jane <"jane doe"@a.example> -> Jane<"jane doe"@a.example>
mail-parser Jane <jane@[IPv6:2001:db8::1]> -> Jane<jane@[IPv6:2001:db8::1]>
postal-mime Jane <jane@[IPv6:2001:db8::1]> -> Jane<jane@[IPv6:2001:db8::1]>
mailparser Jane <jane@[IPv6:2001:db8::1]> -> Jane<jane@[IPv6:2001:db8::1]>
mail-parser Jane <jane@a.example> (on leave) -> Jane (on leave)<jane@a.example>
postal-mime Jane <jane@a.example> (on leave) -> Jane<jane@a.example>
mailparser Jane <jane@a.example> (on leave) -> Jane<jane@a.example>
mail-parser Team: jane@a.example, bo@a.example; -> group Team: <jane@a.example>, <bo@a.example>
postal-mime Team: jane@a.example, bo@a.example; -> group Team: <jane@a.example>, <bo@a.example>
mailparser Team: jane@a.example, bo@a.example; -> group Team: <jane@a.example>, <bo@a.example>
mail-parser jane@[192.0.2.1] -> <jane@[192.0.2.1]>
postal-mime jane@[192.0.2.1] -> <jane@[192.0.2.1]>
mailparser jane@[192.0.2.1] -> <jane@[192.0.2.1]>
mailparser jane@[IPv6:2001:db8::1] -> <jane@[IPv6:2001:db8::1]>
postal-mime jane@[IPv6:2001:db8::1] -> group jane@[IPv6: 1]<>
mail-parser jane@[IPv6:2001:db8::1] -> group jane@[IPv6: ; group 2001: ; group db8: ; group without a name: 1]<>
mail-parser jane@a.example (Jane Doe) -> Jane Doe<jane@a.example>
postal-mime jane@a.example (Jane Doe) -> Jane Doe<jane@a.example>
mailparser jane@a.example (Jane Doe) -> Jane Doe<jane@a.example>
TXT
{ cargo run --quiet; node run.mjs; } | LC_ALL=C sort -s -k2 | tee seen
diff expected seen
