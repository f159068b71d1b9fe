#!/usr/bin/env python3
"""The load of run.sh: look-ups with a known right answer, imports whose success is remembered, and the kill between them.

A look-up of a user whose import was acknowledged must find that user, and a look-up of an unknown id must be a 404. Any other
2xx or 404 is a wrong answer. A 5xx, a time-out or a refused connection is an unavailable one.
"""

import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

BATCH = 20
READERS = 8
# Imports run in a process of their own, so the server learns of them by replication only: `database.replica_max_lag`,
# the interval of the watch and some room. Read-your-writes holds within one process.
SETTLED_AFTER = 2.0
HEADERS = {
    "Authorization": f"Bearer {os.environ['TOKEN']}",
    "X-SourceSystem": "FAILOVER",
    "X-ClientGroupCode": "north",
    "X-ClientCode": "daily",
    "X-PaperCode": "herald",
}


def reader_of(number):
    return {
        "customerRegistrationId": f"reader-{number}",
        "email": f"reader-{number}@example.org",
        "firstName": "Ann",
        "lastName": f"Number{number}",
    }


class Record:
    """What happened, for all threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = []  # (when, first number, last number + 1)
        self.failed_imports = 0
        self.wrong = []
        self.good = 0
        self.unavailable = []
        self.answers = []  # moments of good answers, ascending enough for gaps
        self.ended = threading.Event()


def import_batch(arguments, first):
    path = os.path.join(arguments.folder, "batch.ndjson")
    with open(path, "w", encoding="utf-8") as file:
        for number in range(first, first + BATCH):
            file.write(json.dumps(reader_of(number)) + "\n")
    command = [arguments.program, "import", "--tenant", "north/daily/herald", path]
    with open(os.path.join(arguments.folder, "import.log"), "a", encoding="utf-8") as log:
        try:
            done = subprocess.run(command, stdout=log, stderr=log, timeout=30, check=False)
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def write(arguments, record, first):
    while not record.ended.is_set():
        begun = time.monotonic()
        if import_batch(arguments, first):
            with record.lock:
                record.acknowledged.append((time.monotonic(), first, first + BATCH))
        else:
            record.failed_imports += 1
        # A batch without an answer may be stored or not: its readers are never asked for.
        first += BATCH
        time.sleep(max(0.0, 0.2 - (time.monotonic() - begun)))


def look_up(connection, user):
    connection.request("GET", f"/v4/Users/{user}", headers=HEADERS)
    response = connection.getresponse()
    return response.status, response.read()


def is_right(status, body, number):
    if number is None:
        return status == 404
    if status != 200:
        return False
    data = json.loads(body)["data"]
    data = data[0] if isinstance(data, list) else data
    expected = reader_of(number)
    return data["customerRegistrationId"] == expected["customerRegistrationId"] and data["email"] == expected["email"]


def read(arguments, record, seed):
    chance = random.Random(seed)
    address = urlsplit(arguments.url).netloc
    connection = http.client.HTTPConnection(address, timeout=6)
    while not record.ended.is_set():
        before = time.monotonic()
        with record.lock:
            settled = [batch for batch in record.acknowledged[-200:] if batch[0] < before - SETTLED_AFTER]
        number = None
        if settled and chance.random() < 0.9:
            _, first, last = chance.choice(settled)
            number = chance.randrange(first, last)
        user = f"reader-{number}" if number is not None else f"none-{chance.random()}"
        try:
            status, body = look_up(connection, user)
        except OSError as error:
            status, body = 0, str(error).encode()
            connection.close()
        except http.client.HTTPException as error:
            status, body = 0, str(error).encode()
            connection.close()
        now = time.monotonic()
        with record.lock:
            if status == 0 or status >= 500:
                record.unavailable.append((before, now, status))
            elif is_right(status, body, number):
                record.good += 1
                record.answers.append(now)
            else:
                record.wrong.append((user, status, body[:200]))
        time.sleep(0.01)


def kill(arguments):
    with open(arguments.kill_postmaster, encoding="utf-8") as file:
        postmaster = int(file.readline())
    os.kill(arguments.kill, signal.SIGKILL)
    os.kill(postmaster, signal.SIGKILL)
    return time.monotonic()


def longest_gap(moments, since):
    moments = sorted(moment for moment in moments if moment >= since)
    return max((later - earlier for earlier, later in zip([since] + moments, moments)), default=0.0)


def lost(arguments, record):
    """Looks every acknowledged reader up once more; tries again while the answer is unavailable."""
    connection = http.client.HTTPConnection(urlsplit(arguments.url).netloc, timeout=6)
    missing = []
    for _, first, last in record.acknowledged:
        for number in range(first, last):
            for _ in range(20):
                status, body = look_up(connection, f"reader-{number}")
                if status < 500:
                    break
                time.sleep(0.5)
            if not is_right(status, body, number):
                missing.append((number, status))
    return missing


def main():
    parser = argparse.ArgumentParser()
    for name in ["--program", "--folder", "--url", "--ops", "--leader", "--kill-postmaster"]:
        parser.add_argument(name, required=True)
    parser.add_argument("--kill", type=int, required=True)
    parser.add_argument("--seconds-after", type=float, required=True)
    arguments = parser.parse_args()
    record = Record()
    first = 0
    for _ in range(5):
        while not import_batch(arguments, first):
            time.sleep(1)
        record.acknowledged.append((time.monotonic(), first, first + BATCH))
        first += BATCH
    time.sleep(SETTLED_AFTER)
    threads = [threading.Thread(target=read, args=(arguments, record, seed)) for seed in range(READERS)]
    threads.append(threading.Thread(target=write, args=(arguments, record, first)))
    for thread in threads:
        thread.start()
    time.sleep(15)
    with record.lock:
        before = (record.good, len(record.acknowledged), len(record.unavailable))
    killed = kill(arguments)
    time.sleep(arguments.seconds_after)
    record.ended.set()
    for thread in threads:
        thread.join()
    time.sleep(SETTLED_AFTER)
    missing = lost(arguments, record)

    failed_after = [each for each in record.unavailable if each[1] >= killed]
    last_failed = max((begun for begun, _, _ in failed_after), default=None)
    by_second = Counter(max(0, int(begun - killed)) for begun, _, _ in failed_after)
    written = [when for when, _, _ in record.acknowledged if when > killed]
    print(f"before the kill (15 s): {before[0]} right answers, {before[1] * BATCH} acknowledged writes, "
          f"{before[2]} unavailable answers")
    print(f"killed: patroni and postmaster of {arguments.leader}, kill -9")
    print(f"after it ({arguments.seconds_after:.0f} s): {record.good - before[0]} right answers, "
          f"{(len(record.acknowledged) - before[1]) * BATCH} acknowledged writes, {len(failed_after)} unavailable answers")
    if by_second:
        seconds = ", ".join(f"{second}: {count}" for second, count in sorted(by_second.items()))
        print(f"unavailable answers by second after the kill: {seconds}")
    print(f"wrong answers: {len(record.wrong)}")
    print(f"acknowledged writes lost: {len(missing)} of {len(record.acknowledged) * BATCH}")
    recovery = 0.0 if last_failed is None else max(0.0, last_failed - killed)
    print(f"seconds to recovery of reads: {recovery:.1f} (longest time without a right answer: "
          f"{longest_gap(record.answers, killed):.1f})")
    print(f"seconds to recovery of writes: {written[0] - killed:.1f}" if written else "writes did not recover")
    for wrong in record.wrong[:5]:
        print("wrong:", wrong)
    if record.wrong or missing or not written:
        raise SystemExit(1)


main()
