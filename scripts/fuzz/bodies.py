"""Sends the service bodies of the greatest permitted size and depth, and measures their costs: processor time and memory, as the
kernel counts them. `run.sh` passes the service's address and process.

    FUZZ_TOKEN=... bodies.py http://127.0.0.1:8080 PID
"""

import datetime
import http.client
import itertools
import json
import os
import random
import sys
import threading
import time

from sample import EXECUTION, LIST, PLANNING, PROJECT, phase

# The service's default limit of a body.
LIMIT = 1024 * 1024
# The greatest permitted cost of one request. Processor time does not depend on other processes; the program is a debug build, which is
# much slower than a release build.
MOST_SECONDS, MOST_MEMORY = 1.0, 64 * 1024 * 1024
SETTLING = 60
TICKS = os.sysconf("SC_CLK_TCK")

PROJECT_PATH, PHASE_PATH = f"/api/v1/projects/{PROJECT}", f"/api/v1/phases/{PLANNING}"


class Service:
    def __init__(self, address, pid):
        self.host, self.pid = address.removeprefix("http://"), pid
        self.headers = {"Authorization": f"Bearer {os.environ['FUZZ_TOKEN']}", "Content-Type": "application/json"}

    def send(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.host, timeout=120)
        connection.request(method, path, body, {**self.headers, **headers})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, text

    def seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, name):
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))

    def cost(self, work):
        """The result of `work`, its processor time, and the increase of the memory's peak."""
        with open(f"/proc/{self.pid}/clear_refs", "w") as peak:
            peak.write("5")
        seconds, memory = self.seconds(), self.memory("VmRSS")
        done = work()
        return done, self.seconds() - seconds, self.memory("VmHWM") - memory


def filled(entry, start="[", end="]", limit=LIMIT):
    """The same entry, as often as the limit permits."""
    times = (limit - len(start) - len(end)) // (len(entry) + 1)
    return start + ",".join([entry] * times) + end


def long_lists(chance):
    """Lists of one kind of entry, for every member that is a list."""
    one = json.dumps({**LIST[0], "id": None})
    entries = ["{}", "0", "null", '""', "[]", '{"a":0}', '{"name":0}', "[[]]", '{"":{}}', "1e999", one, f'"{PLANNING}"']
    for entry in entries:
        yield filled(entry)
        yield filled(entry, '{"phases":[', "]}")
        yield filled(entry, '{"replace":{"phases":[', "]}}")
        yield filled(entry, '{"reorder":{"phases":[', "]}}")
    chance.shuffle(entries)
    yield filled(",".join(entries), '{"phases":[', "]}")


def just_allowed():
    """Lists of the permitted length, with errors in nearly every field, or with errors that are found late."""
    day = {"start_date": "2022-07-30", "end_date": "2022-07-30"}
    money = {"capital_budget": "-0.001", "expense_budget": "1e15", "total_budget": "7"}
    for entry in ({}, {"name": ""}, {**day, "name": ""}, {**day, **money, "name": ""}, {**day, **money, "name": "\0", "id": PLANNING}):
        entries = [entry] * (5000 if len(entry) < 7 else 4500)
        yield json.dumps(entries)
        yield json.dumps({"phases": entries})
        yield json.dumps({"replace": {"phases": entries}})
    for ids in ([PLANNING] * 5000, [f"{n:032x}" for n in range(5000)]):
        yield json.dumps({"phases": ids})
        yield json.dumps({"reorder": {"phases": ids}})


def large_values():
    """One text, name or number of the permitted size; thousands of names."""
    room = LIMIT - 1000
    for text in ("x" * room, "\\u0000" * (room // 6), "\\n" * (room // 2), "é" * (room // 2)):
        yield f'{{"name":"{text}"}}'
        yield f'{{"{text}":0}}'
        yield f'{{"phases":[{{"name":"{text}"}}]}}'
    for digits in ("9" * room, "0." + "3" * room, "1e" + "9" * room):
        yield f'{{"capital_budget":{digits}}}'
        yield f'{{"capital_budget":"{digits}"}}'
    members = ",".join(f'"m{n}":{n}' for n in range(60_000))
    yield f"{{{members}}}"
    yield f'{{"phases":[{{{members}}}]}}'
    long_names = [{**LIST[n % 2], "id": None, "name": "n" * 400} for n in range(1500)]
    yield json.dumps({"phases": long_names})


def deep():
    """Nested as deep as the size permits, or exactly as deep as the parser reads."""
    for depth in (120, 127, 128, LIMIT // 2):
        yield "[" * depth + "]" * depth
    for depth in (100, 150_000):
        yield '{"a":' * depth + "0" + "}" * depth
    # Many deep branches.
    yield filled("[" * 60 + "]" * 60)


def broken():
    """Invalid JSON, with the error as late as possible."""
    yield filled(json.dumps(LIST[0]))[:-1]
    yield "[" + "\n" * (LIMIT - 2) + "x"
    yield b'{"name":"' + b"\xff" * (LIMIT - 100) + b'"}'
    yield '"' + "\\ud800" * (LIMIT // 6 - 1) + '"'


def random_trees(chance, count):
    """Values of any form, with known and unknown members."""
    names = ["phases", "replace", "name", "start_date", "id", "capital_budget", "version", "neighbours", "x"]
    leaves = [0, -1, 1e300, None, True, "", "2024-02-30", PLANNING, EXECUTION, "\u202e", "9" * 40]

    def tree(room, depth):
        kind = chance.random()
        if room < 2 or depth > 60 or kind < 0.1:
            return chance.choice(leaves)
        parts = min(room, chance.choice([1, 2, 5, 300]))
        inside = [tree(room // parts - 1, depth + 1) for _ in range(parts)]
        return inside if kind < 0.5 else {chance.choice(names) + "_" * (n // 9): value for n, value in enumerate(inside)}

    for _ in range(count):
        yield json.dumps({"phases": tree(chance.choice([1000, 20_000]), 0)})[:LIMIT]


def largest(service):
    """A project with the permitted number of phases: written, read, reordered, and restored."""
    first = datetime.date(2010, 1, 1)
    days = [str(first + datetime.timedelta(n)) for n in range(5000)]
    phases = [phase(None, f"Day {n}", day, day) for n, day in enumerate(days)]
    path = f"{PROJECT_PATH}/phases"
    yield "PUT", f"{PROJECT_PATH}/timeline", json.dumps({"start_date": days[0], "end_date": days[-1]}).encode(), {}
    yield "POST", f"{path}/batch", json.dumps({"phases": phases}).encode(), {}
    yield "GET", path, None, {}
    ids = [one["id"] for one in json.loads(service.send("GET", path)[1])]
    assert len(ids) == 5000
    yield "POST", f"{path}/reorder", json.dumps({"phases": ids[::-1]}).encode(), {}
    yield "GET", f"{PROJECT_PATH}/history?limit=500&order=desc", None, {}
    yield "POST", f"{PROJECT_PATH}/timeline/preview", json.dumps({"reorder": {"phases": ids}}).encode(), {}
    yield "POST", f"{path}/batch", json.dumps({"phases": [phase(None, "All", days[0], days[-1])]}).encode(), {}


def requests(chance):
    routes = [
        ("POST", f"{PROJECT_PATH}/phases/validate"),
        ("POST", f"{PROJECT_PATH}/phases/batch"),
        ("POST", f"{PROJECT_PATH}/phases/reorder"),
        ("POST", f"{PROJECT_PATH}/timeline/preview"),
        ("POST", f"{PROJECT_PATH}/phases"),
        ("PUT", f"{PROJECT_PATH}/timeline"),
        ("PATCH", PHASE_PATH),
    ]
    bodies = [*long_lists(chance), *just_allowed(), *large_values(), *deep(), *broken(), *random_trees(chance, 20)]
    for n, body in enumerate(bodies):
        body = body if isinstance(body, bytes) else body.encode()
        assert len(body) <= LIMIT
        # Each body is sent to two routes: its own, if it has one, and another one.
        own = 1 if b'"phases"' in body[:10] else 3 if body[:10] in (b'{"replace"', b'{"reorder"') else 0
        for method, path in (routes[own], routes[n % len(routes)]):
            headers = {"Idempotency-Key": f"large-{n}"} if chance.random() < 0.3 else {}
            yield method, path, body, headers


def main():
    service, chance = Service(sys.argv[1], int(sys.argv[2])), random.Random(7)
    usual = [service.cost(lambda: service.send("GET", f"{PROJECT_PATH}/phases"))[1] for _ in range(20)]
    before, began = service.memory("VmRSS"), time.monotonic()
    wrong, most, count = [], [0.0, 0], 0
    for method, path, body, headers in itertools.chain(requests(chance), largest(service)):
        (status, response), seconds, memory = service.cost(lambda: service.send(method, path, body, **headers))
        count += 1
        most = [max(most[0], seconds), max(most[1], memory)]
        sent = body or b""
        about = f"{method} {path} {sent[:60]!r} ({len(sent)} bytes): {status}, {seconds:.2f} s, {memory >> 20} MiB, {len(response)} bytes"
        if os.environ.get("FUZZ_SHOW"):
            print(about)
        if status >= 500 or seconds > MOST_SECONDS or memory > MOST_MEMORY or len(response) > 8 * LIMIT:
            wrong.append(about)

    # Several requests at once, and a liveness check.
    worst = filled("{}", '{"phases":[', "]}").encode()
    threads = [threading.Thread(target=service.send, args=("POST", f"{PROJECT_PATH}/phases/batch", worst)) for _ in range(12)]
    _, seconds, memory = service.cost(lambda: ([one.start() for one in threads], service.send("GET", "/livez"), [one.join() for one in threads]))
    if memory > 12 * MOST_MEMORY or seconds > 12 * MOST_SECONDS:
        wrong.append(f"twelve at once: {seconds:.2f} s, {memory >> 20} MiB")

    ended = time.monotonic()
    while (after := service.memory("VmRSS")) > 1.5 * before and time.monotonic() < ended + SETTLING:
        time.sleep(1)
    if after > 1.5 * before:
        wrong.append(f"{after >> 20} MiB after all requests, where there were {before >> 20} MiB before")
    print(
        f"{count} large bodies in {ended - began:.0f} s: at most {most[0]:.2f} s of a processor (a small request: {sum(usual) / 20:.3f} s) and"
        f" {most[1] >> 20} MiB each; memory {before >> 20} MiB before, {after >> 20} MiB {time.monotonic() - ended:.0f} s after"
    )
    for about in wrong:
        print(f"too much: {about}", file=sys.stderr)
    sys.exit(bool(wrong))


main()
