#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""serve-status.py: what ima-replay-serve says while ima-replayd lives through what can happen.

  life        no daemon, no TPM, catch-up, follow: each is told; the values are those of a replay
  canary      Wait covers a record that was appended just before the call
  wait        Timeout, a count that is still to come, parameters that are none
  stream      GetStatus with more: at most ten a second; who reads slowly gets the newest
  diverged    held and new calls end with Unattestable; the values are shown, none as verified
  kernel      Wait returns at once
  extender    killed and started again: nothing old is served; a held Wait lives through it
  slow        Verify while a slow TPM catches up: the extender is not taken for dead
  server      killed and started again while a TPM is being extended; a live one is not replaced
  spool       off: said so, and extended all the same
  activation  the sockets of both programs handed over; the inner one to a user of its own
  extend      whatever clients say: as many PCR_Extends as records
"""
import hashlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import replay  # noqa: E402
import serve  # noqa: E402
import world  # noqa: E402
from daemon import BOOT_ID, Daemon, make_place  # noqa: E402
from harness import check, finish  # noqa: E402
from kernel import Kernel, now_usec  # noqa: E402
from mux import Mux  # noqa: E402
from serve import REPLAY, STATUS, Client, Closed, Error, Server  # noqa: E402
from world import BANKS, Swtpm  # noqa: E402

COMMAND_SECONDS = 0.005
SLOW_SECONDS, SLOW_LOOKS = 0.5, 12
CANARIES = 40
STREAM_SECONDS = 2
WAIT = f"{STATUS}.Wait"
GET_STATUS = f"{STATUS}.GetStatus"
TIMEOUT, UNATTESTABLE = f"{STATUS}.Timeout", f"{STATUS}.Unattestable"
SEC = 1000000


def following(n=None):
    return lambda s: s["state"] == "follow" and (n is None or s["measured"] == s["extended"] == n)


def in_state(*states):
    return lambda s: s["state"] in states


def is_away(s):
    return s["state"] == "init" and s["verdict"] == "pending" and "ima-replayd" in s.get("message", "")


class Scene:
    """A list, a TPM that can be lost, and the place of both programs."""

    def __init__(self, name, top, records=50, delay=0.0, kernel=()):
        self.name, self.top = name, f"{top}/{name}"
        self.tpm = Swtpm(f"{self.top}.tpm")
        self.kernel_argv, self.records, self.delay = kernel, records, delay

    def __enter__(self):
        self.tpm.__enter__()
        self.kernel = Kernel(self.top, f"--records={self.records}", *self.kernel_argv)
        self.kernel.__enter__()
        self.mux = Mux(self.tpm, 1, delay=self.delay)
        self.mux.__enter__()
        make_place(self.top)
        return self

    def __exit__(self, *_):
        self.mux.__exit__()
        self.kernel.__exit__()
        self.tpm.__exit__()

    def daemon(self, *options, **how):
        return Daemon(self.top, self.mux.tcti(), *options, watch=False, **how)

    def server(self, *options, **how):
        return Server(self.top, *options, **how)

    @property
    def total(self):
        return self.kernel.state["total"]

    def check(self, good, what):
        return check(good, f"{self.name}: {what}")

    def check_error(self, call, want, what):
        """The parameters of the error that it must end with."""
        try:
            reply = call()
        except Error as e:
            self.check(e.name == want, f"{what}: {e}, expected {want}")
            return e.parameters
        self.check(False, f"{what}: answered {reply}, expected {want}")
        return {}

    def follows(self, server, what):
        n = self.total
        status = server.wait_for(following(n), 20, f"{self.name}: {what}: {n} records") or server.status()
        self.check(status["verdict"] == "extended" and status["mode"] == "bypass", f"{what}: {serve.told(status)}")
        return status

    def extended(self):
        return [pcr for _, pcr, _ in self.mux.extended]


def check_values(scene, status, what):
    """Each bank's value is what an independent replay gives for that count."""
    records = list(replay.parse(scene.kernel.raw()))
    banks = {b["algorithm"]: b for b in status["banks"]}
    scene.check(set(banks) == set(BANKS), f"{what}: banks {sorted(banks)}")
    for alg, b in banks.items():
        want = world.values(records[:b.get("verified", 0)], banks=(alg,))[alg]
        scene.check(b["pcr"] == 10 and b["value"] == want, f"{what}: {alg}: {b}")


def life(top):
    with Scene("life", top) as scene, scene.server() as server:
        status = server.status()
        scene.check(is_away(status) and status["mode"] == "undecided", f"without a daemon: {serve.told(status)}")
        scene.check(status["bootId"] == open(f"{scene.top}/{BOOT_ID}", encoding="ascii").read().strip().replace("-", ""), "boot ID")
        for name, mode in ((STATUS, 0o666), (REPLAY, 0o644)):
            st = os.stat(server.path(name))
            scene.check(stat.S_ISSOCK(st.st_mode) and stat.S_IMODE(st.st_mode) == mode, f"{name}: mode {st.st_mode:o}")
            link = f"{scene.top}/run/varlink/registry/{name}"
            scene.check(os.path.samefile(link, server.path(name)), f"{link} leads elsewhere")
        scene.mux.lose()
        with scene.daemon() as d:
            status = server.wait_for(lambda s: in_state("wait_tpm")(s) and s["measured"] == scene.records, 5, "life: without a TPM")
            scene.check(status and status["verdict"] == "pending" and "tpm" not in status
                        and status["banks"] == [] and "backlog" not in status, f"without a TPM: {status}")
            scene.mux.delay = COMMAND_SECONDS
            with server.client() as c:
                c.send(WAIT)
                scene.mux.restore()
                scene.kernel.say("burst", 100)
                status = server.wait_for(in_state("catch_up"), 10, "life: catching up") or {}
                scene.check(status.get("verdict") == "pending" and status.get("backlog", {}).get("startUSec", 0) <= now_usec()
                            and "doneUSec" not in status.get("backlog", {}), f"catching up: {serve.told(status)}")
                reply, _ = c.receive()
                scene.check(reply["extended"] >= scene.records, f"a Wait from before there was a TPM: {reply}")
            scene.follows(server, "caught up")
            status = server.wait_for(lambda s: "doneUSec" in s["backlog"], 0.5, "life: the end of the catch-up") or server.status()
            check_values(scene, status, "following")
            scene.check(all(b["verified"] == scene.total for b in status["banks"]), f"verified: {status['banks']}")
            tpm, lag, backlog = status["tpm"], status["lag"], status["backlog"]
            scene.check(tpm["compareAndSwap"] and tpm["software"] and tpm["device"].startswith("swtpm:") and "driver" not in tpm, f"{tpm}")
            scene.check(lag["records"] == 0 == lag["ageUSec"], f"{lag}")
            scene.check(0 < backlog["startUSec"] < backlog.get("doneUSec", 0) <= now_usec() and backlog["records"] >= scene.records, f"{backlog}")
            scene.check(status["spool"]["records"] == scene.total and status["spool"]["writable"], f"{status['spool']}")
            metrics(scene, server)
            d.stop(name="life: stop")
        server.stop(name="life: stop of the server")


def metrics(scene, server):
    with server.client() as c:
        rows = list(c.more("io.systemd.Metrics.List"))
        families = {r["name"]: r for r in c.more("io.systemd.Metrics.Describe")}
    said = {(r["name"], r.get("object")): r["value"] for r in rows}
    scene.check(all(r["name"].startswith("org.imareplay.") and r["name"] in families for r in rows), f"names: {said}")
    scene.check(said[("org.imareplay.State", None)] == "follow" and said[("org.imareplay.MeasurementsExtended", None)] == scene.total
                and all(said[("org.imareplay.PCRMatches", b)] == 1 for b in BANKS), f"metrics: {said}")
    scene.check({f["type"] for f in families.values()} == {"counter", "gauge", "string"}
                and all(f["description"] for f in families.values()), f"families: {families}")
    for method in ("List", "Describe"):
        scene.check_error(lambda m=method: server.call(f"io.systemd.Metrics.{m}"), "org.varlink.service.ExpectedMore", f"{method} without more")


def canary(top):
    with Scene("canary", top) as scene, scene.daemon() as d, scene.server() as server:
        scene.follows(server, "before")
        late = took = 0
        with server.client() as c:
            for _ in range(CANARIES):
                scene.kernel.say("burst", 1)
                begun, n = time.monotonic(), scene.total
                reply = c.call(WAIT)
                took = max(took, time.monotonic() - begun)
                late += reply["measured"] < n or reply["extended"] < n
                time.sleep(0.005)   # not always at the same moment of the daemon's
        scene.check(late == 0, f"{late} of {CANARIES} records were not waited for")
        scene.check(took < 2, f"a Wait took {took:.2f} s")
        scene.check(len(scene.extended()) == scene.total, f"{len(scene.extended())} extends for {scene.total} records")
        d.stop(name="canary: stop")


def wait_errors(top):
    with Scene("wait", top) as scene, scene.daemon() as d, scene.server() as server:
        n = scene.follows(server, "before")["measured"]
        scene.check(server.call(WAIT, {"timeoutUSec": 0})["extended"] == n, "all is there: a look")
        scene.check(server.call(WAIT, {"records": n, "timeoutUSec": 0})["extended"] == n, "so many are there")
        scene.check(server.call(WAIT, {"records": None, "timeoutUSec": None})["extended"] == n, "null is nothing")
        for usec in (0, 200000):
            begun = time.monotonic()
            p = scene.check_error(lambda u=usec: server.call(WAIT, {"records": n + 1, "timeoutUSec": u}), TIMEOUT, f"timeout {usec}")
            took = time.monotonic() - begun
            scene.check(p.get("state") == "follow" and p.get("measured") == p.get("extended") == n, f"Timeout: {p}")
            scene.check(usec / SEC <= took < usec / SEC + 1, f"a timeout of {usec} us took {took:.3f} s")
        for bad in ({"records": -1}, {"records": "1"}, {"records": 1.5}, {"timeoutUSec": True}, {"timeoutUSec": -1}, {"record": 1}):
            p = scene.check_error(lambda b=bad: server.call(WAIT, b), "org.varlink.service.InvalidParameter", f"{bad}")
            scene.check(p.get("parameter") == next(iter(bad)), f"{bad}: {p}")
        scene.check_error(lambda: server.call(GET_STATUS, {"x": 1}), "org.varlink.service.InvalidParameter", "GetStatus with x")
        with server.client() as c:
            c.send(WAIT, {"records": n + 2})
            scene.kernel.say("burst", 1)
            scene.follows(server, "one of two")
            scene.kernel.say("burst", 1)
            scene.check(c.receive()[0]["extended"] == n + 2, "two that were still to come")
        d.stop(name="wait: stop")


def stream(top):
    with Scene("stream", top) as scene, scene.daemon() as d, scene.server() as server:
        scene.follows(server, "before")
        with server.client() as fast, server.client() as slow:
            fast.send(GET_STATUS, more=True)
            slow.send(GET_STATUS, more=True)
            first, continues = fast.receive()
            scene.check(continues and following()(first), f"the first reply: {serve.told(first)}")
            scene.kernel.say("rate", 200)
            until, n, last = time.monotonic() + STREAM_SECONDS, 0, first
            while time.monotonic() < until:
                last, _ = fast.receive()
                n += 1
            scene.kernel.say("stop")
            total = scene.total
            scene.check(STREAM_SECONDS * 2 <= n <= STREAM_SECONDS * 10 + 2, f"{n} replies in {STREAM_SECONDS} s")
            scene.check(first["measured"] < last["measured"], "nothing moved")
            while last["extended"] < total:
                last, _ = fast.receive()
            scene.follows(server, "after")
            # Its socket takes some; then the newest, not what was between.
            n, reply = 0, {}
            while reply.get("extended") != total:
                reply, _ = slow.receive()
                n += 1
            print(f"stream: the slow reader got {n} replies")
            slow.socket.settimeout(1)
            try:
                more, _ = slow.receive()
                scene.check(more != reply, f"the same twice: {serve.told(more)}")
            except TimeoutError:
                pass
        d.stop(name="stream: stop")


def diverged(top):
    with Scene("diverged", top) as scene, scene.daemon() as d, scene.server() as server:
        n = scene.follows(server, "before")["measured"]
        with server.client() as held, server.client() as later:
            held.send(WAIT, {"records": n + 5})
            later.send(GET_STATUS, more=True)
            later.receive()
            world.extend(scene.tpm.tcti, [{b: bytes([0x66]) * hashlib.new(b).digest_size for b in BANKS}])
            scene.kernel.say("burst", 1)
            status = server.wait_for(in_state("diverged"), 10, "diverged: in its state") or server.status()
            p = scene.check_error(held.receive, UNATTESTABLE, "held")
            scene.check(p.get("state") == "diverged" and p.get("reason") == "foreign_extend", f"Unattestable: {p}")
            while in_state("diverged")(status) and later.receive()[0]["state"] != "diverged":
                pass
        scene.check(status["verdict"] == "failed" and status["extended"] == 0, f"{serve.told(status)}")
        scene.check(len(status["banks"]) == len(BANKS) and all("verified" not in b for b in status["banks"]), f"{status['banks']}")
        pcr = world.read_pcr(scene.tpm.tcti)
        for b in status["banks"]:
            scene.check(b["value"] == pcr[b["algorithm"]], f"{b}: the TPM has {pcr}")
        for p in ({}, {"records": 0}, {"timeoutUSec": 0}):
            scene.check_error(lambda q=p: server.call(WAIT, q), UNATTESTABLE, f"Wait {p}")
        d.stop(name="diverged: stop")


def kernel_mode(top):
    name = "kernel"
    with Swtpm(f"{top}/{name}.tpm") as tpm, Mux(tpm, 2) as mux:
        port = mux.clients[0].port
        with Kernel(f"{top}/{name}", "--records=5", f"--extend-via={port}") as kernel, \
                Daemon(kernel.top, mux.tcti(1), watch=False) as d, Server(kernel.top) as server:
            status = server.wait_for(lambda s: s["verdict"] == "kernel" and "tpm" in s, 10, name)
            check(status and status["mode"] == "kernel" and status["state"] == "kernel_owns" and status["reason"] == "boot_aggregate_set"
                  and "backlog" not in status and not status["tpm"]["compareAndSwap"], f"{name}: {status}")
            reply = server.call(WAIT, {"records": 1000})
            check(reply["state"] == "kernel_owns", f"{name}: {reply}")
            d.stop(name=f"{name}: stop")


def extender(top):
    with Scene("extender", top) as scene, scene.server() as server:
        with scene.daemon() as d:
            n = scene.follows(server, "before")["measured"]
            n_fds = server.n_fds()
            held = [server.client(timeout=30) for _ in range(2)]
            held[0].send(WAIT, {"records": n + 10})
            d.kill()
        status = server.wait_for(is_away, 1, "extender: gone")
        check(status and status["measured"] == 0 and status["banks"] == [] and "tpm" not in status, f"extender: gone: {status}")
        scene.kernel.say("burst", 10)
        held[1].send(WAIT)
        begun = time.monotonic()
        scene.check_error(lambda: server.call(WAIT, {"timeoutUSec": 100000}), TIMEOUT, "nobody there")
        scene.check(time.monotonic() - begun < 1, "a Timeout without an extender was late")
        with scene.daemon() as d:
            for c in held:
                reply, _ = c.receive()
                scene.check(reply["extended"] == n + 10, f"a Wait that was held: {reply}")
            scene.follows(server, "again")
            os.kill(d.process.pid, signal.SIGSTOP)      # it does not answer, and its socket is open
            try:
                server.call(WAIT, {"timeoutUSec": 0})
                scene.check(False, "a daemon that is stopped is believed")
            except Error as e:
                scene.check(e.name == TIMEOUT, f"stopped: {e}")
            server.wait_for(is_away, 15, "extender: silent for ten seconds")
            os.kill(d.process.pid, signal.SIGCONT)
            scene.follows(server, "awake again")
            for c in held:
                c.__exit__()
            for _ in range(300):
                server.status()
            now = server.n_fds()
            scene.check(now == n_fds, f"{now} descriptors, {n_fds} before")
            d.stop(name="extender: stop")


def slow(top):
    """A catch-up of a slow TPM: it is no dead one, and what is asked of PCRs is answered, by what they hold so far."""
    with Scene("slow", top, records=100, delay=SLOW_SECONDS) as scene, scene.daemon() as d, scene.server() as server:
        server.wait_for(in_state("catch_up"), 20, "slow: catching up")
        with server.client(REPLAY, timeout=30) as c:
            c.send(f"{REPLAY}.Verify")
            begun, said = time.monotonic(), []
            while time.monotonic() - begun < SLOW_LOOKS and not said:
                said += [serve.told(s) for s in [server.status()] if is_away(s)]
                time.sleep(0.02)
            scene.check(not said, f"not there after {time.monotonic() - begun:.1f} s: {said} {server.lines}")
            scene.check(in_state("catch_up")(server.status()), "it had caught up before the test was over")
            answer, _ = c.receive()
            scene.check(not answer["matches"] and 0 < answer["extended"] < scene.total, f"Verify says in a catch-up: {answer}")
        scene.mux.delay = 0
        scene.follows(server, "fast again")
        scene.check(not any("is gone" in line for line in server.lines), f"{server.lines}")
        d.stop(name="slow: stop")


def server_killed(top):
    with Scene("server", top, records=400, delay=COMMAND_SECONDS) as scene, scene.daemon() as d:
        for i in range(3):
            with scene.server() as server:
                server.wait_for(in_state("catch_up"), 10, f"server: start {i}")
                result = harness.run(*server.argv)
                check(result[0] == 1 and "other" in result[2], f"server: a second one beside it: {result}")
                scene.check(in_state("catch_up", "follow")(server.status()), "the first one after that")
                server.kill()
        with scene.server() as server:
            scene.follows(server, "all of it")
            check_values(scene, server.status(), "all of it")
            scene.check(len(scene.extended()) == scene.total, f"{len(scene.extended())} extends for {scene.total} records")
            d.stop(name="server: stop of the extender")
            server.stop(sig=signal.SIGINT)


def spool_off(top):
    with Scene("spool", top) as scene, scene.daemon("--spool-max=0") as d, scene.server() as server:
        status = scene.follows(server, "without a spool")
        scene.check(status["spool"] == {"records": 0, "size": 0, "limit": 0, "writable": False}, f"{status['spool']}")
        scene.kernel.say("burst", 1)
        scene.check(server.call(WAIT)["extended"] == scene.total, "Wait")
        d.stop(name="spool: stop")


# fds, names, uid or "", program and arguments
HAND_OVER = """
import os, sys
fds = [int(n) for n in sys.argv[1].split(",")]
fds = [os.dup(fd) for fd in fds]
high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
os.closerange(3 + len(high), 200)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=sys.argv[2])
if sys.argv[3]:
    os.setgroups([])
    os.setgid(int(sys.argv[3]))
    os.setuid(int(sys.argv[3]))
os.execv(sys.argv[4], sys.argv[4:])
"""


def listening(path, kind):
    s = socket.socket(socket.AF_UNIX, kind)
    directory = os.open(os.path.dirname(path), os.O_PATH)
    s.bind(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
    os.close(directory)
    s.listen(64)
    return s


def handed(names, sockets, uid=""):
    """What starts a program with these sockets and as this user: for Popen()."""
    fds = ",".join(str(s.fileno()) for s in sockets)
    return {"prefix": [sys.executable, "-c", HAND_OVER, fds, ":".join(names), str(uid)],
            "pass_fds": [s.fileno() for s in sockets]}


def hand(process, how):
    """The same for one of daemon.Daemon, which has no such arguments."""
    return subprocess.Popen([*how["prefix"], *process.argv], env=process.env, stdin=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, pass_fds=how["pass_fds"])


def remade(path, kind, mode, uid=None):
    if os.path.exists(path):
        os.unlink(path)
    s = listening(path, kind)
    os.chmod(path, mode)
    if uid is not None:
        os.chown(path, uid, uid)
    return s


def activation(top):
    """As root the server has a uid of its own that no user has, and a program that this uid can run."""
    is_root = os.geteuid() == 0
    uid, other = (61234, 61235) if is_root else ("", "")
    with Scene("activation", top) as scene:
        run = f"{scene.top}/run/ima-replay"
        os.makedirs(run)
        for path in (top, scene.top):
            os.chmod(path, 0o755)
        os.environ["IMA_REPLAY_SERVE"] = shutil.copy(serve.program(), f"{top}/ima-replay-serve")
        inner = remade(f"{run}/extender", socket.SOCK_SEQPACKET, 0o600, uid if is_root else None)
        status = remade(f"{run}/{STATUS}", socket.SOCK_STREAM, 0o666)
        how = handed(["status"], [status], uid)
        handed_over(scene, how, handed(["other", "extender"], [status, inner]))
        if is_root:
            inner.close()
            given(scene, status, uid, other)
        else:
            print("activation: not root: users are left out")
        inner.close()
        status.close()
        del os.environ["IMA_REPLAY_SERVE"]


def handed_over(scene, how, inner_how):
    with scene.daemon() as d:
        # It has no socket: it finds the place taken by a live one, and extends all the same.
        scene.check(d.wait_line("no socket for clients", 5), "an inner socket that is another's was replaced")
        until = time.monotonic() + 10
        while len(scene.extended()) < scene.total and time.monotonic() < until:
            time.sleep(0.02)
        d.stop(name="activation: without a socket")
    with hand(scene.daemon(), inner_how) as process:
        try:
            with scene.server(**how) as server:
                # The very first answer of a server that a client started is no excuse.
                scene.check(not is_away(server.status()), "the first answer is that nobody is there")
                scene.follows(server, "with sockets handed over")
                scene.check(not os.path.exists(server.path(REPLAY)), "a socket that was not handed over was made")
                server.stop()
        finally:
            process.terminate()
            process.wait()
    scene.check(len(scene.extended()) == scene.total, f"{len(scene.extended())} extends for {scene.total} records")


def given(scene, status, uid, other):
    """The inner socket is made by the daemon itself, for the user that is in the root's own list."""
    inner = f"{scene.top}/run/ima-replay/extender"
    os.makedirs(f"{scene.top}/etc")
    harness.write(f"{scene.top}/etc/passwd", f"root:x:0:0::/:/bin/sh\nima-replay:x:{uid}:{uid}::/:/bin/false\n")
    with scene.daemon() as d:
        with scene.server(**handed(["status"], [status], uid)) as server:
            scene.follows(server, "as a user of its own")
        st = os.stat(inner)
        scene.check(st.st_uid == uid and stat.S_IMODE(st.st_mode) == 0o600, f"the inner socket: {st}")
        with scene.server(**handed(["status"], [status], other)) as server:
            scene.check(is_away(server.status()), "another user was let in")
            scene.check(server.wait_line("owned by this user"), f"another user is not told: {server.lines}")
        os.chmod(inner, 0o666)
        with scene.server(**handed(["status"], [status], other)) as server:
            scene.check(is_away(server.status()), "another user was let in by a mode")
        d.stop(name="activation: stop")


def say_anything(server, name):
    """Each method of each interface, and what is no method; whatever comes back."""
    methods = [f"{i}.{m}" for i in ("org.imareplay.status", "org.imareplay.replay", "io.systemd.Metrics", "org.varlink.service")
               for m in ("GetStatus", "Wait", "ReadList", "OpenList", "Verify", "Quote", "List", "Describe", "GetInfo", "Extend")]
    for m in methods:
        for p in (None, {}, {"records": 0}, {"timeoutUSec": 0}, {"pcrs": [10], "first": 0}, {"nonce": "00" * 20}):
            for flags in ({}, {"more": True}, {"oneway": True}):
                try:
                    with Client(server.path(name), 0.3) as c:
                        c.send(m, p, **flags)
                        if not flags.get("oneway"):
                            c.receive()
                except (Error, Closed, OSError):
                    pass
    for junk in (b"\0", b"{}\0", b"\x80\x01\0\0\0\x16\0\0\x01\x82\0\0\0\x0a", b"l2pReplay" * 1000, b"x" * 70000, b"{\"method\":\0"):
        try:
            with Client(server.path(name), 0.3) as c:
                c.socket.sendall(junk)
                c.receive()
        except (Closed, OSError, ValueError):
            pass


def extend(top):
    with Scene("extend", top) as scene, scene.daemon() as d, scene.server() as server:
        scene.follows(server, "before")
        for name in (STATUS, REPLAY):
            # The session of the last extend is still open.
            scene.kernel.say("burst", 1)
            server.call(WAIT)
            say_anything(server, name)
        scene.follows(server, "after all that")
        n, pcrs = scene.total, scene.extended()
        scene.check(len(pcrs) == n and set(pcrs) == {10}, f"{len(pcrs)} extends for {n} records")
        check_values(scene, server.status(), "after all that")
        d.stop(name="extend: stop")


def main():
    world.need("swtpm", "tpm2_pcrread")
    world.set_library_path()
    scenes = [life, canary, wait_errors, stream, diverged, kernel_mode, extender, slow, server_killed, spool_off, activation, extend]
    chosen = sys.argv[1:]
    with tempfile.TemporaryDirectory() as top:
        for scene in scenes:
            if not chosen or scene.__name__ in chosen:
                begun = time.monotonic()
                scene(top)
                print(f"{scene.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
    finish()


if __name__ == "__main__":
    main()
