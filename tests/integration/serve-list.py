#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ReadList, OpenList and Verify of the real server, behind the real extender and a software TPM.

What comes is judged by the kernel's own bytes, by replay.py and by evmctl.  One list has names that
try to break out of text, records of a second PCR, an unknown template, template 'ima' and a record
larger than a reply; others are empty, frozen by a full spool, ahead of the TPM, or diverged.
"""
import array
import base64
import fcntl
import hashlib
import json
import os
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import daemon
import harness
import replay
import serve
import world
from daemon import Daemon
from harness import check
from kernel import Kernel
from serve import REPLAY, Error, Server
from world import BANKS, Swtpm

LONG = round(100000 * harness.scale())
RSS_MAX = 32 << 20
NAMES = [b"/bin/plain", b"/tmp/esc\x1b[31m", b"/tmp/new\nline", b"/tmp/\xff\xfe", b"/tmp/back\\slash", "/tmp/\u202ebidi".encode(),
         "/tmp/\u00fcmlaut \u6f22".encode(), b"/tmp/c1\xc2\x9b1m", b'/tmp/"quote"', b"/tmp/{\"a\":1}"]
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


# What is expected, from replay.py

def escaped(raw):
    """escape.h: what stays is printable ASCII but the backslash, and UTF-8 that is no control."""
    out, text = "", raw.decode("utf-8", errors="surrogateescape")
    for c in text:
        code = ord(c)
        if 0xdc80 <= code <= 0xdcff:
            out += f"\\x{code - 0xdc00:02x}"
        elif code < 0x20 or 0x7f <= code < 0xa0 or c == "\\" or code in (0x61c, 0x200e, 0x200f, 0x2028, 0x2029) \
                or 0x202a <= code <= 0x202e or 0x2066 <= code <= 0x2069:
            out += "".join(f"\\x{b:02x}" for b in c.encode())
        else:
            out += c
    return out


def subject(rec):
    """(name, file digest) as the fields say them; None where the template has none."""
    if rec.template == "ima":
        n = struct.unpack("<I", rec.data[20:24])[0]
        return escaped(rec.data[24:24 + n].rstrip(b"\0")), f"sha1:{rec.data[:20].hex()}"
    if rec.template not in ("ima-ng", "ima-sig", "ima-buf"):
        return None, None
    digest, name, *_ = replay.fields(rec)
    alg, _, value = digest.partition(b":\0")
    return escaped(name[:-1]), f"{alg.decode()}:{value.hex()}"


def expected(records, first=0, banks=BANKS):
    """Records as ReadList gives them, without times."""
    out = []
    for i, rec in enumerate(records[first:], first):
        name, digest = subject(rec)
        row = {"position": i, "pcr": rec.pcr, "template": escaped(rec.template.encode("latin-1")),
               "digests": {b: replay.extend_digest(rec, b).hex() for b in banks}, "violation": replay.violation(rec)}
        if name is not None:
            row["name"] = name
        if digest is not None:
            row["fileDigest"] = digest
        if len(rec.hashed) <= 1 << 20:
            row["data"] = base64.b64encode(rec.hashed).decode()
        out.append(row)
    return out


def values(records, bank="sha256", pcr=10):
    """[V after the first k records of the list], for each k: with records of other PCRs it stays."""
    value = bytes(hashlib.new(bank).digest_size)
    out = [value.hex()]
    for rec in records:
        if rec.pcr == pcr:
            value = hashlib.new(bank, value + replay.extend_digest(rec, bank)).digest()
        out.append(value.hex())
    return out


# What the server says

def timeless(record):
    return {k: v for k, v in record.items() if k not in ("seenUSec", "extendedUSec") and v is not None}


def read(s, **parameters):
    """All replies of one ReadList with more."""
    with s.client(REPLAY, timeout=120) as c:
        return list(c.more(f"{REPLAY}.ReadList", parameters))


def records_of(replies):
    return [r for reply in replies for r in reply["records"]]


def raw_of(replies):
    return b"".join(base64.b64decode(reply["data"]) for reply in replies)


def error_of(call, *args, **kwargs):
    """(name without its interface, parameters) of the error that a call ends with; None without."""
    try:
        call(*args, **kwargs)
    except Error as e:
        return e.name.rpartition(".")[2], e.parameters
    return None


def call(s, method, timeout=60, **parameters):
    return s.call(f"{REPLAY}.{method}", parameters, REPLAY, timeout)


def open_fd(s, **parameters):
    """(reply, descriptors) of OpenList."""
    with s.client(REPLAY, timeout=120) as c:
        c.send(f"{REPLAY}.OpenList", parameters)
        data, fds = b"", array.array("i")
        while not data.endswith(b"\0"):
            piece, control, _, _ = c.socket.recvmsg(1 << 16, socket.CMSG_SPACE(16))
            if not piece:
                raise serve.Closed
            data += piece
            for _, kind, payload in control:
                if kind == socket.SCM_RIGHTS:
                    fds.frombytes(payload)
        reply = json.loads(data[:-1])
    if "error" in reply:
        raise Error(reply["error"], reply.get("parameters", {}))
    return reply["parameters"], fds


def open_list(s, **parameters):
    """(reply, bytes) of OpenList; the fd must be sealed and stand at its beginning."""
    reply, fds = open_fd(s, **parameters)
    check(len(fds) == 1 and reply["listFileDescriptor"] == 0, f"OpenList: {len(fds)} descriptors")
    with os.fdopen(fds[0], "rb", buffering=0) as f:
        check(fcntl.fcntl(f, fcntl.F_GET_SEALS) & SEALS == SEALS, "OpenList: not sealed")
        check(os.lseek(f.fileno(), 0, os.SEEK_CUR) == 0, "OpenList: not at its beginning")
        try:
            os.write(f.fileno(), b"x")
            check(False, "OpenList: it can be written")
        except OSError:
            pass
        content = b""
        while piece := f.read(1 << 20):
            content += piece
    check(len(content) == reply["size"], f"OpenList: size {reply['size']}, not {len(content)}")
    return reply, content


# A list with everything in it

def rich():
    """Bytes of a list as a kernel without a TPM might keep it."""
    out = [world.boot_aggregate()]
    for i, name in enumerate(NAMES):
        data = world.field(b"sha256:\0" + hashlib.sha256(b"%d" % i).digest()) + world.field(name + b"\0")
        out.append(world.record("ima-ng", data))
    out.append(world.violation("/tmp/violated"))
    out.append(world.record("odd\x1b[1m", world.field(b"unknown") + world.field(b"data\xff")))
    old = hashlib.sha1(b"old").digest()
    padded = old + b"/sbin/old" + bytes(256 - 9)
    out.append(struct.pack("<I", 10) + hashlib.sha1(padded).digest() + world.field(b"ima") + old + world.field(b"/sbin/old"))
    out.append(world.ima_ng("/pcr12/a", hashlib.sha256(b"a").digest(), pcr=12))
    out.append(world.ima_ng("/pcr12/b", hashlib.sha256(b"b").digest(), pcr=12))
    out.append(world.record("ima-buf", world.field(b"sha256:\0" + hashlib.sha256(b"key").digest())
                            + world.field(b".ima\0") + world.field(bytes(range(256)) * 1400)))
    out += [world.ima_ng(f"/usr/bin/{i}", hashlib.sha256(b"%d" % i).digest()) for i in range(700)]
    return b"".join(out)


def check_records(s, raw):
    records = list(replay.parse(raw))
    n, v = len(records), values(records)
    replies = read(s)
    got = records_of(replies)
    check([timeless(r) for r in got] == expected(records), "ReadList: the records are others")
    bad = next((i for i, (a, b) in enumerate(zip(map(timeless, got), expected(records))) if a != b), None)
    if bad is not None:
        print("first that differs:", timeless(got[bad]), expected(records)[bad])
    check(all(r.get("extendedUSec", 0) >= r.get("seenUSec", 0) > 0 for r in got), "ReadList: times")
    check(len(replies) > 1 and max(len(json.dumps(r)) for r in replies if len(r["records"]) > 1) < 256 << 10, "ReadList: replies are too large")
    check(all(r["running"] == {"pcr": 10, "algorithm": "sha256", "value": v[r["next"]]} for r in replies), "ReadList: running")
    check(replies[-1]["next"] == replies[-1]["end"] == n, f"ReadList: {replies[-1]['next']}, {replies[-1]['end']}, not {n}")
    text = json.dumps(replies, ensure_ascii=False)
    check(not any(ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 or 0x202a <= ord(c) <= 0x202e for c in text), "ReadList: a control character")


def check_ranges(s, raw):
    records = list(replay.parse(raw))
    n, v = len(records), values(records)
    rows = [{}, {"first": 5}, {"first": 5, "count": 3}, {"first": n - 1}, {"first": n}, {"count": 0}, {"first": 17, "count": 10 ** 9},
            *({"after": {"algorithm": "sha256", "value": v[k]}} for k in (0, 1, 5, n - 3, n))]
    for row in rows:
        first = v.index(row["after"]["value"]) if "after" in row else row.get("first", 0)
        end = min(n, first + row.get("count", n))
        got = records_of(read(s, **row))
        check([r["position"] for r in got] == list(range(first, end)), f"ReadList {row}: {[r['position'] for r in got][:3]}")
        reply = call(s, "ReadList", **row)
        check([r["position"] for r in reply["records"]] == list(range(first, reply["next"])) and reply["end"] == end, f"ReadList {row}: one reply")
    # By any PCR and algorithm; the lowest of the positions that have it.
    for bank in ("sha1", "sha384", "sha512"):
        w = values(records, bank)
        got = call(s, "ReadList", after={"pcr": 10, "algorithm": bank, "value": w[9]}, count=1)
        check(got["records"][0]["position"] == 9, f"ReadList after {bank}: {got['records'][0]['position']}")
    w = values(records, "sha256", 12)
    got = call(s, "ReadList", after={"pcr": 12, "algorithm": "sha256", "value": w[-1]}, count=1)
    check(got["records"][0]["position"] == w.index(w[-1]), f"ReadList after a value of PCR 12: {got['records'][0]['position']}")
    same = next(i for i, r in enumerate(records) if r.pcr == 12)
    check(v[same] == v[same + 2], "the list is not what this test needs")
    got = call(s, "ReadList", after={"algorithm": "sha256", "value": v[same + 2]}, count=1)
    check(got["records"][0]["position"] == same, f"ReadList after a value of three positions: {got['records'][0]['position']}, not {same}")


def check_filters(s, raw):
    whole = expected(list(replay.parse(raw)))
    rows = [({"pcr": 12}, lambda r: r["pcr"] == 12),
            ({"pcr": 11}, lambda r: False),
            ({"template": "ima-buf"}, lambda r: r["template"] == "ima-buf"),
            ({"template": "odd\\x1b[1m"}, lambda r: r["template"].startswith("odd")),
            ({"template": "ima-n"}, lambda r: False),
            ({"namePrefix": "/tmp/"}, lambda r: r.get("name", "").startswith("/tmp/")),
            ({"namePrefix": "/tmp/esc\\x1b"}, lambda r: "esc" in r.get("name", "")),
            ({"namePrefix": ""}, lambda r: "name" in r),
            ({"violation": True}, lambda r: r["violation"]),
            ({"violation": False, "namePrefix": "/usr/bin/69"}, lambda r: r.get("name", "").startswith("/usr/bin/69"))]
    for row, wants in rows:
        replies = read(s, filter=row)
        check([timeless(r) for r in records_of(replies)] == [r for r in whole if wants(r)], f"ReadList, filter {row}")
        check(replies[-1]["next"] == replies[-1]["end"] == len(whole), f"ReadList, filter {row}: next")


def check_raw(s, raw):
    records = list(replay.parse(raw))
    replies = read(s, raw=True)
    check(raw_of(replies) == raw, "ReadList, raw: not the kernel's bytes")
    check(all(r["byteOrder"] == "little" and "records" not in r for r in replies), "ReadList, raw: form")
    check(max(len(r["data"]) for r in replies) <= 256 << 10, "ReadList, raw: replies are too large")
    large = next(i for i, r in enumerate(records) if r.end - r.start > 300000)
    check(raw_of(read(s, raw=True, first=large)) == raw[records[large].start:], "ReadList, raw: from the large record")
    reply = call(s, "ReadList", raw=True, first=large, count=1)
    check(base64.b64decode(reply["data"]) == raw[records[large].start:records[large].end] and reply["next"] == large + 1,
          "ReadList, raw: a large record in one reply")
    at, joined = 0, b""
    while at < len(records):
        reply = call(s, "ReadList", raw=True, first=at)
        joined, at = joined + base64.b64decode(reply["data"]), reply["next"]
    check(joined == raw, "ReadList, raw: call after call")


def check_errors(s, raw):
    n = sum(1 for _ in replay.parse(raw))
    value = "00" * 32
    check(error_of(call, s, "ReadList", first=n + 1) == ("NoSuchRecord", {"position": n + 1, "end": n}), "NoSuchRecord")
    check(error_of(call, s, "OpenList", format="binary", first=n + 1) == ("NoSuchRecord", {"position": n + 1, "end": n}), "OpenList: NoSuchRecord")
    for after in ({"algorithm": "sha256", "value": "11" * 32}, {"algorithm": "sha1", "value": "11" * 20, "pcr": 12}):
        check(error_of(call, s, "ReadList", after=after) == ("NoSuchValue", {}), "NoSuchValue")
        check(error_of(call, s, "OpenList", format="ascii", after=after) == ("NoSuchValue", {}), "OpenList: NoSuchValue")
    check(error_of(call, s, "ReadList", follow=True)[0] == "ExpectedMore", "follow without more")
    rows = [("first", {"first": -1}), ("first", {"first": "1"}), ("count", {"count": 1.5}), ("raw", {"raw": 1}), ("nonsense", {"nonsense": 1}),
            ("filter", {"filter": {"violation": True}, "raw": True}), ("filter", {"filter": {"x": 1}}), ("filter", {"filter": {"pcr": "10"}}),
            ("after", {"after": {"algorithm": "sha256", "value": value}, "first": 1}), ("after", {"after": {"algorithm": "md5", "value": "00" * 16}}),
            ("after", {"after": {"algorithm": "sha256", "value": value[2:]}}), ("after", {"after": {"algorithm": "sha256", "value": "zz" * 32}}),
            ("after", {"after": {"algorithm": "sha256", "value": value, "pcr": 64}}), ("after", {"after": {"value": value}})]
    for name, parameters in rows:
        check(error_of(call, s, "ReadList", **parameters) == ("InvalidParameter", {"parameter": name}), f"ReadList {parameters}: {error_of(call, s, 'ReadList', **parameters)}")
    for name, parameters in (("format", {}), ("format", {"format": "xml"}), ("format", {"format": 1}), ("raw", {"format": "ascii", "raw": True})):
        check(error_of(call, s, "OpenList", **parameters) == ("InvalidParameter", {"parameter": name}), f"OpenList {parameters}")
    check(error_of(call, s, "Verify", x=1) == ("InvalidParameter", {"parameter": "x"}), "Verify with a parameter")


def check_cel(content, records, first=0, end=None):
    """TCG Canonical Event Log, JSON: against a second implementation."""
    count, want = {}, []
    for i, rec in enumerate(records[:end]):
        number = count.get(rec.pcr, 0)
        count[rec.pcr] = number + 1
        if i >= first:
            want.append({"recnum": number, "pcr": rec.pcr,
                         "digests": [{"hashAlg": b, "digest": replay.extend_digest(rec, b).hex()} for b in BANKS],
                         "content_type": "ima_template",
                         "content": {"template_name": escaped(rec.template.encode("latin-1")), "template_data": rec.hashed.hex()}})
    check(json.loads(content) == want, "OpenList, cel_json: other records")
    check(all(c >= 0x20 or c == 0x0a for c in content), "OpenList, cel_json: a control character")


def check_files(s, raw):
    records = list(replay.parse(raw))
    v = values(records)
    reply, content = open_list(s, format="binary")
    check(content == raw and reply["byteOrder"] == "little" and reply["first"] == 0 and reply["next"] == len(records), "OpenList, binary")
    reply, content = open_list(s, format="binary", first=3, count=4)
    check(content == raw[records[3].start:records[6].end] and (reply["first"], reply["next"]) == (3, 7), "OpenList, binary: a range")
    reply, content = open_list(s, format="binary", after={"algorithm": "sha256", "value": v[6]})
    check(content == raw[records[6].start:] and reply["first"] == 6, "OpenList, binary: after a value")
    reply, content = open_list(s, format="ascii")
    lines = content.decode().splitlines()
    check(content.endswith(b"\n") and len(lines) == len(records), f"OpenList, ascii: {len(lines)} lines")
    for line, rec in zip(lines, records):
        name, digest = subject(rec)
        head = f"{rec.pcr:2d} {rec.digest.hex()} {escaped(rec.template.encode('latin-1'))} "
        if rec.template == "ima-ng":
            check(line == f"{head}{digest} {name}", f"OpenList, ascii: {line}")
        elif rec.template == "ima":
            check(line == f"{head}{rec.data[:20].hex()} {name}", f"OpenList, ascii: {line}")
        else:
            check(line.startswith(head), f"OpenList, ascii: {line[:80]}")
    check_cel(open_list(s, format="cel_json")[1], records)
    reply, content = open_list(s, format="cel_json", first=14, count=5)
    check_cel(content, records, 14, 19)
    reply, content = open_list(s, format="cel_json", first=len(records))
    check(json.loads(content) == [] and reply["next"] == len(records), "OpenList, cel_json: nothing")


def check_evmctl(s, top, tcti):
    """A list without what evmctl cannot read, judged by it with the TPM's own values."""
    if not shutil.which("evmctl"):
        print("evmctl is not installed: not asked")
        return
    path = harness.write(f"{top}/opened", open_list(s, format="binary")[1])
    pcrs = harness.write_evmctl_pcrs(f"{top}/pcrs", "sha256", {"10": world.read_pcr(tcti)["sha256"]})
    rc, out, err = harness.run("evmctl", "ima_measurement", "--pcrs", f"sha256,{pcrs}", path)
    check(rc == 0 and "atched" in out + err, f"evmctl: exit {rc}: {(out + err)[-300:]}")


# Verify

def verify(s, timeout=60):
    return call(s, "Verify", timeout)


def check_verified(s, records, tcti, name):
    reply = verify(s)
    n = len(records)
    check(reply["matches"] is True and reply["measured"] == reply["extended"] == n, f"{name}: {reply['matches']}, {reply.get('extended')} of {n}")
    for pcr in sorted({r.pcr for r in records}):
        of = {b["algorithm"]: b for b in reply["banks"] if b["pcr"] == pcr}
        check(sorted(of) == sorted(BANKS), f"{name}: banks {sorted(of)}")
        for bank, b in of.items():
            v = values(records, bank, pcr)[-1]
            check(b["calculated"] == b["observed"] == v == world.read_pcr(tcti, pcr)[bank], f"{name}: PCR {pcr} {bank}")
            check(b["verified"] == b["lastVerified"] == n and b.get("hypothesis") is None, f"{name}: {b}")


def the_rich_list(top, tpm):
    raw = rich()
    root = world.Root(f"{top}/rich", raw)
    n = sum(1 for _ in replay.parse(raw))
    with Daemon(root.top, tpm.tcti) as d, Server(root.top) as s:
        d.wait_for(daemon.caught_up(n), 60, "rich list")
        s.wait_for(lambda x: x["extended"] == n, 5, "rich list: the server")
        check_records(s, raw)
        check_ranges(s, raw)
        check_filters(s, raw)
        check_raw(s, raw)
        check_errors(s, raw)
        check_files(s, raw)
        check_verified(s, list(replay.parse(raw)), tpm.tcti, "Verify, rich list")
        s.stop(name="rich list: server stop")
        d.stop(name="rich list: stop")


class Follower:
    """A stream in the background."""

    def __init__(self, s, **parameters):
        self.replies, self.error, self.changed = [], None, threading.Condition()
        self.client = s.client(REPLAY, timeout=120)
        self.client.send(f"{REPLAY}.ReadList", {"follow": True, **parameters}, more=True)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        try:
            while True:
                reply = self.client.receive()[0]
                with self.changed:
                    self.replies.append(reply)
                    self.changed.notify_all()
        except (Error, serve.Closed, OSError) as e:
            with self.changed:
                self.error = e
                self.changed.notify_all()

    def wait(self, predicate, seconds=20):
        with self.changed:
            return self.changed.wait_for(lambda: predicate(self), seconds)


def follow(top, tpm):
    """Records as they come, over a restart of the extender; then somebody else extends the PCR."""
    with Kernel(f"{top}/follow", "--records=50") as kernel, Server(kernel.top) as s:
        with Daemon(kernel.top, tpm.tcti) as d:
            d.wait_for(daemon.caught_up(50), 20, "follow")
            s.wait_for(lambda x: x["extended"] == 50, 5, "follow: the server")
            check_evmctl(s, top, tpm.tcti)
            a, b = Follower(s, first=10), Follower(s, raw=True)
            kernel.say("burst", 300)
            check(a.wait(lambda f: f.replies and f.replies[-1]["next"] == 350), f"follow: {len(a.replies)} replies, {a.error}")
            d.stop(name="follow: stop")
        kernel.say("burst", 20)
        with Daemon(kernel.top, tpm.tcti) as d:
            d.wait_for(daemon.caught_up(370), 20, "follow: the next extender")
            for f in (a, b):
                check(f.wait(lambda f: f.replies[-1]["next"] == 370), f"follow: over a restart: {f.replies[-1]['next']}, {f.error}")
            records = list(replay.parse(kernel.raw()))
            check([timeless(r) for r in records_of(a.replies)] == expected(records, 10), "follow: other records")
            check(raw_of(b.replies) == kernel.raw(), "follow: raw: not the kernel's bytes")
            d.stop(name="follow: stop again")
        # An extender that finds no spool counts its files from 0 again: they are others all the same.
        for name in ("list", "index"):
            os.unlink(f"{kernel.top}/run/ima-replay/{name}")
        kernel.say("burst", 10)
        with Daemon(kernel.top, tpm.tcti) as d:
            d.wait_for(daemon.caught_up(380), 20, "follow: the third extender")
            for f in (a, b):
                check(f.wait(lambda f: f.replies[-1]["next"] == 380), f"follow: over new files: {f.replies[-1]['next']}, {f.error}")
            check(raw_of(b.replies) == kernel.raw(), "follow: raw, over new files: not the kernel's bytes")
            records = list(replay.parse(kernel.raw()))
            check_verified(s, records, tpm.tcti, "Verify, follow")
            # Something else extends the PCR.
            world.extend(tpm.tcti, [{bank: b"\xff" * hashlib.new(bank).digest_size for bank in BANKS}])
            kernel.say("burst", 5)
            d.wait_for(daemon.in_state("diverged"), 20, "diverged")
            check(a.wait(lambda f: f.error), "follow: no end though it diverged")
            check(isinstance(a.error, Error) and a.error.name == f"{REPLAY}.Unattestable" and a.error.parameters["state"] == "diverged"
                  and a.error.parameters["reason"] == "foreign_extend", f"follow: {a.error}")
            check(records_of(a.replies)[-1]["position"] == 379, "follow: not the last extended record before the error")
            check(len(records_of(read(s, pending=True))) == 385, "diverged: pending")
            reply = verify(s)
            check(reply["matches"] is False and reply.get("extended") is None, f"Verify, diverged: {reply['matches']}")
            for bank in reply["banks"]:
                check(bank["hypothesis"] == "foreign_ones" and bank["position"] == 379 and bank["lastVerified"] == 380
                      and bank.get("verified") is None, f"Verify, diverged: {bank}")
            s.stop(name="diverged: server stop, with a stream open")
            d.stop(name="diverged: stop")


def frozen(top, tpm):
    """The spool is full: what it has fits a prefix, and that is no match."""
    with Kernel(f"{top}/frozen", "--records=20") as kernel, Server(kernel.top) as s:
        with Daemon(kernel.top, tpm.tcti, "--spool-max=8K") as d:
            d.wait_for(daemon.caught_up(20), 20, "frozen")
            check_verified(s, list(replay.parse(kernel.raw())), tpm.tcti, "Verify, before it is full")
            kernel.say("burst", 100)
            d.wait_for(daemon.caught_up(120), 20, "frozen: more")
            kept = s.wait_for(lambda x: x["extended"] == 120 and not x["spool"]["writable"], 5, "frozen: the server")["spool"]["records"]
            check(20 < kept < 120, f"frozen: {kept} kept")
            reply = verify(s)
            check(reply["matches"] is False and reply["measured"] == 120, f"Verify, frozen: {reply['matches']} of {reply['measured']}")
            check(error_of(read, s) == ("NotSpooled", {"position": kept}), f"frozen: {error_of(read, s)}")
            check(error_of(call, s, "ReadList", first=kept + 3) == ("NotSpooled", {"position": kept + 3}), "frozen: behind")
            check(error_of(open_list, s, format="binary") == ("NotSpooled", {"position": kept}), "frozen: OpenList")
            check(len(open_list(s, format="binary", count=kept)[1]) > 0, "frozen: OpenList of what is there")
            reply = call(s, "ReadList")
            check(len(reply["records"]) == kept and reply["next"] == kept and reply["end"] == 120, "frozen: what is there")
            d.stop(name="frozen: stop")
        begun = time.monotonic()
        error = error_of(verify, s)
        check(error and error[0] == "NotReady", f"Verify, no extender: {error}")
        check(time.monotonic() - begun < 15, "Verify, no extender: too long")


def frozen_behind(top, tpm):
    """The TPM holds just what the spool has, and the list has more: the extender is stopped."""
    with Kernel(f"{top}/behind", "--records=30") as kernel, Server(kernel.top) as s:
        with Daemon(kernel.top, tpm.tcti) as d:
            d.wait_for(daemon.caught_up(30), 20, "behind")
            check_verified(s, list(replay.parse(kernel.raw())), tpm.tcti, "Verify, behind: before")
            kernel.say("cut")       # the count has a record that the list has only in part
            begun = time.monotonic()
            reply = verify(s)
            took = time.monotonic() - begun
            check(reply["matches"] is False and reply.get("extended") == 30 and reply["measured"] == 31, f"Verify, list ahead: {reply}")
            check(4 < took < 9, f"Verify, list ahead: took {took:.1f} s")
            kernel.say("mend")
            reply = verify(s)
            check(reply["matches"] is True and reply["extended"] == 31, f"Verify, mended: {reply['matches']} {reply['extended']}")
            d.stop(name="behind: stop")


def nothing(top, tpm):
    """No list, no TPM, no extender."""
    os.makedirs(f"{top}/nothing/run")
    daemon.make_place(f"{top}/nothing")
    with Server(f"{top}/nothing") as s:
        for method, parameters in (("ReadList", {}), ("OpenList", {"format": "binary"})):
            error = error_of(call, s, method, **parameters)
            check(error and error[0] == "NotReady", f"no extender, {method}: {error}")
    root = world.Root(f"{top}/no-tpm", world.made(40))
    with Daemon(root.top, "swtpm:host=127.0.0.1,port=9") as d, Server(root.top) as s:
        d.wait_for(daemon.in_state("wait_tpm"), 10, "no TPM")
        s.wait_for(lambda x: x["state"] == "wait_tpm", 5, "no TPM: the server")
        error = error_of(verify, s)
        check(error and error[0] == "NotReady" and error[1]["state"] == "wait_tpm", f"Verify, no TPM: {error}")
        check(read(s)[-1]["end"] == 0, "no TPM: something is extended")
        # The extender reads the list when it knows what to do with it.
        check(records_of(read(s, pending=True)) == [], "no TPM: records that nobody has read")
        d.stop(name="no TPM: stop")


def forged(top, tpm):
    """The spool's bytes are altered behind the extender's back: an error, and never those bytes."""
    with Kernel(f"{top}/forged", "--records=200") as kernel, Server(kernel.top) as s:
        with Daemon(kernel.top, tpm.tcti) as d:
            d.wait_for(daemon.caught_up(200), 20, "forged")
            s.wait_for(lambda x: x["extended"] == 200, 5, "forged: the server")
            records = list(replay.parse(kernel.raw()))
            with open(f"{kernel.top}/run/ima-replay/list", "r+b") as f:
                f.seek(records[150].end - 5)
                f.write(b"X")
            replies = []
            try:
                with s.client(REPLAY) as c:
                    for reply in c.more(f"{REPLAY}.ReadList", {"raw": True}):
                        replies.append(reply)
                check(False, "forged: no error")
            except Error as e:
                check(e.name.endswith(".NotSpooled") and e.parameters == {"position": 150}, f"forged: {e}")
            check(raw_of(replies) == kernel.raw()[:records[150].start], "forged: not the bytes before")
            error = error_of(verify, s)
            check(error == ("NotSpooled", {"position": 150}), f"forged: Verify: {error}")
            d.stop(name="forged: stop")


def shorter(top):
    """While a record is sent piece by piece the files are others, in which it is shorter than what was sent."""
    def rec(i, size):
        return world.record("ima-ng", world.field(b"sha256:\0" + hashlib.sha256(b"%d" % i).digest()) + world.field(b"/%d/" % i + b"x" * size + b"\0"))

    head, large, small = world.boot_aggregate() + rec(0, 9), rec(1, 600000), rec(2, 9)
    root = world.Root(f"{top}/shorter", head + large + rec(3, 9))
    os.makedirs(f"{top}/shorter-tpm")
    with Daemon(root.top, f"libtpms:{top}/shorter-tpm/tpm") as d, Server(root.top) as s:
        d.wait_for(daemon.in_state("follow"), 20, "shorter")
        s.wait_for(lambda x: x["extended"] == 4, 10, "shorter: the server")
        with s.client(REPLAY) as c:
            c.send(f"{REPLAY}.ReadList", {"raw": True, "first": 2}, more=True)
            c.socket.recv(1, socket.MSG_PEEK)
            # It does not go on before this is read: it is more than a socket takes.
            with open(f"{root.top}/run/ima-replay/list", "r+b") as f:
                f.seek(len(head))
                f.write(small)
            with open(f"{root.top}/run/ima-replay/index", "r+b") as f:
                f.seek(3 * 24)
                f.write(struct.pack("<Q", len(head + small)))
            data, error = b"", None
            try:
                continues = True
                while continues:
                    reply, continues = c.receive()
                    data += base64.b64decode(reply["data"])
            except (Error, serve.Closed) as e:
                error = e
        check(isinstance(error, Error) and error.name.endswith(".NotSpooled") and error.parameters == {"position": 2}, f"shorter: {error!r}")
        check(large.startswith(data) and 0 < len(data) < len(large), f"shorter: {len(data)} bytes, not those of the list")
        check(s.status()["extended"] == 4, f"shorter: the server: {s.process.poll()}")
        d.stop(name="shorter: stop")


def shared(top):
    """Files that clients keep are memory of the server: one for all who ask for the same, and a bound for all."""
    raw = world.boot_aggregate() + b"".join(
        world.record("ima-ng", world.field(b"sha256:\0" + hashlib.sha256(b"%d" % i).digest()) + world.field(b"/%d/" % i + b"x" * 100000 + b"\0"))
        for i in range(280))
    n = 281
    root = world.Root(f"{top}/shared", raw)
    os.makedirs(f"{top}/shared-tpm")
    with Daemon(root.top, f"libtpms:{top}/shared-tpm/tpm") as d, Server(root.top) as s:
        d.wait_for(daemon.in_state("follow"), 60, "shared")
        s.wait_for(lambda x: x["extended"] == n, 10, "shared: the server")
        n_fds = s.n_fds()
        held = []
        for _ in range(16):
            reply, fds = open_fd(s, format="binary")
            check(reply["size"] == len(raw) and reply["next"] == n, f"shared: {reply}")
            held += fds
        check(len({os.fstat(fd).st_ino for fd in held}) == 1, "shared: more than one file for the same list")
        os.lseek(held[0], 100, os.SEEK_SET)
        check(os.lseek(held[1], 0, os.SEEK_CUR) == 0, "shared: one client moves the other")
        check(os.pread(held[1], len(raw), 0) == raw, "shared: not the list")
        for i in range(1, 16):
            try:
                held += open_fd(s, format="binary", count=n - i)[1]
            except Error as e:
                check(e.name.endswith(".TooLarge") and e.parameters["limit"] == 0 and 0 < e.parameters["size"] < len(raw), f"shared: {e}")
        files = {os.fstat(fd).st_ino: os.fstat(fd).st_blocks * 512 for fd in held}
        check(1 < len(files) and sum(files.values()) <= 128 << 20, f"shared: {len(files)} files, {sum(files.values()) >> 20} MiB")
        check(s.process.poll() is None and s.status()["extended"] == n, "shared: the server is gone")
        check(open_list(s, format="binary")[1] == raw, "shared: what is there is given all the same")
        rc, out, err = harness.run(harness.program("IMA_REPLAYCTL"), f"--root={root.top}", "replay", "-j")
        check(rc == 0 and json.loads(out)["records"] == n, f"shared: no room, so it is read in pieces: {rc} {err}")
        for fd in held:
            os.close(fd)
        _, fds = open_fd(s, format="binary", count=n - 9)
        os.close(fds[0])
        until = time.monotonic() + 20
        while s.n_fds() > n_fds and time.monotonic() < until:
            s.status()
        check(s.n_fds() == n_fds, f"shared: {s.n_fds()} descriptors, {n_fds} before")
        d.stop(name="shared: stop")


def rss(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmHWM"))


def long_list(top):
    """As many records as a busy machine has: in any place at once, and in little memory."""
    raw = world.made(LONG)
    root = world.Root(f"{top}/long", raw)
    os.makedirs(f"{top}/long-tpm")
    with Daemon(root.top, f"libtpms:{top}/long-tpm/tpm") as d, Server(root.top) as s:
        d.wait_for(daemon.in_state("follow"), 300, "long list")
        s.wait_for(lambda x: x["extended"] == LONG, 10, "long list: the server")
        begun = time.monotonic()
        replies = read(s, raw=True)
        print(f"long list: {LONG} records raw in {len(replies)} replies, {time.monotonic() - begun:.2f} s")
        check(raw_of(replies) == raw and len(replies) <= 1024, "long list: raw")
        begun = time.monotonic()
        replies = read(s)
        print(f"long list: decoded in {len(replies)} replies, {time.monotonic() - begun:.2f} s")
        check(len(records_of(replies)) == LONG and len(replies) <= 1024 * max(1, LONG // 100000), f"long list: {len(replies)} replies")
        for k in (0, LONG // 3, LONG - 10):
            begun = time.monotonic()
            reply = call(s, "ReadList", first=k, count=1)
            again = call(s, "ReadList", after=reply["running"], count=1)
            check(again["records"][0]["position"] == k + 1, f"long list: after the record {k}")
            print(f"long list: record {k}, and the next by its value: {1000 * (time.monotonic() - begun):.1f} ms")
        begun = time.monotonic()
        check(verify(s, 300)["matches"] is True, "long list: Verify")
        print(f"long list: Verify {time.monotonic() - begun:.2f} s")
        used = rss(s.process)
        print(f"long list: server RSS {used >> 10} KiB")
        if not harness.is_sanitized(serve.program()):
            check(used < RSS_MAX, f"long list: server RSS {used >> 10} KiB")
        d.stop(name="long list: stop")


def with_tpm(top, name, test):
    with Swtpm(f"{top}/tpm-{name}") as tpm:
        test(top, tpm)


def main():
    world.need("swtpm", "tpm2_pcrread", "tpm2_pcrextend")
    world.need_libtpms()
    daemon.peer_status()
    serve.program()
    only = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="serve-list.") as top:
        for test in (the_rich_list, follow, frozen, frozen_behind, nothing, forged):
            if not only or test.__name__ in only:
                with_tpm(top, test.__name__, test)
        for test in (shorter, shared, long_list):
            if not only or test.__name__ in only:
                test(top)
    harness.finish()


if __name__ == "__main__":
    main()
