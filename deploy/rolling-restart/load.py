"""Sends requests without pause until a file exists, each of them once, and reports how they ended.

Prints one JSON object. The exit code is 1 if any request failed: no answer, or any status but 200.
"""

import argparse
import collections
import http.client
import json
import os
import threading
import time
import urllib.parse


def headers():
    return {
        "Authorization": "Bearer " + os.environ["TOKEN"],
        "X-SourceSystem": "rolling",
        "X-ClientGroupCode": "north",
        "X-ClientCode": "daily",
        "X-PaperCode": "herald",
    }


class Client(threading.Thread):
    """Half of the clients keep their connection; the others open one for each request."""

    def __init__(self, number, address, end):
        super().__init__()
        self.number, self.address, self.end = number, address, end
        self.outcomes = collections.Counter()
        self.examples = []
        self.slowest = 0.0

    def run(self):
        connection = None
        n = self.number
        while not os.path.exists(self.end):
            n += 1
            path = f"/v4/Users/crid-{n % 200}" if n % 5 else f"/v4/Users?lastName=lee{n % 200}"
            began = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(*self.address, timeout=15)
                connection.request("GET", path, headers=headers())
                answer = connection.getresponse()
                body = answer.read()
                outcome = str(answer.status)
                if answer.status != 200:
                    self.note(f"{answer.status}: {body[:80]!r}")
                if self.number % 2 or answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                outcome = "no answer"
                self.note(f"{type(error).__name__}: {error}")
                if connection is not None:
                    connection.close()
                connection = None
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.outcomes[outcome] += 1

    def note(self, text):
        if len(self.examples) < 2:
            self.examples.append(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--end", required=True)
    arguments = parser.parse_args()
    url = urllib.parse.urlsplit(arguments.url)
    clients = [Client(n, (url.hostname, url.port), arguments.end) for n in range(arguments.clients)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    outcomes = sum((client.outcomes for client in clients), collections.Counter())
    failed = sum(count for outcome, count in outcomes.items() if outcome != "200")
    print(
        json.dumps(
            {
                "requests": sum(outcomes.values()),
                "failed": failed,
                "outcomes": outcomes,
                "slowestSeconds": round(max(client.slowest for client in clients), 2),
                "examples": sorted({example for client in clients for example in client.examples})[:5],
            }
        )
    )
    raise SystemExit(1 if failed else 0)


main()
