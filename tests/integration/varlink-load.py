#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""varlink-load.py: 256 slow clients of ima-replay-serve, and who should not notice (goal G12).

  load   while 256 clients are slow (64 each: take no list, take some bytes of it now and then, take
         no status, send half a request) a good one's GetStatus is answered, p99 < 20 ms; the
         server stays below 32 MiB with a list of 100,000 records; the extender's lag is what it is
         without them: p50 within 1 ms, p99 within 10 ms, median of alternating runs. The last run
         holds them until the server hangs up on them, for half a request (5 s) and for a reply
         that is not taken (30 s); who is hung up on comes again at once
  kill   the server is killed at any moment under that load, and comes back; the extender goes on,
         each record exactly once

SCALE (1): of the seconds that are measured, and of the kills.  RECORDS (100000): of the list.
"""
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import replay  # noqa: E402
import world  # noqa: E402
from daemon import RUN, Daemon, caught_up, make_place  # noqa: E402
from harness import check, finish, skip  # noqa: E402
from kernel import Kernel, now_usec  # noqa: E402

try:
    import serve
except ImportError:
    skip("ima-replay-serve: its test library is not here")

SCALE = harness.scale()
RECORDS = int(os.environ.get("RECORDS", "100000"))
RUNS = 5
SECONDS = 1.2 * SCALE
HOLD_SECONDS = 31 * SCALE
REQUEST_SECONDS, DRAIN_SECONDS = 5, 30  # lib/varlink/server.h
RATE = 100
SLOW, HELD_MIN = 256, 250       # on average: those of one kind (64) may be hung up on between two steps of a look
LIST, LIST_SLOWLY, HALF_A_REQUEST = 0, 1, 3     # of the kinds below
QUEUED = 64             # of their replies: VARLINK_QUEUED_MAX; who comes later waits for room
KILLS = max(3, int(10 * SCALE))
P99_MS, RSS_MAX = 20, 32 << 20
LAG_P50_MS, LAG_P99_MS = 1, 10
ROW = struct.Struct("<QQQ")     # of the index: offset, seen, extended

# In a process of its own: SLOW clients for as long as its stdin is open. It looks at them all five
# times a second, and says how many of each kind were hung up on, and how many it had after a look.
HOLD = r"""
import json, os, select, socket, sys, time
top, n = sys.argv[1], int(sys.argv[2])
def call(method, **flags):
    return json.dumps({"method": method, **flags}).encode() + b"\0"
STATUS, REPLAY = "org.imareplay.status", "org.imareplay.replay"
LIST = call(REPLAY + ".ReadList", more=True)
KINDS = [(REPLAY, LIST), (REPLAY, LIST), (STATUS, call(STATUS + ".GetStatus", more=True)), (STATUS, LIST[:20])]
held = [None] * n
gone = [0] * 4
looks = total = 0
least = n
ready = False
while True:
    look = select.poll()
    for s in filter(None, held):
        look.register(s, 0)
    hung_up = dict(look.poll(0))
    for i in range(n):
        if held[i] and held[i].fileno() in hung_up:
            held[i].close()
            held[i] = None
            gone[i % 4] += 1
        name, data = KINDS[i % 4]
        if held[i] is None:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(f"{top}/run/ima-replay/{name}")
                s.sendall(data)
                s.setblocking(False)
                held[i] = s
            except OSError:
                s.close()
                continue
        try:
            if i % 4 == 1 and held[i].recv(1000) == b"":
                raise ConnectionResetError
            if i % 4 == 3:
                held[i].send(b" ")
        except BlockingIOError:
            pass
        except OSError:
            held[i].close()
            held[i] = None
            gone[i % 4] += 1
    now = sum(s is not None for s in held)
    looks, total, least = looks + 1, total + now, min(least, now)
    if not ready:
        ready = True
        print("ready", flush=True)
    if select.select([0], [], [], 0.2)[0] and os.read(0, 100) == b"":
        break
print(json.dumps([least, total / looks, gone]), flush=True)
"""


class Load:
    """At the end: least, and on average, that there were after a look; gone, of each kind, that were hung up on."""

    def __init__(self, top):
        self.argv = [sys.executable, "-c", HOLD, top, str(SLOW)]

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        check(self.process.stdout.readline() == "ready\n", "the slow clients do not come")
        return self

    def __exit__(self, *_):
        out = self.process.communicate("")[0]
        self.least, self.mean, self.gone = json.loads(out) if check(bool(out), "the slow clients have failed") else (0, 0, [0] * 4)


def percentile(values, part):
    return sorted(values)[int(len(values) * part)] if values else 0


def ask(server, seconds, times):
    """A good client, 100 times a second."""
    end = time.monotonic() + seconds
    with server.client() as c:
        while time.monotonic() < end:
            begun = time.monotonic()
            c.call(f"{serve.STATUS}.GetStatus")
            times.append(1000 * (time.monotonic() - begun))
            time.sleep(0.01)


def lag(kernel, since, seconds):
    """(p50, p99) in ms of the records that came since."""
    with open(f"{kernel.top}/{RUN}/index", "rb") as f:
        data = f.read()
    rows = [extended for _, _, extended in ROW.iter_unpack(data[:len(data) // ROW.size * ROW.size])]
    lags = [(e - a) / 1000 for a, e in zip(kernel.times(), rows) if a > since]
    check(len(lags) > RATE * seconds / 3, f"lag: only {len(lags)} records")
    return percentile(lags, 0.5), percentile(lags, 0.99)


def measure(d, kernel, server, seconds, times):
    """The lag of some seconds; times: of a good client meanwhile."""
    since = now_usec()
    kernel.say("rate", RATE)
    asker = threading.Thread(target=ask, args=(server, seconds, times))
    asker.start()
    asker.join()
    kernel.say("stop")
    d.wait_for(caught_up(kernel.state["total"]), 10, "load: the extender")
    return lag(kernel, since, seconds)


def has_them(server, seconds=2):
    """The server itself holds them: a connection that it has not accepted costs it nothing."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if len(os.listdir(f"/proc/{server.process.pid}/fd")) > HELD_MIN:
            return True
        time.sleep(0.05)
    return False


def check_held(slow, seconds):
    """Of that load: they were there all the time, and each deadline has passed as often as it can."""
    good = check(slow.mean >= HELD_MIN and slow.least >= SLOW - SLOW // 4,
                 f"load: only {slow.mean:.1f} of {SLOW} slow clients were held, at least {slow.least}")
    halves = SLOW // 4 * int((seconds - 1) / (REQUEST_SECONDS + 0.5))
    good &= check(slow.gone[HALF_A_REQUEST] >= halves, f"load: hung up on {slow.gone}: {halves} halves of a request were expected")
    if seconds >= DRAIN_SECONDS + 1:
        lists = slow.gone[LIST] + slow.gone[LIST_SLOWLY]
        good &= check(lists >= QUEUED, f"load: hung up on {slow.gone}: {QUEUED} that do not take a list were expected")
    return good


def peak(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmHWM:"))


def load(d, kernel, server):
    quiet, loaded, times, rss, good, begun = [], [], [], 0, True, time.monotonic()
    for i in range(RUNS):
        seconds = SECONDS if i < RUNS - 1 else HOLD_SECONDS
        quiet.append(measure(d, kernel, server, SECONDS, []))
        with Load(kernel.top) as slow:
            loaded.append(measure(d, kernel, server, seconds, times))
            good &= check(has_them(server), "load: the server does not hold them")
        good &= check_held(slow, seconds)
        rss = max(rss, peak(server.process))
        check(server.process.poll() is None, "load: the server has ended")
    p99 = percentile(times, 0.99)
    more50, more99 = (statistics.median(b[i] - a[i] for a, b in zip(quiet, loaded)) for i in (0, 1))
    good &= check(len(times) > 20 * ((RUNS - 1) * SECONDS + HOLD_SECONDS) and p99 < P99_MS, f"load: GetStatus p99 {p99:.1f} ms of {len(times)}")
    good &= check(rss < RSS_MAX or harness.is_sanitized(serve.program()), f"load: server RSS {rss >> 10} KiB")
    good &= check(more50 < LAG_P50_MS and more99 < LAG_P99_MS, f"load: lag p50 {more50:+.1f} ms, p99 {more99:+.1f} ms: {quiet} {loaded}")
    print(f"load: {len(times)} times GetStatus, p50 {percentile(times, 0.5):.1f} ms, p99 {p99:.1f} ms, max {max(times):.1f} ms; "
          f"RSS {rss >> 10} KiB; {slow.mean:.1f} of {SLOW} slow ones, at least {slow.least}, for {HOLD_SECONDS:.0f} s, hung up on {slow.gone} of each kind")
    harness.goal("G12", f"{'' if good else 'NOT '}p99 {p99:.1f} ms, {rss / (1 << 20):.0f} MiB, lag p50 {more50:+.2f} ms p99 {more99:+.2f} ms, "
                 f"{slow.mean:.1f} held for {HOLD_SECONDS:.0f} s",
                 f"{P99_MS} ms, {RSS_MAX >> 20} MiB, {LAG_P50_MS} ms {LAG_P99_MS} ms, {HELD_MIN}", time.monotonic() - begun)


def kill(d, kernel):
    at = random.Random(12)
    kernel.say("rate", RATE)
    with Load(kernel.top):
        for i in range(KILLS):
            with serve.Server(kernel.top) as server:
                server.call(f"{serve.STATUS}.GetStatus")
                time.sleep(at.random() / 2)
                server.kill()
            check(d.process.poll() is None, f"kill {i}: the extender has ended")
        with serve.Server(kernel.top) as server:
            kernel.say("stop")
            n = kernel.state["total"]
            d.wait_for(caught_up(n), 10, "kill: the extender")
            status = server.wait_for(lambda s: s["extended"] == n, 10, "kill: the server comes back")
            check(not {"unknown", "diverged"} & set(d.states), f"kill: states {d.states}")
            check(has_them(server, 10), "kill: the slow clients do not come again")
    values = world.values(list(replay.parse(kernel.raw())))
    for b in (status or {"banks": []})["banks"]:
        check(b["value"] == values[b["algorithm"]] and b["verified"] == n, f"kill: {b['algorithm']}: {b}")
    check(bool(status and status["banks"]), "kill: no banks")


def main():
    if not os.access(os.environ.get("IMA_REPLAY_SERVE") or "/nonexistent", os.X_OK):
        skip("ima-replay-serve is not built: IMA_REPLAY_SERVE")
    world.need_libtpms()
    with tempfile.TemporaryDirectory(prefix="varlink-load-") as top:
        os.makedirs(f"{top}/tpm")
        with Kernel(f"{top}/root", f"--records={RECORDS}") as kernel:
            make_place(kernel.top)
            with Daemon(kernel.top, f"libtpms:{top}/tpm/tpm") as d:
                d.wait_for(caught_up(RECORDS), 300, "the list is extended")
                with serve.Server(kernel.top) as server:
                    server.wait_for(lambda s: s["extended"] == RECORDS, 10, "the server")
                    load(d, kernel, server)
                    server.stop()
                kill(d, kernel)
                d.stop()
    finish()


main()
