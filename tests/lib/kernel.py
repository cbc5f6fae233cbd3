#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A kernel that measures: it keeps the files of IMA below a root, and they grow.

`kernel.py ROOT [OPTIONS]` reads commands, one a line, and answers each with one line
of JSON when it is carried out; the end of the input is its end.

  rate R        R records a second from now on, at absolute deadlines; 0 is stop
  burst N       N records at once
  stop          no more records
  violation     one
  name HEX [N]  a record with this file name; or N at once, with a number behind it
  cut, mend     half a record (the count has it already), then the rest
  pcr N         records are for this PCR from now on
  replace       another record 0, in a new file
  trim N        as Linux 7.2: without the first N records; {"busy": true} while the list is open
  extend        what waits to be extended is, now (kernel mode)
  state         {"count": shown, "total": ever, "trimmed": gone, "extended": in the TPM (kernel mode)}
  times FILE    write the CLOCK_BOOTTIME in us of each record, one a line

Record i is that of world.made() as long as only rate and burst are used.

Kernel mode (--extend-via=PORT): record 0 has a boot aggregate, each bank has a list,
and each record is extended into every bank --extend-delay=MS after it is in the lists.

Class Kernel starts one in the background.
"""
import argparse
import collections
import fcntl
import hashlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

import world

COUNT_PATH = f"{world.IMA}/{world.COUNT}"


def now_usec():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def extend_command(pcr, digests):
    """TPM2_PCR_Extend of {bank: digest} with an empty password."""
    body = struct.pack(">IIIHBHI", pcr, 9, 0x40000009, 0, 0, 0, len(digests))
    body += b"".join(struct.pack(">H", world.BANK_IDS[b]) + d for b, d in digests.items())
    return struct.pack(">HII", 0x8002, 10 + len(body), 0x182) + body


class Files:
    """The list, the same for each bank (kernel mode), and the count: what is shown of them."""

    def __init__(self, root):
        self.root, self.fds, self.width = root, {}, 0
        for alg in root.lists:
            self.open(alg)
        self.count_fd = os.open(f"{root.top}/{COUNT_PATH}", os.O_WRONLY)

    def path(self, alg):
        return f"{self.root.top}/{world.IMA}/{world.LIST}_{alg}"

    def open(self, alg):
        if alg in self.fds:
            os.close(self.fds[alg])
        self.fds[alg] = os.open(self.path(alg), os.O_WRONLY | os.O_APPEND)

    def append(self, records):
        """{alg: bytes}, each with one write."""
        for alg, data in records.items():
            if os.write(self.fds[alg], data) != len(data):
                raise OSError("short write")

    def show_count(self, n):
        """One pwrite that never makes the file shorter: it never reads torn."""
        text = f"{n:0{self.width}d}"
        self.width = len(text)
        os.pwrite(self.count_fd, f"{text}\n".encode(), 0)

    def is_open(self):
        """Does anybody else have the list open?  A write lease is only given when not."""
        os.close(self.fds.pop("sha1"))
        fd = os.open(self.path("sha1"), os.O_RDONLY)
        try:
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
            self.open("sha1")

    def replace(self, change):
        """change(alg, content) -> content, in new files."""
        for alg in self.root.lists:
            with open(self.path(alg), "rb") as f:
                content = f.read()
            with open(f"{self.path(alg)}.new", "wb") as f:
                f.write(change(alg, content))
            os.rename(f"{self.path(alg)}.new", self.path(alg))
            self.open(alg)


class Machine:
    def __init__(self, root, port=None, delay=0.0):
        self.files, self.port, self.delay = Files(root), port, delay
        self.total = self.trimmed = self.extended = 0
        self.pcr, self.half = 10, None
        self.times, self.sizes = [], []         # of each record; bytes in each list
        self.rate, self.begun, self.made = 0.0, 0.0, 0
        self.waiting = collections.deque()      # (when, PCR, template data): not extended yet
        self.add(self.first())

    # Records

    def first(self):
        if self.port is None:
            return world.boot_aggregate()
        return world.boot_aggregate(hashlib.sha256(b"the PCRs 0 to 9").digest())

    def next(self):
        if self.total == 0:
            return self.first()
        return world.ima_ng(f"/usr/lib/made/{self.total}", hashlib.sha256(b"%d" % self.total).digest(), self.pcr)

    @staticmethod
    def views(record, algs):
        """{alg: the record in the list of that bank}: the digest is another, the rest is the same."""
        name = struct.unpack_from("<I", record, 24)[0]
        rest, data = record[24:], record[32 + name:]
        zero = not any(record[4:24])
        return {a: record if a == "sha1" else
                record[:4] + (bytes(hashlib.new(a).digest_size) if zero else hashlib.new(a, data).digest()) + rest for a in algs}

    def add(self, record):
        if self.half:
            raise ValueError("the last record is cut")
        views = self.views(record, self.files.root.lists)
        self.files.append(views)
        self.added(record, views)

    def added(self, record, views):
        self.times.append(now_usec())
        self.sizes.append({a: len(v) for a, v in views.items()})
        self.total += 1
        self.files.show_count(self.total - self.trimmed)
        if self.port is not None:
            self.waiting.append((time.monotonic() + self.delay, record))

    # Time

    def deadline(self):
        """When something is to be done next, or None."""
        times = [self.begun + (self.made + 1) / self.rate] if self.rate and not self.half else []
        return min(times + [w for w, _ in list(self.waiting)[:1]], default=None)

    def act(self):
        """Do what is due."""
        now = time.monotonic()
        while self.rate and not self.half and self.begun + (self.made + 1) / self.rate <= now:
            self.add(self.next())
            self.made += 1
        while self.waiting and self.waiting[0][0] <= now:
            self.extend(self.waiting.popleft()[1])

    def extend(self, record):
        pcr, name = struct.unpack_from("<I20xI", record)
        data = record[32 + name:]
        zero = not any(record[4:24])
        digests = {b: b"\xff" * hashlib.new(b).digest_size if zero else hashlib.new(b, data).digest() for b in world.BANKS}
        with socket.create_connection(("127.0.0.1", self.port), 10) as s:
            s.sendall(extend_command(pcr, digests))
            rc = struct.unpack_from(">I", world.receive(s), 6)[0]
        if rc:
            raise RuntimeError(f"TPM2_PCR_Extend: {rc:#x}")
        self.extended += 1

    # Commands

    def do_rate(self, per_second):
        self.rate, self.begun, self.made = float(per_second), time.monotonic(), 0

    def do_stop(self):
        self.rate = 0.0

    def do_burst(self, n):
        for _ in range(int(n)):
            self.add(self.next())

    def do_violation(self):
        self.add(world.violation(f"/var/log/made/{self.total}", self.pcr))

    def do_name(self, text, n=None):
        name = bytes.fromhex(text)
        for i in range(int(n or 1)):
            data = world.field(b"sha256:\0" + hashlib.sha256(b"%d" % self.total).digest()) \
                + world.field(name + (b"%d" % i if n else b"") + b"\0")
            self.add(world.record("ima-ng", data, self.pcr))

    def do_pcr(self, n):
        self.pcr = int(n)

    def do_cut(self):
        record = self.next()
        views = self.views(record, self.files.root.lists)
        self.files.append({a: v[:len(v) // 2] for a, v in views.items()})
        self.half = record, views
        self.files.show_count(self.total + 1 - self.trimmed)

    def do_mend(self):
        record, views = self.half
        self.files.append({a: v[len(v) // 2:] for a, v in views.items()})
        self.half = None
        self.added(record, views)

    def do_replace(self):
        views = self.views(world.boot_aggregate(alg="sha1"), self.files.root.lists)
        self.files.replace(lambda alg, content: views[alg] + content[self.sizes[0][alg]:])
        self.sizes[0] = {a: len(v) for a, v in views.items()}

    def do_trim(self, n):
        n = int(n)
        if not 0 <= n <= self.total - self.trimmed or self.half:
            raise ValueError("so many are not there")
        if self.files.is_open():
            return {"busy": True}
        gone = self.sizes[self.trimmed:self.trimmed + n]
        self.files.replace(lambda alg, content: content[sum(s[alg] for s in gone):])
        self.trimmed += n
        self.files.show_count(self.total - self.trimmed)
        return {"busy": False}

    def do_extend(self):
        while self.waiting:
            self.extend(self.waiting.popleft()[1])

    def do_state(self):
        return {"count": self.total - self.trimmed, "total": self.total, "trimmed": self.trimmed, "extended": self.extended}

    def do_times(self, path):
        with open(path, "w", encoding="ascii") as f:
            f.writelines(f"{t}\n" for t in self.times)

    def command(self, line):
        name, *arguments = line.split()
        try:
            return getattr(self, f"do_{name}")(*arguments) or {}
        except (AttributeError, TypeError, ValueError) as e:
            return {"error": f"{line}: {e}"}


def main():
    ap = argparse.ArgumentParser(description="keep the files of IMA, and let them grow")
    ap.add_argument("root")
    ap.add_argument("--records", type=int, default=1, help="that are there at the start")
    ap.add_argument("--extend-via", type=int, metavar="PORT", help="kernel mode: where the TPM is")
    ap.add_argument("--extend-delay", type=float, default=0, metavar="MS")
    a = ap.parse_args()
    root = world.Root(a.root, b"", world.BANKS if a.extend_via else ("sha1",))
    machine = Machine(root, a.extend_via, a.extend_delay / 1000)
    machine.do_burst(a.records - 1)
    print("{}", flush=True)
    text = b""
    while True:
        machine.act()
        due = machine.deadline()
        wait = None if due is None else max(0.0, due - time.monotonic())
        if not select.select([0], [], [], wait)[0]:
            continue
        more = os.read(0, 4096)
        if not more:
            return
        *lines, text = (text + more).split(b"\n")
        for line in lines:
            print(json.dumps(machine.command(line.decode())), flush=True)


class Kernel:
    """A kernel in the background, for the `with` block."""

    def __init__(self, top, *options):
        self.top = top
        self.argv = [sys.executable, "-B", os.path.abspath(__file__), top, *map(str, options)]

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.answer()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def answer(self):
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "kernel.py has ended"}
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def say(self, *words):
        """Carry out a command: say("rate", 100)."""
        self.process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()

    @property
    def state(self):
        return self.say("state")

    @property
    def list_path(self):
        return f"{self.top}/{world.IMA}/{world.LIST}_sha1"

    def raw(self):
        with open(self.list_path, "rb") as f:
            return f.read()

    def times(self):
        """CLOCK_BOOTTIME in us of each record."""
        path = f"{self.top}/times"
        self.say("times", path)
        with open(path, encoding="ascii") as f:
            return [int(line) for line in f]


if __name__ == "__main__":
    main()
