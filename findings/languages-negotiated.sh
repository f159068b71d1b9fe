#!/usr/bin/env bash
# Software: PyPI Werkzeug 3.1.9 (Python 3.11); npm negotiator 1.1.0, accept-language-parser 1.5.0, @fluent/langneg 0.7.0 and
# @formatjs/intl-localematcher 0.10.1 (Node 20). What a sign-up page does with Accept-Language, and with it the language of all later mails.
#
# Guess: the person's first wish for which there is a text wins; a wish is shortened from its end until it fits (RFC 4647 section 3.4,
# "lookup"), so de-AT gets "de" and zh-Hant-TW gets "zh-Hant"; all five choose alike where the header names what is there.
#
# Seen: they agree when the header has the short form too, as most browsers send it. Else:
#   Werkzeug: a text that has exactly a wish's name wins over all that would have to be shortened, so the last wish, English at 0.1, wins
#   over German and French. It shortens only when nothing fits.
#   negotiator (Express): shortens to the first part alone; zh-Hant-TW misses "zh-Hant" and falls to English.
#   accept-language-parser: a reader in Taiwan (zh-TW) gets the first Chinese text of the list, in the other script.
#   langneg and intl-localematcher complete a wish with its likely script and region (zh-TW to zh-Hant, pt to pt-BR); only the latter
#   takes "no" for "nb".
#   Keep the language that was shown beside the header's wish: another service works out another one from the same header.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund negotiator@1.1.0 accept-language-parser@1.5.0 @fluent/langneg@0.7.0 @formatjs/intl-localematcher@0.10.1
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install Werkzeug==3.1.9
cat > cases.json <<'JSON'
[["de-AT,de;q=0.9,en;q=0.8", ["en", "de"]], ["de-AT,en;q=0.5", ["en", "de"]], ["de-CH,fr-CH;q=0.8,en;q=0.1", ["en", "de", "fr"]],
 ["zh-Hant-TW,en;q=0.1", ["en", "zh-Hant"]], ["zh-TW,en;q=0.1", ["en", "zh-Hans", "zh-Hant"]], ["pt,en;q=0.1", ["en", "pt-PT", "pt-BR"]],
 ["nb,en;q=0.1", ["en", "no"]]]
JSON
cat > run.mjs <<'JS'
import fs from 'node:fs';
import { acceptedLanguages, negotiateLanguages } from '@fluent/langneg';
import { match } from '@formatjs/intl-localematcher';
import parser from 'accept-language-parser';
import Negotiator from 'negotiator';
for (const [header, texts] of JSON.parse(fs.readFileSync('cases.json', 'utf8'))) {
  const wishes = acceptedLanguages(header);
  console.log(`${header} of ${texts}: negotiator ${new Negotiator({ headers: { 'accept-language': header } }).language(texts)}`
    + `, accept-language-parser ${parser.pick(texts, header, { loose: true })}`
    + `, langneg ${negotiateLanguages(wishes, texts, { defaultLocale: 'en', strategy: 'lookup' })}, intl-localematcher ${match(wishes, texts, 'en')}`);
}
JS
cat > run.py <<'PY'
import json
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header
for header, texts in json.load(open('cases.json')):
    print(f"{header} of {','.join(texts)}: Werkzeug {parse_accept_header(header, LanguageAccept).best_match(texts)}")
PY
cat > expected <<'TXT'
de-AT,de;q=0.9,en;q=0.8 of en,de: Werkzeug de
de-AT,en;q=0.5 of en,de: Werkzeug en
de-CH,fr-CH;q=0.8,en;q=0.1 of en,de,fr: Werkzeug en
zh-Hant-TW,en;q=0.1 of en,zh-Hant: Werkzeug en
zh-TW,en;q=0.1 of en,zh-Hans,zh-Hant: Werkzeug en
pt,en;q=0.1 of en,pt-PT,pt-BR: Werkzeug en
nb,en;q=0.1 of en,no: Werkzeug en
de-AT,de;q=0.9,en;q=0.8 of en,de: negotiator de, accept-language-parser de, langneg de, intl-localematcher de
de-AT,en;q=0.5 of en,de: negotiator de, accept-language-parser de, langneg de, intl-localematcher de
de-CH,fr-CH;q=0.8,en;q=0.1 of en,de,fr: negotiator de, accept-language-parser de, langneg de, intl-localematcher de
zh-Hant-TW,en;q=0.1 of en,zh-Hant: negotiator en, accept-language-parser zh-Hant, langneg zh-Hant, intl-localematcher zh-Hant
zh-TW,en;q=0.1 of en,zh-Hans,zh-Hant: negotiator en, accept-language-parser zh-Hans, langneg zh-Hant, intl-localematcher zh-Hant
pt,en;q=0.1 of en,pt-PT,pt-BR: negotiator pt-PT, accept-language-parser pt-PT, langneg pt-BR, intl-localematcher pt-BR
nb,en;q=0.1 of en,no: negotiator en, accept-language-parser en, langneg en, intl-localematcher no
TXT
{ python/bin/python run.py; node run.mjs; } | tee seen
diff expected seen
