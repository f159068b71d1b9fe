#!/usr/bin/env python3
"""How the cost of each kind of request grows with the number of readers: processor time of the server and of Postgres.

usage: measure-growth.py FIGURES.json CHART.svg [PROGRAM POSTMASTER_PID ROWS=DATABASE_URL ...]

The databases are those of `cargo xtask bench --rows ROWS`. Figures of sizes that are not named are kept; requests that are
not answered with 200 have none. Linux only (proc(5)).
"""
import http.client
import json
import math
import os
import pathlib
import subprocess
import sys
import time

PORT = 54931
# Of the paper that has half of all readers; reader 7 of the bench is `wila.abova7@firm233.example`.
KINDS = {
    "look-up by address": "email=wila.abova7%40firm233.example",
    "first page by address, exact total": "orderBy=2",
    "part of an address that one has, exact total": "email=abova7%40&emailMatch=contains",
    "absent part of an address, exact total": "email=elpmaxe&emailMatch=contains",
    "prefix of an address, exact total": "email=quenita.quist&emailMatch=prefix&orderBy=2",
    "common part of an address": "email=bigmail&emailMatch=contains&orderBy=2&count=none",
    "part far from the order's start": "email=maria&emailMatch=contains&orderBy=2&count=none",
    "prefix of a name far from the start": "firstName=q&orderBy=2&count=none",
    "metadata of one in nine, far from the start": "metadata.firstName=Maria&orderBy=2&count=none",
    "metadata of half, first page": "metadata.even=yes&orderBy=2&count=none",
    "two metadata pairs of half each, no match": "metadata.even=yes&metadata.odd=yes&orderBy=2&count=none",
    "page at reader 20,000": "orderBy=2&count=none&pageNumber=2000",
    "page at match 20,000 of half": "metadata.even=yes&orderBy=2&count=none&pageNumber=2000",
}
SETTINGS = {
    "TOKENS__HS256_SECRET": "signs tokens for invented users only", "TOKENS__ISSUER": "masthead-bench",
    "TOKENS__AUDIENCE": "masthead-bench", "SEALING__CURRENT": "k1", "SEALING__KEYS__K1": "A" * 86 + "==",
    "METRICS__LISTEN": "off", "SYNC__EVERY": "0s", "HTTP__LISTEN": f"127.0.0.1:{PORT}",
}
COLOURS = ["#4477aa", "#ee6677", "#228833", "#aa8800", "#66aacc", "#aa3377", "#666666"]


def read(path):
    """The text of a file; empty if its process has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""


def used_ms(process):
    """Processor time of all threads of a process."""
    tasks = list(pathlib.Path(f"/proc/{process}/task").glob("*/schedstat"))
    return sum(int(text.split()[0]) for text in map(read, tasks) if text) / 1e6


def children(parent):
    """The processes of Postgres that serve clients or work in the background."""
    stats = {stat.parent.name: read(stat) for stat in pathlib.Path("/proc").glob("[0-9]*/stat")}
    return [name for name, text in stats.items() if text and text.rsplit(")", 1)[1].split()[1] == parent]


def measure(program, postmaster, url):
    environment = dict(os.environ, MASTHEAD__DATABASE__URL=url)
    environment.update({f"MASTHEAD__{name}": value for name, value in SETTINGS.items()})
    arguments = [program, "token", "--tenant", "group-00/*/*", "--scope", "users:read", "--expires-in", "2h"]
    token = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    server = subprocess.Popen([program, "serve"], env=environment, stdout=subprocess.DEVNULL)
    headers = {"Authorization": f"Bearer {token}", "X-SourceSystem": "BENCH", "X-ClientGroupCode": "group-00",
               "X-ClientCode": "client-0", "X-PaperCode": "paper-0"}
    figures = {}
    try:
        time.sleep(3)
        for name, query in KINDS.items():
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)

            def request():
                connection.request("GET", f"/v4/Users?{query}", headers=headers)
                answer = connection.getresponse()
                answer.read()
                return answer.status == 200

            # The first ones may read from the disk, and be refused as too broad by the time limit of a statement.
            if not [request() for _ in range(4)][-1]:
                print(name, "is not answered", flush=True)
                continue
            rounds = []
            for _ in range(3):
                backends = children(postmaster)
                used = lambda: used_ms(server.pid) + sum(used_ms(process) for process in backends)
                before, begun, requests = used(), time.time(), 0
                while requests < 5 or time.time() - begun < 0.7:
                    request()
                    requests += 1
                rounds.append((used() - before) / requests)
            # A backend that ended meanwhile, as that of a refused request does, takes its time with it.
            rounds = [ms for ms in rounds if ms > 0]
            if not rounds:
                print(name, "was not measured: a backend has ended", flush=True)
                continue
            figures[name] = round(min(rounds), 3)
            print(name, figures[name], flush=True)
    finally:
        server.terminate()
        server.wait()
    return figures


def draw(figures):
    """Lines on two logarithmic scales."""
    sizes = sorted(figures, key=int)
    at_rows = lambda rows: 100 + math.log10(int(rows) / int(sizes[0])) * 190
    at_ms = lambda ms: 560 - (math.log10(max(ms, 0.1)) + 1) * 130
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" width="900" height="600" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>',
             '<text x="10" y="20" font-weight="bold">Processor time of one request, server and Postgres, in ms</text>']
    for ms in (0.1, 1, 10, 100, 1000):
        lines.append(f'<line x1="70" x2="530" y1="{at_ms(ms):.0f}" y2="{at_ms(ms):.0f}" stroke="#dddddd"/>'
                     f'<text x="64" y="{at_ms(ms):.0f}" text-anchor="end">{ms}</text>')
    for rows in sizes:
        lines.append(f'<text x="{at_rows(rows):.0f}" y="590" text-anchor="middle">{int(rows):,} readers</text>')
    below = 0
    for n, (name, last) in enumerate(sorted(figures[sizes[-1]].items(), key=lambda item: -item[1])):
        points = " ".join(f"{at_rows(rows):.0f},{at_ms(figures[rows][name]):.1f}" for rows in sizes if name in figures[rows])
        below = max(at_ms(last), below + 15)
        colour = COLOURS[n % len(COLOURS)]
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
                     f'<text x="{at_rows(sizes[-1]) + 10:.0f}" y="{below:.1f}" fill="{colour}">{last} {name}</text>')
    return "\n".join(lines + ["</svg>", ""])


def main():
    file, chart, *rest = sys.argv[1:]
    path = pathlib.Path(file)
    figures = json.loads(path.read_text()) if path.exists() else {}
    for size in rest[2:]:
        rows, url = size.split("=", 1)
        figures[rows] = measure(rest[0], rest[1], url)
    path.write_text(json.dumps(figures, indent=1) + "\n")
    pathlib.Path(chart).write_text(draw(figures))


main()
