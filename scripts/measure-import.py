#!/usr/bin/env python3
"""Measures `masthead import`, and kills it at drawn moments (ADR 0137).

  scripts/measure-import.py PROGRAM URL [--rows 1000000] [--kills 20] [--seed 1]

PROGRAM is a release build of masthead, URL that of an existing database of a superuser on a server for tests: databases
`masthead_measure_*` are made on it and dropped at the end. Prints rows a second of the import and of \\copy of the same rows into a
plain table with the same columns and indexes, the peak memory of the importer, and whether an import that was killed at drawn
moments and started again equals one run: registrations, rejected rows, and report.
"""
import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HASH = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$rVdYqxHgeX5nqVqrVyTSCLmKxvrmoCYVGdEZSfPNZpI"
SETTINGS = {
    "MASTHEAD__TOKENS__ISSUER": "https://issuer.example",
    "MASTHEAD__TOKENS__AUDIENCE": "masthead",
    "MASTHEAD__TOKENS__HS256_SECRET": "an-invented-secret-of-more-than-32-bytes",
    "MASTHEAD__SEALING__CURRENT": "K1",
    "MASTHEAD__SEALING__KEYS__K1": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
    "MASTHEAD__SYNC__EVERY": "0s",
}
COLUMNS = ("pool, registered_at, changed_at, last_logout_at, state, verified, masters_accounts, crid, email_key, first_key, "
           "last_key, email_typed, first_name, last_name, password_hash, metadata, search_terms")
TENANT, OTHER = "north/daily/herald", "north/daily/times"


def line(n, draw):
    """A user; one of a hundred is bad, each in the next way."""
    user = {
        "customerRegistrationId": f"reader-{n:07}",
        "email": f"{draw.choice(FIRST).lower()}.{draw.choice(LAST).lower()}{n}@{draw.choice(DOMAINS)}",
        "firstName": draw.choice(FIRST),
        "lastName": draw.choice(LAST),
        "verified": n % 10 != 0,
        "dateRegistered": f"20{10 + n % 14}-0{1 + n % 9}-{10 + n % 18}T03:04:05Z",
        "metadata": {"city": draw.choice(CITIES), "phoneNumber": f"555-{n % 10000:04}", "postalCode": f"{n % 90000:05}",
                     "eedition_flag": "YN"[n % 2]},
    }
    if n % 20:
        user["passwordHash"] = HASH
    if n % 100 != 50:
        return json.dumps(user)
    match n // 100 % 8:
        case 0: return json.dumps(user)[:-20]
        case 1: del user["customerRegistrationId"]
        case 2: user["firstName"] = "x" * 300
        case 3: user["customerRegistrationId"] = f"reader-{n // 2 + 1:07}"
        case 4: return json.dumps(user | {"email": f"twin{n // 1600}@readers.example"}) + "\n" + json.dumps(
            user | {"customerRegistrationId": f"twin-{n}", "email": f"TWIN{n // 1600}@readers.example"})
        case 5: user["tenant"] = OTHER
        case 6: user["email"] = "x" * 400
        case 7: user["metadata"] = {"title": "x" * (1 << 20)} if n % 100000 == 750 else {"title": "x" * 66000}
    return json.dumps(user)


FIRST = "Maria Ana José Zoë Liam Noah Emma Olivia Åsa Søren Chloé Ivan Yuki Wen Fatima Omar Greta Hans Karl Lena".split()
LAST = "Ander Berg Corso Dahl Ek Finn Garcia Holm Isaksen Jensen Kovač Lund Moreno Nel Ost Petrov Rossi Sen Tor Ulv".split()
DOMAINS = ["gmail.example", "yahoo.example", "outlook.example", "web.example", "mail.example.org"]
CITIES = ["Oslo", "Bergen", "Århus", "Lisboa", "Graz", "Zürich"]


class Database:
    def __init__(self, arguments, name):
        self.program, self.name = arguments.program, f"masthead_measure_{name}"
        self.admin = arguments.url
        head, _, tail = arguments.url.rpartition("/")
        self.url = f"{head}/{self.name}" + ("?" + tail.partition("?")[2] if "?" in tail else "")
        self.sql(f"DROP DATABASE IF EXISTS {self.name}", self.admin)
        self.sql(f"CREATE DATABASE {self.name}", self.admin)
        self.environment = os.environ | SETTINGS | {"MASTHEAD__DATABASE__URL": self.url}
        for command in (["migrate"], ["tenant", "add", TENANT], ["tenant", "add", OTHER]):
            subprocess.run([self.program, *command], env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def sql(self, statement, url=None):
        command = ["psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", url or self.url, "-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def start(self, *arguments):
        command = [self.program, "import", "--tenant", TENANT, "--report", *arguments]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def run(self, *arguments):
        """Seconds, peak memory in MiB, exit code and report."""
        begun, process = time.monotonic(), self.start(*arguments)
        report = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return time.monotonic() - begun, usage.ru_maxrss / 1024, process.returncode, report.decode()

    def content(self):
        return self.sql("SELECT count(*) || ' ' || md5(string_agg(md5((to_jsonb(r) - 'id' - 'pool')::text), '' ORDER BY pool, crid)) "
                        "FROM registrations AS r")

    def drop(self):
        self.sql(f"DROP DATABASE {self.name} WITH (FORCE)", self.admin)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_speed(database, folder):
    """Seconds of \\copy of the same rows, alone and with VACUUM ANALYZE, which an import ends with."""
    rows = f"{folder}/rows"
    database.sql(f"\\copy (SELECT {COLUMNS} FROM registrations ORDER BY id) TO '{rows}'")
    database.sql("CREATE TABLE plain (LIKE registrations INCLUDING ALL)")
    database.sql("CHECKPOINT")
    begun = time.monotonic()
    database.sql(f"\\copy plain ({COLUMNS}) FROM '{rows}'")
    copied = time.monotonic()
    database.sql("VACUUM ANALYZE plain")
    os.unlink(rows)
    return copied - begun, time.monotonic() - begun


def killed(database, files, rows, kills, draw):
    """Kills the import after drawn numbers of rows, at a drawn moment, then lets it end."""
    users, state, rejects = files
    arguments = ["--state", state, "--rejects", rejects, users]
    for place in sorted(draw.randrange(rows) for _ in range(kills)):
        process = database.start(*arguments)
        while process.poll() is None and int(database.sql("SELECT coalesce(max(rows), 0) FROM import_runs")) < place:
            time.sleep(0.05)
        time.sleep(draw.uniform(0, 0.5))
        if process.poll() is not None:
            raise RuntimeError(f"it has ended before row {place}, with {process.returncode}")
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = database.start(*arguments)
    report = process.stdout.read().decode()
    return process.wait(), report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("url")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    folder = tempfile.mkdtemp()
    databases = []
    try:
        users = f"{folder}/users.ndjson"
        with open(users, "w") as file:
            for n in range(arguments.rows):
                file.write(line(n, draw) + "\n")
        print(f"load {os.getloadavg()[0]:.1f}, {arguments.rows} rows, {os.path.getsize(users) >> 20} MiB, seed {arguments.seed}", flush=True)

        straight = Database(arguments, "straight")
        databases.append(straight)
        rejects = f"{folder}/rejects.ndjson"
        straight.sql("CHECKPOINT")
        seconds, memory, code, report = straight.run("--rejects", rejects, users)
        counts = json.loads(report)
        assert code == 3, code
        assert counts["rows"] == sum(counts[name] for name in ("imported", "merged", "skipped", "rejected")), counts
        assert counts["rejected"] == sum(1 for _ in open(rejects)), counts
        print(f"import  {counts['rows'] / seconds:8.0f} rows a second, {seconds:.1f} s, peak memory {memory:.1f} MiB", flush=True)
        print(f"        imported {counts['imported']}, rejected {counts['rejectedBecause']}", flush=True)
        content = straight.content()
        alone, with_vacuum = copy_speed(straight, folder)
        print(f"\\copy   {counts['imported'] / alone:8.0f} rows a second, {alone:.1f} s; with VACUUM ANALYZE {with_vacuum:.1f} s")
        print(f"import / \\copy: {alone / seconds:.2f}; both with VACUUM ANALYZE: {with_vacuum / seconds:.2f}", flush=True)
        straight.drop()
        databases.remove(straight)
        if not arguments.kills:
            return 0

        again = Database(arguments, "killed")
        databases.append(again)
        files = [users, f"{folder}/state.json", f"{folder}/rejects-killed.ndjson"]
        # Not in the last rows: it would have ended.
        code, report_killed = killed(again, files, arguments.rows - 10_000, arguments.kills, draw)
        same = {
            "exit code": code == 3,
            "report": json.loads(report_killed) == counts,
            "registrations": again.content() == content,
            "rejected rows": digest(files[2]) == digest(rejects),
            "state removed": not os.path.exists(files[1]),
        }
        print(f"killed {arguments.kills} times: equal to one run: {same}", flush=True)
        return 0 if all(same.values()) else 1
    finally:
        for database in databases:
            database.drop()
        shutil.rmtree(folder)


sys.exit(main())
