#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""varlink-hostile.py: clients that mean harm, to our server in a process of its own; a good one goes on.

  connections  1,000 of them, idle, then with half a request each
  nonsense     bad UTF-8, duplicate keys, depth 17, one byte over the limit, flags, descriptors, noise
  slow         readers that take nothing, writers that send a byte now and then
  uid          another user: no access to a socket of mode 0644, and no more than a share of the other
  abrupt       clients that are killed while they are served

"""
import array
import contextlib
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "lib"))
import harness  # noqa: E402
from harness import check  # noqa: E402

CONNECTIONS = 1000
CONNECTIONS_MAX = 512
UID_MAX = 320
REQUEST_MAX = 64 << 10
REQUEST_SECONDS = 5
RSS_MAX = 32 << 20
NOBODY = 65534
SECONDS = 60
LOAD = "org.example.load"


class Target:
    """A server: where it listens, and calls that it answers."""

    def __init__(self, process, path, private, ping, stream):
        self.process, self.path, self.private, self.ping, self.stream = process, path, private, ping, stream

    def connect(self, path=None, timeout=SECONDS):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(timeout)
        s.connect(path or self.path)
        return s

    def rss(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * resource.getpagesize()

    def is_sane(self):
        return self.rss() < RSS_MAX or harness.is_sanitized(f"/proc/{self.process.pid}/exe")

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def message(method, parameters=None, **flags):
    return json.dumps({"method": method, **({} if parameters is None else {"parameters": parameters}), **flags}).encode() + b"\0"


def receive(s):
    """One reply; b"": closed."""
    data = b""
    while not data.endswith(b"\0"):
        try:
            more = s.recv(1 << 16)
        except ConnectionResetError:
            return b""
        if not more:
            return b""
        data += more
    return data


def is_closed(s):
    """The server hangs up on it (and says nothing before)."""
    return receive(s) == b""


def check_good(t, what, s=None):
    """A good client is answered."""
    begun = time.monotonic()
    try:
        own = s or t.connect()
        own.sendall(t.ping)
        reply = receive(own)
        check(b'"parameters"' in reply and b'"error"' not in reply, f"{what}: the good client gets {reply[:200]}")
        if not s:
            own.close()
    except OSError as e:
        check(False, f"{what}: the good client: {e}")
    return time.monotonic() - begun


def settle(t, n_fds, what):
    """All of them are gone: nothing is left behind."""
    until = time.monotonic() + SECONDS
    while t.n_fds() > n_fds and time.monotonic() < until:
        time.sleep(0.02)
    check(t.n_fds() <= n_fds, f"{what}: {t.n_fds()} descriptors, {n_fds} before")


def check_quiet(t, what):
    """It does not spin."""
    before = t.cpu()
    time.sleep(0.5)
    check(t.cpu() - before < 0.25, f"{what}: {t.cpu() - before:.2f} s of CPU in half a second of nothing")


def connections(t):
    n_fds = t.n_fds()
    good = t.connect()
    check_good(t, "connections: before", good)
    for what, data in (("idle", b""), ("half a request each", t.ping[:20])):
        held = []
        for _ in range(CONNECTIONS):
            with contextlib.suppress(OSError):
                held.append(t.connect())
                if data:
                    held[-1].send(data)
        check_good(t, f"connections: {what}: one that was there", good)
        check_quiet(t, f"connections: {what}")
        check(t.n_fds() <= CONNECTIONS_MAX + n_fds, f"connections: {what}: {t.n_fds()} descriptors")
        if data:
            time.sleep(REQUEST_SECONDS + 1)
        check_good(t, f"connections: {what}: a new one")
        check(t.is_sane(), f"connections: {what}: RSS {t.rss() >> 10} KiB")
        for s in held:
            s.close()
    good.close()
    settle(t, n_fds, "connections")


def nonsense(t):
    n_fds = t.n_fds()
    good = t.connect()
    call = t.ping[:-1]
    deep = b'{"method":"x.Y","parameters":{"a":' + b"[" * 15 + b"]" * 15 + b"}}"
    long = call + b" " * (REQUEST_MAX + 1 - len(call))
    rows = {"bad UTF-8": b'{"method":"\xff\xfe"}', "overlong UTF-8": b'{"method":"\xc0\xae"}', "duplicate key": b'{"method":"a.B","method":"a.B"}',
            "duplicate parameter": b'{"method":"a.B","parameters":{"x":1,"x":1}}', "depth 17": deep, "one byte over the limit": long,
            "no JSON": b"GET / HTTP/1.1\r\n\r\n", "empty": b"", "array": b"[]", "two flags": call[:-1] + b',"more":true,"oneway":true}',
            "a flag that is none": call[:-1] + b',"more":1}', "an unknown member": call[:-1] + b',"x":1}', "NaN": b'{"method":NaN}',
            "raw control": b'{"method":"a\x01.B"}', "BOM": b"\xef\xbb\xbf" + call}
    for what, data in rows.items():
        with t.connect() as s:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                s.sendall(data + b"\0")
            check(is_closed(s), f"{what}: the connection stays")
        check_good(t, what, good)
    with t.connect() as s:
        s.sendall(call + b" " * (REQUEST_MAX - len(call)) + b"\0")
        check(b"parameters" in receive(s), "a request of the largest size")
    with t.connect() as s:
        s.sendall(deep.replace(b"[" * 15, b"[" * 14).replace(b"]" * 15, b"]" * 14) + b"\0")
        check(b"InterfaceNotFound" in receive(s), "depth 16")
    with t.connect() as s, open("/dev/null", "rb") as f:
        try:
            s.sendmsg([t.ping], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [f.fileno()] * 50))])
            check(is_closed(s), "descriptors sent: the connection stays")
        except PermissionError:
            check(True, "Linux 6.16 and later do not even send them")
    with t.connect() as s:
        for _ in range(200):
            s.sendall(b'{"method":"\\u001b]0;x\\u0007\xe2\x80\xae.B"}\0')
            reply = receive(s)
            if not check(not any(b < 0x20 or 0x7f <= b < 0xa0 for b in reply[:-1]) and b"\\\\x1b" in reply, f"escaped: {reply}"):
                break
    noise = random.Random(8)
    for _ in range(300):
        with t.connect() as s, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            s.sendall(noise.randbytes(noise.randrange(1, 400)))
    check_good(t, "noise", good)
    good.close()
    settle(t, n_fds, "nonsense")


def slow(t):
    n_fds = t.n_fds()
    good = t.connect()
    readers = [t.connect() for _ in range(128)]
    for s in readers:
        s.sendall(t.stream * 3)
    writers = [t.connect() for _ in range(128)]
    for s in writers:
        s.sendall(t.ping[:5])
    begun, times = time.monotonic(), []
    while time.monotonic() < begun + REQUEST_SECONDS + 2:
        for s in writers:
            with contextlib.suppress(OSError):
                s.send(b" ")
        times += [check_good(t, "slow", good) for _ in range(10)]
        time.sleep(0.1)
    times.sort()
    check(t.is_sane(), f"slow: RSS {t.rss() >> 10} KiB")
    gone = 0
    for s in writers:
        with contextlib.suppress(OSError):
            gone += is_closed(s)
    check(gone == len(writers), f"slow: {gone} of {len(writers)} slow writers were hung up on")
    check_quiet(t, "slow")
    for s in readers + writers + [good]:
        s.close()
    settle(t, n_fds, "slow")
    print(f"slow: 128 readers, 128 writers: p50 {times[len(times) // 2] * 1e3:.1f} ms, max {times[-1] * 1e3:.1f} ms")


OTHER = r"""
import os, socket, sys, time
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
path, private, n, data = sys.argv[1], sys.argv[2], int(sys.argv[3]), bytes.fromhex(sys.argv[4])
try:
    socket.socket(socket.AF_UNIX).connect(private)
    print("let in", flush=True)
except PermissionError:
    print("refused", flush=True)
held = []
for _ in range(n):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
        s.send(data)
        held.append(s)
    except OSError:
        pass
print("ready", flush=True)
sys.stdin.read()
"""


def uid(t):
    if os.getuid() != 0:
        harness.leave_out("only root can be several users")
        return
    n_fds = t.n_fds()
    p = subprocess.Popen([sys.executable, "-c", OTHER, t.path, t.private, "600", t.ping[:9].hex()], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    check(p.stdout.readline() == "refused\n", "uid: another user is let in to the private socket")
    check(p.stdout.readline() == "ready\n", "uid: it does not connect")
    check(t.n_fds() - n_fds <= UID_MAX + 1, f"uid: {t.n_fds() - n_fds} connections of one user")
    check_good(t, "uid: root comes in")
    p.communicate("")
    settle(t, n_fds, "uid")


CHILD = r"""
import socket, sys, time
held = []
for i in range(50):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(bytes.fromhex(sys.argv[2 + i % 2]))
    held.append(s)
print("ready", flush=True)
time.sleep(100)
"""


def abrupt(t):
    n_fds = t.n_fds()
    for _ in range(5):
        p = subprocess.Popen([sys.executable, "-c", CHILD, t.path, t.stream.hex(), (t.ping * 20).hex()], stdout=subprocess.PIPE)
        check(p.stdout.readline() == b"ready\n", "abrupt: it does not connect")
        p.send_signal(signal.SIGKILL)
        p.communicate()
        check_good(t, "abrupt")
    settle(t, n_fds, "abrupt")


def all_of(t):
    n_before = harness.Count.failed
    for part in (connections, nonsense, slow, uid, abrupt):
        part(t)
    check(t.process.poll() is None, f"the server has ended: {t.process.poll()}")
    return harness.Count.failed == n_before


def library(top):
    path, private = f"{top}/socket", f"{top}/private"
    with subprocess.Popen([harness.program("VARLINK_SERVER"), path, private], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as p:
        check(p.stdout.readline() == b"ready\n", "the server does not start")
        os.chmod(path, 0o666)
        os.chmod(private, 0o644)
        all_of(Target(p, path, private, message(f"{LOAD}.Ping"), message(f"{LOAD}.Flood", {"n": 200000}, more=True)))
        p.kill()


def real(top):
    """ima-replay-serve, without an extender: its calls are answered all the same."""
    try:
        import serve
    except ImportError:
        return False
    if not os.access(os.environ.get("IMA_REPLAY_SERVE") or "/nonexistent", os.X_OK):
        return False
    from daemon import make_place
    make_place(top)
    with serve.Server(top) as s:
        s.status()
        ping = message(f"{serve.STATUS}.GetStatus")
        if not all_of(Target(s.process, s.path(), s.path(serve.REPLAY), ping, ping * 100)):
            print("that was ima-replay-serve")
        s.stop()
    return True


def main():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, 16384), limit))
    with tempfile.TemporaryDirectory(prefix="varlink-hostile-") as top:
        os.chmod(top, 0o755)
        library(top)
        if not real(f"{top}/root"):
            harness.leave_out("ima-replay-serve is not here")
    harness.finish()


main()
