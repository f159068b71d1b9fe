#!/usr/bin/env bash
# Software: npm croner 11.0.1, cron-parser 5.10.6, cron-schedule 6.0.0 (Node 20); PyPI croniter 7.0.0, cronsim 2.8, APScheduler 3.11.3,
# cron-converter 2.0.2 (Python 3.11). Times of repeated jobs, such as the deletion of old registrations, in the form of cron.
#
# Guess: five plain fields mean the same to all: with a day and a weekday, either is enough. A form that one does not have (`#`, `L`, `W`)
# is refused there. When the clock changes, a job of every hour runs each hour, and one of every night runs once.
#
# Seen (times in UTC):
#   `0 3 1 * 1`: APScheduler, also in `from_crontab`, and cron-converter want both, a first that is a Monday, and are idle for months;
#   APScheduler counts from Monday as 0, so that its 1 is Tuesday.
#   `0 3 */2 * 1`: four take each odd day and each Monday; cronsim and cron-converter take the Mondays on odd days, as Debian's cron does,
#   for which a field that begins with * is no restriction. `1-31` with a weekday is each day for four and each Monday for cron-schedule.
#   cron-schedule reads the number and passes over the rest, without an error: `1#1` is each Monday, `5L` each Friday, `15W` the 15th, and
#   `5/20` only minute 5. `5/20` is that for cron-converter too, and is refused by croner.
#   The hour that comes twice in October: cron-schedule and cron-converter leave it out, so that a job of every hour waits for two. croniter
#   and APScheduler run the job of 02:30 twice. In March three run it at 03:00, four at 03:30.
#   For `*/30`, cron-converter gives the first two times after the hour that is missing in March twice.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund croner@11.0.1 cron-parser@5.10.6 cron-schedule@6.0.0
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install croniter==7.0.0 cronsim==2.8 APScheduler==3.11.3 cron-converter==2.0.2 tzdata==2026.6
cat > cases.json <<'JSON'
[
  ["0 3 1 * 1", "UTC", "2026-01-01T00:30:00Z"],
  ["0 3 */2 * 1", "UTC", "2026-01-01T00:30:00Z"],
  ["0 3 1-31 * 1", "UTC", "2026-01-01T00:30:00Z"],
  ["5/20 3 * * *", "UTC", "2026-01-01T00:30:00Z"],
  ["0 3 * * 1#1", "UTC", "2026-01-01T00:30:00Z"],
  ["0 3 * * 5L", "UTC", "2026-01-01T00:30:00Z"],
  ["0 3 15W * *", "UTC", "2026-02-01T00:30:00Z"],
  ["0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z"],
  ["30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z"],
  ["30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"],
  ["*/30 * * * *", "Europe/Berlin", "2026-03-29T00:40:00Z"]
]
JSON
cat > run.mjs <<'JS'
import { readFileSync, writeFileSync } from 'node:fs';
import { Cron } from 'croner';
import { CronExpressionParser } from 'cron-parser';
import { parseCronExpression } from 'cron-schedule';
const libraries = {
  croner: (text, timezone, start) => new Cron(text, { timezone }).nextRuns(3, start),
  'cron-parser': (text, tz, currentDate) => CronExpressionParser.parse(text, { currentDate, tz }).take(3).map((date) => date.toDate()),
  'cron-schedule': (text, zone, start) => {
    process.env.TZ = zone; // it knows the zone of the process only
    return parseCronExpression(text).getNextDates(3, start);
  },
};
const seen = JSON.parse(readFileSync('cases.json')).map(([text, zone, start]) =>
  Object.entries(libraries).map(([name, run]) => {
    try { return [name, run(text, zone, new Date(start)).map((date) => date.toISOString())]; } catch { return [name, 'refused']; }
  }));
writeFileSync('node.json', JSON.stringify(seen));
JS
cat > run.py <<'PY'
import datetime, json
from itertools import islice
from zoneinfo import ZoneInfo
from apscheduler.triggers.cron import CronTrigger
from cron_converter import Cron
from croniter import croniter
from cronsim import CronSim

def apscheduler(text, start):
    trigger, last = CronTrigger.from_crontab(text, timezone=start.tzinfo), None
    while True:
        last = trigger.get_next_fire_time(last, start)
        yield last
        start = (last.astimezone(datetime.timezone.utc) + datetime.timedelta(seconds=1)).astimezone(start.tzinfo)

def converter(text, start):
    schedule = Cron(text).schedule(start)
    while True:
        yield schedule.next()

libraries = {
    'croniter': lambda text, start: croniter(text, start).all_next(datetime.datetime),
    'cronsim': CronSim,
    'APScheduler': apscheduler,
    'cron-converter': converter,
}
for (text, zone, start), seen in zip(json.load(open('cases.json')), json.load(open('node.json'))):
    begin = datetime.datetime.fromisoformat(start.replace('Z', '+00:00')).astimezone(ZoneInfo(zone))
    for name, run in libraries.items():
        try:
            seen.append((name, [date.astimezone(datetime.timezone.utc).isoformat() for date in islice(run(text, begin), 3)]))
        except Exception:
            seen.append((name, 'refused'))
    print(f'{text} from {start[:10]}, {zone}')
    groups = {}
    for name, dates in seen:
        shown = dates if dates == 'refused' else ', '.join(f'{date[:10]} {date[11:16]}' for date in dates)
        groups.setdefault(shown, []).append(name)
    for dates, names in groups.items():
        print(f'  {dates}: {", ".join(names)}')
PY
cat > expected <<'TXT'
0 3 1 * 1 from 2026-01-01, UTC
  2026-01-01 03:00, 2026-01-05 03:00, 2026-01-12 03:00: croner, cron-parser, cron-schedule, croniter, cronsim
  2026-09-01 03:00, 2026-12-01 03:00, 2027-06-01 03:00: APScheduler
  2026-06-01 03:00, 2027-02-01 03:00, 2027-03-01 03:00: cron-converter
0 3 */2 * 1 from 2026-01-01, UTC
  2026-01-01 03:00, 2026-01-03 03:00, 2026-01-05 03:00: croner, cron-parser, cron-schedule, croniter
  2026-01-05 03:00, 2026-01-19 03:00, 2026-02-09 03:00: cronsim, cron-converter
  2026-01-13 03:00, 2026-01-27 03:00, 2026-02-03 03:00: APScheduler
0 3 1-31 * 1 from 2026-01-01, UTC
  2026-01-01 03:00, 2026-01-02 03:00, 2026-01-03 03:00: croner, cron-parser, croniter, cronsim
  2026-01-05 03:00, 2026-01-12 03:00, 2026-01-19 03:00: cron-schedule, cron-converter
  2026-01-06 03:00, 2026-01-13 03:00, 2026-01-20 03:00: APScheduler
5/20 3 * * * from 2026-01-01, UTC
  refused: croner
  2026-01-01 03:05, 2026-01-01 03:25, 2026-01-01 03:45: cron-parser, croniter, cronsim, APScheduler
  2026-01-01 03:05, 2026-01-02 03:05, 2026-01-03 03:05: cron-schedule, cron-converter
0 3 * * 1#1 from 2026-01-01, UTC
  2026-01-05 03:00, 2026-02-02 03:00, 2026-03-02 03:00: croner, cron-parser, croniter, cronsim
  2026-01-05 03:00, 2026-01-12 03:00, 2026-01-19 03:00: cron-schedule
  refused: APScheduler, cron-converter
0 3 * * 5L from 2026-01-01, UTC
  2026-01-30 03:00, 2026-02-27 03:00, 2026-03-27 03:00: croner, cron-parser, cronsim
  2026-01-02 03:00, 2026-01-09 03:00, 2026-01-16 03:00: cron-schedule
  refused: croniter, APScheduler, cron-converter
0 3 15W * * from 2026-02-01, UTC
  2026-02-16 03:00, 2026-03-16 03:00, 2026-04-15 03:00: croner, croniter
  refused: cron-parser, cronsim, APScheduler, cron-converter
  2026-02-15 03:00, 2026-03-15 03:00, 2026-04-15 03:00: cron-schedule
0 * * * * from 2026-10-24, Europe/Berlin
  2026-10-25 00:00, 2026-10-25 01:00, 2026-10-25 02:00: croner, cron-parser, croniter, cronsim, APScheduler
  2026-10-25 00:00, 2026-10-25 02:00, 2026-10-25 03:00: cron-schedule, cron-converter
30 2 * * * from 2026-10-24, Europe/Berlin
  2026-10-25 00:30, 2026-10-26 01:30, 2026-10-27 01:30: croner, cron-parser, cron-schedule, cronsim, cron-converter
  2026-10-25 00:30, 2026-10-25 01:30, 2026-10-26 01:30: croniter, APScheduler
30 2 * * * from 2026-03-28, Europe/Berlin
  2026-03-29 01:00, 2026-03-30 00:30, 2026-03-31 00:30: croner, croniter, cronsim
  2026-03-29 01:30, 2026-03-30 00:30, 2026-03-31 00:30: cron-parser, cron-schedule, APScheduler, cron-converter
*/30 * * * * from 2026-03-29, Europe/Berlin
  2026-03-29 01:00, 2026-03-29 01:30, 2026-03-29 02:00: croner, cron-parser, cron-schedule, croniter, cronsim, APScheduler
  2026-03-29 01:00, 2026-03-29 01:30, 2026-03-29 01:00: cron-converter
TXT
node run.mjs
python/bin/python run.py | tee seen
diff expected seen
