"""Looks users up at several servers until a file appears; prints how many look-ups failed and the longest that one took."""

import argparse
import http.client
import os
import random
import threading
import time

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--users", type=int, required=True)
parser.add_argument("--ports", type=int, nargs="+", required=True)
parser.add_argument("--stop", required=True, help="the file that ends the load")
parser.add_argument("--threads", type=int, default=3, help="for each server")
arguments = parser.parse_args()

HEADERS = {
    "Authorization": "Bearer " + os.environ["TOKEN"].strip(),
    "X-SourceSystem": "CRM",
    "X-ClientGroupCode": "north",
    "X-ClientCode": "daily",
    "X-PaperCode": "herald",
}
stop = threading.Event()
lock = threading.Lock()
times, failures = [], []


def look_up(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    own = []
    while not stop.is_set():
        user = f"crid-{random.randint(1, arguments.users)}"
        began = time.perf_counter()
        try:
            connection.request("GET", f"/v4/Users/{user}", headers=HEADERS)
            response = connection.getresponse()
            body = response.read()
            error = None if response.status == 200 and user.encode() in body else f"{response.status}"
        except OSError as broken:
            connection.close()
            error = type(broken).__name__
        except http.client.HTTPException as broken:
            connection.close()
            error = type(broken).__name__
        own.append(time.perf_counter() - began)
        if error:
            with lock:
                failures.append(error)
            time.sleep(0.05)
        # A steady load, not as much as the machine can carry: waits for a processor would hide waits for a lock.
        time.sleep(0.01)
    with lock:
        times.extend(own)


threads = [threading.Thread(target=look_up, args=(port,)) for port in arguments.ports for _ in range(arguments.threads)]
for thread in threads:
    thread.start()
while not os.path.exists(arguments.stop):
    time.sleep(0.05)
stop.set()
for thread in threads:
    thread.join()
times.sort()
named = "" if not failures else " (" + ", ".join(sorted(set(failures))) + ")"
print(
    f"{len(times):6} look-ups, {len(failures)} failed{named}, p50 {times[len(times) // 2] * 1000:.1f} ms, "
    f"p99.9 {times[int(len(times) * 0.999)] * 1000:.1f} ms, longest {times[-1] * 1000:.1f} ms"
)
