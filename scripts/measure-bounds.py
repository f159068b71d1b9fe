#!/usr/bin/env python3
"""Measures what keeps one client from harming the others, on one or more builds of the server, in turn.

    scripts/measure-bounds.py --postgres postgres://USER:PASSWORD@127.0.0.1:PORT/DATABASE BINARY [BINARY ...]

It needs psql and a database user that may create databases; each run has a database of its own, which is dropped. The cases:

* unread: 384 pages of 1,000 users are requested on 3 HTTP/2 connections, and nothing is read;
* slow: 512 HTTP/1.1 connections request such a page each, and read a kilobyte a second;
* noisy: 60 callers search one tenant without a pause, while another tenant's small searches are timed;
* killed: the server is killed by SIGKILL under look-ups, twenty times; answers whose read is in no event, and what `masthead audit` says
  of the process; only when it is named;
* mixed: 64 connections of wrk for ten minutes, half of them look-ups by id, a quarter by address, a quarter searches and lists; only
  when it is named. Printed are the resident memory of each minute, every second's reading counted, and the answers that were not 200.

Printed for each of the others: the most memory that the server had (VmHWM), and how requests of others were answered meanwhile. The times
compare within one run only.
"""

import argparse
import http.client
import json
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

ISSUER, AUDIENCE = "https://issuer.example", "masthead"
SECRET = "an-invented-secret-of-more-than-32-bytes"
SEALING_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
LARGE, SMALL = "north/daily/herald", "south/post/mail"
PAGE = "/v4/Users?pageSize=1000&count=none"
CITIES = ["Oslo", "Bergen", "Molde", "Bodo"]


def reader_of(tenant, number):
    return {
        "tenant": tenant,
        "customerRegistrationId": f"reader-{number}",
        "email": f"ann.number{number}@mail{number % 97}.example.org",
        "firstName": f"Ann{number % 211}",
        "lastName": f"Number{number % 997}",
        "metadata": {"about": "x" * 500, "city": CITIES[number % 4], "zip": f"{number % 10000:04}", "phone": f"+47 000 {number:06}"},
    }


class Server:
    """One build with a database of its own."""

    def __init__(self, binary, arguments):
        self.binary = binary
        self.postgres = arguments.postgres
        self.database = f"bounds_{os.getpid()}_{int(time.time())}"
        self.sql(f"CREATE DATABASE {self.database}")
        url = urlsplit(self.postgres)._replace(path=f"/{self.database}").geturl()
        settings = {
            "DATABASE__URL": url,
            "HTTP__LISTEN": "127.0.0.1:0",
            "TOKENS__ISSUER": ISSUER,
            "TOKENS__AUDIENCE": AUDIENCE,
            "TOKENS__HS256_SECRET": SECRET,
            "SEALING__CURRENT": "k1",
            "SEALING__KEYS__K1": SEALING_KEY,
            "SYNC__EVERY": "0s",
            # No page is given up because the machine is slow.
            "HTTP__REQUEST_DEADLINE": "30s",
        }
        self.environment = {f"MASTHEAD__{key}": value for key, value in settings.items()}
        self.run("migrate")
        for tenant in (LARGE, SMALL):
            self.run("tenant", "add", tenant)
        lines = [json.dumps(reader_of(LARGE, number)) for number in range(arguments.readers)]
        lines += [json.dumps(reader_of(SMALL, number)) for number in range(500)]
        self.run("import", text="\n".join(lines) + "\n")
        self.tokens = {tenant: self.token(tenant) for tenant in (LARGE, SMALL)}
        self.start()

    def sql(self, statement, database=None):
        url = urlsplit(self.postgres)
        url = url._replace(path=f"/{database}") if database else url
        done = subprocess.run(["psql", "-qXAt", url.geturl(), "-c", statement], check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    def run(self, *arguments, text=None):
        done = subprocess.run(
            [self.binary, *arguments], input=text, env=self.environment, text=True, capture_output=True, check=False
        )
        if done.returncode != 0:
            sys.exit(f"{arguments}: {done.stderr}")
        return done.stdout.strip()

    def token(self, tenant):
        return self.run("token", "--tenant", tenant, "--scope", "users:read")

    def start(self):
        self.process = subprocess.Popen(
            [self.binary, "serve"], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for line in self.process.stdout:
            found = json.loads(line)
            if found.get("message", found.get("fields", {}).get("message")) == "serving":
                host, port = (found.get("address") or found["fields"]["address"]).rsplit(":", 1)
                self.address = (host, int(port))
                break
        threading.Thread(target=lambda: [None for _ in self.process.stdout], daemon=True).start()

    def restart(self):
        self.process.kill()
        self.process.wait()
        self.start()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.sql(f"DROP DATABASE {self.database} WITH (FORCE)")

    def headers(self, tenant):
        group, client, paper = tenant.split("/")
        return {
            "authorization": f"bearer {self.tokens[tenant]}",
            "x-sourcesystem": "BOUNDS",
            "x-clientgroupcode": group,
            "x-clientcode": client,
            "x-papercode": paper,
        }

    def get(self, tenant, target, connection=None):
        """The status and the seconds of one request."""
        began = time.monotonic()
        connection = connection or http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.request("GET", target, headers=self.headers(tenant))
            answer = connection.getresponse()
            answer.read()
            return answer.status, time.monotonic() - began
        except OSError:
            connection.close()
            return 0, time.monotonic() - began

    def peak_mebibytes(self):
        return self.memory("VmHWM")

    def memory(self, field):
        """A field of the process's status, in MiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            kilobytes = next(int(line.split()[1]) for line in status if line.startswith(field))
        return kilobytes / 1024


def hpack(name, value):
    """A literal header field without indexing (RFC 7541 section 6.2.2); texts are shorter than 127 bytes, or continued."""

    def text(raw):
        raw = raw.encode()
        if len(raw) < 127:
            return bytes([len(raw)]) + raw
        rest, length = len(raw) - 127, b"\x7f"
        while rest >= 128:
            length += bytes([rest % 128 + 128])
            rest //= 128
        return length + bytes([rest]) + raw

    return b"\x00" + text(name) + text(value)


def http2_requests(server, count):
    """A connection with this many requests for a page, of which nothing is read."""
    connection = socket.create_connection(server.address)
    # The preface, and a SETTINGS frame without settings (RFC 9113 section 3.4).
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
    fields = [(":method", "GET"), (":scheme", "http"), (":path", PAGE), (":authority", "bounds")]
    fields += list(server.headers(LARGE).items())
    block = b"".join(hpack(name, value) for name, value in fields)
    for number in range(count):
        # END_STREAM and END_HEADERS (RFC 9113 section 6.2).
        head = struct.pack(">I", len(block))[1:] + b"\x01\x05" + struct.pack(">I", 2 * number + 1)
        connection.sendall(head + block)
    return connection


def observe(server, seconds):
    """How look-ups, small searches and the liveness probe of others are answered meanwhile."""
    answers = {"look-up": Counter(), "search": Counter(), "live": Counter()}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answers["look-up"][server.get(SMALL, "/v4/Users/reader-7")[0]] += 1
        answers["search"][server.get(SMALL, "/v4/Users?lastName=Number7")[0]] += 1
        answers["live"][server.get(SMALL, "/health/live")[0]] += 1
        time.sleep(0.2)
    return ", ".join(f"{name} {dict(counts)}" for name, counts in answers.items())


def unread(server, _arguments):
    before = server.peak_mebibytes()
    connections = [http2_requests(server, 128) for _ in range(3)]
    others = observe(server, 20)
    print(f"  unread: {before:.0f} -> {server.peak_mebibytes():.0f} MiB; others: {others}", flush=True)
    for connection in connections:
        connection.close()


def slow(server, _arguments):
    before = server.peak_mebibytes()
    connections = []
    head = "".join(f"{name}: {value}\r\n" for name, value in server.headers(LARGE).items())
    for _ in range(512):
        connection = socket.socket()
        # A small window, so that the server must keep what is not read.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(server.address)
        connection.sendall(f"GET {PAGE} HTTP/1.1\r\nhost: bounds\r\n{head}\r\n".encode())
        connection.setblocking(False)
        connections.append(connection)
    ended = threading.Event()

    def read_slowly():
        while not ended.wait(1):
            for connection in connections:
                try:
                    connection.recv(1024)
                except OSError:
                    pass

    reader = threading.Thread(target=read_slowly)
    reader.start()
    others = observe(server, 30)
    print(f"  slow: {before:.0f} -> {server.peak_mebibytes():.0f} MiB; others: {others}", flush=True)
    ended.set()
    reader.join()
    for connection in connections:
        connection.close()


def small_searches(server, seconds):
    """Seconds of each small search of the other tenant, sorted, and their statuses: two callers."""
    times, statuses = [], Counter()
    lock = threading.Lock()
    until = time.monotonic() + seconds

    def call(first):
        connection = http.client.HTTPConnection(*server.address, timeout=30)
        number = first
        while time.monotonic() < until:
            number += 2
            status, took = server.get(SMALL, f"/v4/Users?lastName=Number{number % 400}", connection)
            with lock:
                times.append(took)
                statuses[status] += 1
            time.sleep(0.02)

    callers = [threading.Thread(target=call, args=(first,)) for first in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return sorted(times), statuses


def at(times, part):
    return times[min(len(times) - 1, int(len(times) * part))] * 1000


def noisy(server, arguments):
    small_searches(server, 3)
    alone, _ = small_searches(server, arguments.seconds)
    ended = threading.Event()
    heavy = Counter()
    lock = threading.Lock()

    def storm(number):
        connection = http.client.HTTPConnection(*server.address, timeout=30)
        while not ended.is_set():
            number += 60
            # Common parts with an exact total.
            target = f"/v4/Users?email=number{number % 9}&emailMatch=contains&lastName=n&pageSize=100&metadata.city={CITIES[number % 4]}"
            status, _ = server.get(LARGE, target, connection)
            with lock:
                heavy[status] += 1

    callers = [threading.Thread(target=storm, args=(number,)) for number in range(60)]
    for caller in callers:
        caller.start()
    time.sleep(3)
    beside, statuses = small_searches(server, arguments.seconds)
    ended.set()
    for caller in callers:
        caller.join()
    print(
        f"  noisy: small searches p50 {at(alone, 0.5):.1f} ms, p99 {at(alone, 0.99):.1f} ms alone;"
        f" p50 {at(beside, 0.5):.1f} ms, p99 {at(beside, 0.99):.1f} ms beside ({len(beside)}: {dict(statuses)});"
        f" heavy {dict(heavy)}; {server.peak_mebibytes():.0f} MiB",
        flush=True,
    )


def killed(server, _arguments):
    lost, answered = [], 0
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for _ in range(20):
        server.sql("TRUNCATE events", server.database)
        # Each client counts its answers; what is cut by the end of the server is no answer.
        counts = [0] * 8

        def read(client):
            connection = http.client.HTTPConnection(*server.address, timeout=30)
            while server.get(LARGE, f"/v4/Users/reader-{client}", connection)[0] == 200:
                counts[client] += 1

        clients = [threading.Thread(target=read, args=(client,)) for client in range(len(counts))]
        for client in clients:
            client.start()
        time.sleep(random.uniform(0.5, 1.5))
        server.process.kill()
        server.process.wait()
        for client in clients:
            client.join()
        events = int(server.sql("SELECT count(*) FROM events", server.database))
        answered += sum(counts)
        lost.append(max(0, sum(counts) - events))
        server.start()
    print(f"  killed: of {answered} answers {sum(lost)} without an event, at most {max(lost)} of a kill", flush=True)
    # A process is taken for ended when it has reported nothing for a minute. Earlier builds have no such command.
    time.sleep(61)
    audit = [server.binary, "audit", "--since", began, "--caller", "nobody"]
    printed = subprocess.run(audit, env=server.environment, text=True, capture_output=True, check=False)
    print(f"    masthead audit: {len(printed.stdout.splitlines())} lines, the last: {printed.stdout.strip()[-200:]}", flush=True)


# What each connection of the mixed load requests, as wrk wants it: a Lua function of the target.
MIXED = {
    32: 'return "/v4/Users/reader-" .. number',
    16: 'return "/v4/Users?email=ann.number" .. number .. "@mail" .. number % 97 .. ".example.org"',
    # In turn: a last name, page 1 of 50 by a column, and a part of an address.
    15: """local targets = {
        "/v4/Users?lastName=Number" .. number % 997,
        "/v4/Users?pageSize=50&orderBy=" .. number % 8 + 1,
        "/v4/Users?email=number" .. number .. "&emailMatch=contains",
    }
    return targets[number % 3 + 1]""",
    1: 'return "/v4/Users?pageSize=1000&count=none"',
}


def mixed(server, arguments):
    loads = []
    headers = "".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}\n" for name, value in server.headers(LARGE).items())
    with tempfile.TemporaryDirectory() as folder:
        for connections, target in MIXED.items():
            path = os.path.join(folder, f"{connections}.lua")
            with open(path, "w", encoding="ascii") as script:
                script.write(
                    f"{headers}local function target(number) {target} end\n"
                    f"request = function() return wrk.format('GET', target(math.random(0, {arguments.readers - 1}))) end\n"
                )
            command = ["wrk", "-t1", f"-c{connections}", f"-d{arguments.minutes}m", "--timeout", "30s", "-s", path]
            command.append("http://{}:{}".format(*server.address))
            loads.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        readings = []
        while any(load.poll() is None for load in loads):
            time.sleep(1)
            readings.append(server.memory("VmRSS"))
            if len(readings) % 60 == 0:
                minute = readings[-60:]
                print(
                    f"  minute {len(readings) // 60}: {min(minute):.0f} to {max(minute):.0f} MiB, mean {statistics.mean(minute):.1f}",
                    flush=True,
                )
    for (connections, _), load in zip(MIXED.items(), loads):
        report = load.communicate()[0].splitlines()
        kept = [line.strip() for line in report if "requests in" in line or "Non-2xx" in line or "Socket errors" in line]
        print(f"  {connections} connections: {'; '.join(kept)}")
    print(f"  mixed: peak {server.peak_mebibytes():.0f} MiB", flush=True)


CASES = {"unread": unread, "slow": slow, "noisy": noisy, "killed": killed, "mixed": mixed}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", required=True, help="the URL of a database of the server that is used")
    parser.add_argument("--readers", type=int, default=200_000, help="registrations of the large tenant")
    parser.add_argument("--seconds", type=int, default=20, help="how long small searches are timed")
    parser.add_argument("--minutes", type=int, default=10, help="how long the mixed load is")
    parser.add_argument("--only", default="unread,slow,noisy", help="the cases, with commas between")
    parser.add_argument("binaries", nargs="+", metavar="BINARY")
    arguments = parser.parse_args()
    for binary in arguments.binaries:
        print(binary, flush=True)
        server = Server(os.path.abspath(binary), arguments)
        try:
            for name in arguments.only.split(","):
                CASES[name](server, arguments)
                server.restart()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
