#!/usr/bin/env bash
# Software: crate phonenumber 0.3.10+9.0.33; PyPI phonenumbers 9.0.33 (Python 3.11), both with the same data of Google's libphonenumber. All its
# example numbers, of each region and kind.
#
# Guess: both read a number alike, and one in E.164 is its own reading, whatever region is given for numbers without a country code.
#
# Seen: of some 1,100 numbers the crate reads all but a few alike. Where some numbers begin with the digit that is also the national prefix (8 in
#   Russia, Kazakhstan and Belarus, and still accepted in Lithuania), it takes that digit away although the country code is there: `+7 812 …`,
#   as all of Saint Petersburg has it, is read as `+7 12…`, without an error. So it is with no region given and with Russia's; with another
#   country's it is right. Written as people there do, with the prefix 8 in front, the number loses both. `is_valid` is false afterwards.
#   Open as issue 76 of whisperfish/rust-phonenumber.
#   In Rwanda a national number that begins as the country code does loses that.
#   A number that is not valid once it was read is best kept as it came.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install phonenumbers==9.0.33
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2024"
[dependencies]
phonenumber = "=0.3.10"
TOML
cat > src/main.rs <<'RS'
//! Reads lines of a region, a tab and a number; writes the number in E.164 and whether it is valid.
use phonenumber::Mode::E164;

fn main() {
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (region, text) = line.split_once('\t').unwrap();
        match phonenumber::parse(region.parse().ok(), text) {
            Ok(number) => println!("{}{}", number.format().mode(E164), if number.is_valid() { "" } else { ", not valid" }),
            Err(error) => println!("{error:?}"),
        }
    }
}
RS
cargo build --quiet
cat > run.py <<'PY'
import subprocess
from phonenumbers import SUPPORTED_REGIONS, PhoneNumberFormat, PhoneNumberType, example_number_for_type, format_number, parse
def read(rows):
    lines = '\n'.join(f'{region}\t{text}' for region, text in rows)
    return subprocess.run(['target/debug/finding'], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
kinds = {name: value for name, value in vars(PhoneNumberType).items() if isinstance(value, int)}
numbers = [(region, name, number) for region in sorted(SUPPORTED_REGIONS) for name, value in kinds.items()
    if name != 'FIXED_LINE_OR_MOBILE' and (number := example_number_for_type(region, value))]
plain = [format_number(number, PhoneNumberFormat.E164) for _, _, number in numbers]
national = [format_number(number, PhoneNumberFormat.NATIONAL) for _, _, number in numbers]
for title, rows in (('E.164, no region', [('', text) for text in plain]), ('E.164, its region', [(region, text) for (region, _, _), text in zip(numbers, plain)]),
        ('national, its region', [(region, text) for (region, _, _), text in zip(numbers, national)])):
    other = [(place, seen) for place, seen in enumerate(read(rows)) if seen != plain[place]]
    print(f'{title}: {len(rows)} read, {len(other)} not as in Python')
    for place, seen in other: print(f'  {numbers[place][0]} {numbers[place][1]} {rows[place][1]}: {seen}')
for row in (('RU', '+7 812 123 45 67'), ('RU', '8 (812) 123-45-67'), ('DE', '+7 812 123 45 67'), ('', '+7 812 123 45 67')):
    print(f'{row[1]}, region {row[0] or "none"}: {read([row])[0]}; Python {format_number(parse(row[1], row[0] or None), PhoneNumberFormat.E164)}')
PY
cat > expected <<'TXT'
E.164, no region: 1132 read, 10 not as in Python
  BY TOLL_FREE +3758011234567: +37511234567, not valid
  KZ TOLL_FREE +78001234567: +7001234567, not valid
  KZ PREMIUM_RATE +78091234567: +7091234567, not valid
  KZ PERSONAL_NUMBER +78081234567: +7081234567, not valid
  LT TOLL_FREE +37080012345: +370012345, not valid
  LT SHARED_COST +37080812345: +370812345, not valid
  LT VOIP +37080123456: +370123456, not valid
  RU TOLL_FREE +78001234567: +7001234567, not valid
  RU PREMIUM_RATE +78091234567: +7091234567, not valid
  RU PERSONAL_NUMBER +78081234567: +7081234567, not valid
E.164, its region: 1132 read, 10 not as in Python
  BY TOLL_FREE +3758011234567: +37511234567, not valid
  KZ TOLL_FREE +78001234567: +7001234567, not valid
  KZ PREMIUM_RATE +78091234567: +7091234567, not valid
  KZ PERSONAL_NUMBER +78081234567: +7081234567, not valid
  LT TOLL_FREE +37080012345: +370012345, not valid
  LT SHARED_COST +37080812345: +370812345, not valid
  LT VOIP +37080123456: +370123456, not valid
  RU TOLL_FREE +78001234567: +7001234567, not valid
  RU PREMIUM_RATE +78091234567: +7091234567, not valid
  RU PERSONAL_NUMBER +78081234567: +7081234567, not valid
national, its region: 1132 read, 8 not as in Python
  BY TOLL_FREE 8 801 123 4567: +375011234567, not valid
  KZ TOLL_FREE 8 (800) 123-45-67: +7001234567, not valid
  KZ PREMIUM_RATE 8 (809) 123-45-67: +7091234567, not valid
  KZ PERSONAL_NUMBER 8 (808) 123-45-67: +7081234567, not valid
  RU TOLL_FREE 8 (800) 123-45-67: +7001234567, not valid
  RU PREMIUM_RATE 8 (809) 123-45-67: +7091234567, not valid
  RU PERSONAL_NUMBER 8 (808) 123-45-67: +7081234567, not valid
  RW FIXED_LINE 250 123 456: +250123456, not valid
+7 812 123 45 67, region RU: +7121234567, not valid; Python +78121234567
8 (812) 123-45-67, region RU: +7121234567, not valid; Python +78121234567
+7 812 123 45 67, region DE: +78121234567; Python +78121234567
+7 812 123 45 67, region none: +7121234567, not valid; Python +78121234567
TXT
python/bin/python run.py | tee seen
diff expected seen
