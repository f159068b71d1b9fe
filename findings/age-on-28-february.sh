#!/usr/bin/env bash
# Software: npm date-fns 4.4.0, luxon 3.7.2, dayjs 1.11.23, moment 2.31.0, @js-temporal/polyfill 0.5.1 (Node 20); PyPI python-dateutil 4.0.0,
# pendulum 3.3.0 (Python 3.11); PostgreSQL 18.7 (npm @electric-sql/pglite 0.5.17). A check of age, as at a registration.
#
# Guess: who was born on 29 February is a year older on 1 March where the year has no 29 February; "is 18", asked as the years between the two
# dates or as "18 years after the birth has come", is the same question to each library.
#
# Seen:
#   Years between the dates, on 28 February 2026, born on 29 February 2008: 17 in date-fns, Temporal, pendulum and PostgreSQL, 18 in luxon,
#   dayjs, moment and dateutil.
#   All of them add 18 years to the birth and come to 28 February. So those of the first group answer no and yes, by how they are asked, and
#   date-fns counts 17 years and 216 months. With the months from 31 January to 28 February it is alike: one, or none in Temporal and PostgreSQL.
#   The day is a matter of law, and laws differ: it needs a rule of its own and a test, or one service refuses whom another has let in.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund date-fns@4.4.0 luxon@3.7.2 dayjs@1.11.23 moment@2.31.0 @js-temporal/polyfill@0.5.1 @electric-sql/pglite@0.5.17
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install python-dateutil==4.0.0 pendulum==3.3.0
cat > run.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { Temporal } from '@js-temporal/polyfill';
import { addYears, differenceInMonths, differenceInYears, parseISO } from 'date-fns';
import dayjs from 'dayjs';
import { DateTime } from 'luxon';
import moment from 'moment';
const database = new PGlite();
const sql = async (text, values) => (await database.query(text, values)).rows[0].found;
const date = (text) => DateTime.fromISO(text);
const plain = (text) => Temporal.PlainDate.from(text);
// Each: years and months from one date to the other, and whether so many years after the first the second has come.
const libraries = {
  'date-fns': [(a, b) => differenceInYears(parseISO(b), parseISO(a)), (a, b) => differenceInMonths(parseISO(b), parseISO(a)), (a, b, years) => addYears(parseISO(a), years) <= parseISO(b)],
  luxon: [(a, b) => Math.floor(date(b).diff(date(a), 'years').years), (a, b) => Math.floor(date(b).diff(date(a), 'months').months), (a, b, years) => date(a).plus({ years }) <= date(b)],
  dayjs: [(a, b) => dayjs(b).diff(a, 'year'), (a, b) => dayjs(b).diff(a, 'month'), (a, b, years) => !dayjs(a).add(years, 'year').isAfter(b)],
  moment: [(a, b) => moment(b).diff(a, 'years'), (a, b) => moment(b).diff(a, 'months'), (a, b, years) => !moment(a).add(years, 'years').isAfter(b)],
  Temporal: [(a, b) => plain(a).until(b, { largestUnit: 'years' }).years, (a, b) => plain(a).until(b, { largestUnit: 'months' }).months,
    (a, b, years) => Temporal.PlainDate.compare(plain(a).add({ years }), b) <= 0],
  PostgreSQL: [(a, b) => sql('SELECT extract(year FROM age($2::date, $1::date))::int AS found', [a, b]),
    (a, b) => sql('SELECT (extract(year FROM age($2::date, $1::date)) * 12 + extract(month FROM age($2::date, $1::date)))::int AS found', [a, b]),
    (a, b, years) => sql('SELECT $1::date + make_interval(years => $3::int) <= $2::date AS found', [a, b, years])],
};
for (const [name, [years, months, has]] of Object.entries(libraries)) {
  for (const today of ['2026-02-28', '2026-03-01']) {
    const born = '2008-02-29';
    console.log(`${name}, ${today}: ${await years(born, today)} years, ${await months(born, today)} months, 18 years after ${await has(born, today, 18) ? 'has come' : 'is to come'}`);
  }
  console.log(`${name}, from 31 January to 28 February: ${await months('2026-01-31', '2026-02-28')} months`);
}
JS
cat > run.py <<'PY'
from datetime import date
import pendulum
from dateutil.relativedelta import relativedelta
def pend(day): return pendulum.date(day.year, day.month, day.day)
def by_dateutil(a, b):
    between = relativedelta(b, a)
    return between.years, between.years * 12 + between.months, a + relativedelta(years=18) <= b
def by_pendulum(a, b):
    between = pend(a).diff(pend(b))
    return between.in_years(), between.in_months(), pend(a).add(years=18) <= pend(b)
for name, work in (('dateutil', by_dateutil), ('pendulum', by_pendulum)):
    for today in (date(2026, 2, 28), date(2026, 3, 1)):
        years, months, has = work(date(2008, 2, 29), today)
        print(f'{name}, {today}: {years} years, {months} months, 18 years after {"has come" if has else "is to come"}')
    print(f'{name}, from 31 January to 28 February: {work(date(2026, 1, 31), date(2026, 2, 28))[1]} months')
PY
cat > expected <<'TXT'
date-fns, 2026-02-28: 17 years, 216 months, 18 years after has come
date-fns, 2026-03-01: 18 years, 216 months, 18 years after has come
date-fns, from 31 January to 28 February: 1 months
luxon, 2026-02-28: 18 years, 216 months, 18 years after has come
luxon, 2026-03-01: 18 years, 216 months, 18 years after has come
luxon, from 31 January to 28 February: 1 months
dayjs, 2026-02-28: 18 years, 216 months, 18 years after has come
dayjs, 2026-03-01: 18 years, 216 months, 18 years after has come
dayjs, from 31 January to 28 February: 1 months
moment, 2026-02-28: 18 years, 216 months, 18 years after has come
moment, 2026-03-01: 18 years, 216 months, 18 years after has come
moment, from 31 January to 28 February: 1 months
Temporal, 2026-02-28: 17 years, 215 months, 18 years after has come
Temporal, 2026-03-01: 18 years, 216 months, 18 years after has come
Temporal, from 31 January to 28 February: 0 months
PostgreSQL, 2026-02-28: 17 years, 215 months, 18 years after has come
PostgreSQL, 2026-03-01: 18 years, 216 months, 18 years after has come
PostgreSQL, from 31 January to 28 February: 0 months
dateutil, 2026-02-28: 18 years, 216 months, 18 years after has come
dateutil, 2026-03-01: 18 years, 216 months, 18 years after has come
dateutil, from 31 January to 28 February: 1 months
pendulum, 2026-02-28: 17 years, 215 months, 18 years after has come
pendulum, 2026-03-01: 18 years, 216 months, 18 years after has come
pendulum, from 31 January to 28 February: 1 months
TXT
{ node run.mjs; python/bin/python run.py; } | tee seen
diff expected seen
