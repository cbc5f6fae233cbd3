#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The installed units, booted by a real systemd: order, sockets, sandboxes, what comes back and what stays.

A Debian 12 in a container (machine.py); ima-replayd gets --root=/ and a software TPM, and a made
measurement list is where securityfs would be; everything else is what `meson install` puts there.
sandbox-probe then tries, in the sandbox of the server, what a client that took it over would try; and,
as the control, the same as root without it.
"""
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "lib")]

import harness  # noqa: E402
import machine  # noqa: E402
import replay  # noqa: E402
import world  # noqa: E402
from harness import check  # noqa: E402

RUN = "/run/ima-replay"
LIST = "/sys/kernel/security/ima/binary_runtime_measurements"
SERVICES = ("ima-replayd.service", "ima-replay-serve.service", "ima-replay-wait.service")
RECORDS = 300
WAIT_SECONDS = 20
NOBODY = 65534
# What root can do where nothing forbids it; of the rest the probe says that nobody can, or cannot tell.
ROOT_CAN = {"open-tpm", "make-tpm-node", "extend-software-tpm", "write-spool", "write-index", "write-anchor", "reopen-spool",
            "replace-socket", "make-file", "read-list", "trace-extender", "read-memory", "take-descriptor", "signal-extender",
            "mount", "make-namespace", "raw-socket", "packet-socket", "tcp-socket", "netlink-socket", "run-shell", "write-code",
            "become-root", "change-root"}
# The kernel may be without modules: then nobody can tell.
MAY_BE_UNTOLD = {"load-module"}

DAEMON_DROPIN = """[Unit]
# Empty resets all; this is a container, and the list is not on securityfs.
ConditionVirtualization=
ConditionSecurity=ima
[Service]
ExecStart=
ExecStart=/usr/sbin/ima-replayd --root=/ --tcti=libtpms:/srv/tpm/state
Environment=LD_LIBRARY_PATH={libraries}
ReadWritePaths=/srv/tpm
"""
OTHER_DROPIN = """[Unit]
ConditionVirtualization=
ConditionSecurity=ima
"""
AGENT = """[Unit]
Description=An agent
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
[Install]
WantedBy=multi-user.target
"""


def install(tree):
    """The built tree, and what makes it run in a container; returns where the TCTI module is."""
    meson = shutil.which("meson")
    if not meson:
        harness.skip("not installed: meson")
    done = harness.run(meson, "install", "-C", os.environ["MESON_BUILD_ROOT"], "--no-rebuild", "--destdir", str(tree))
    if done[0] != 0:
        sys.exit(f"meson install: {done}")
    module = next(tree.rglob("libtss2-tcti-libtpms.so.0"), None)
    if not module:
        harness.skip("no libtpms TCTI module was built")
    units = tree / "etc/systemd/system"
    for unit in (*SERVICES, "ima-replay-extender.socket", "ima-replay-status.socket", "ima-replay-replay.socket"):
        text = DAEMON_DROPIN.format(libraries=f"/{module.parent.relative_to(tree)}") if unit == SERVICES[0] else OTHER_DROPIN
        (units / f"{unit}.d").mkdir(parents=True)
        (units / f"{unit}.d/test.conf").write_text(text)
    (units / "keylime_agent.service").write_text(AGENT)
    example = Path(harness.ROOT, "doc/examples/keylime_agent.service.d/ima-replay.conf")
    shutil.copytree(example.parent, units / "keylime_agent.service.d")
    (tree / "srv/tpm").mkdir(parents=True)
    (tree / "usr/libexec/ima-replay").mkdir(parents=True, exist_ok=True)
    shutil.copy(harness.program("SANDBOX_PROBE"), tree / "usr/libexec/ima-replay/sandbox-probe")
    return f"/{module.parent.relative_to(tree)}"


class Boot:
    def __init__(self, m, root, raw, libraries, tpm):
        self.m, self.root, self.raw, self.libraries, self.tpm = m, root, raw, libraries, tpm

    # Looking

    def pid(self, unit):
        return int(self.m.show(unit, "MainPID").get("MainPID") or 0)

    def until(self, what, name, seconds=WAIT_SECONDS):
        """A check that something comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if what():
                return check(True, name)
            time.sleep(0.05)
        return check(False, f"{name}: not within {seconds} s")

    def is_active(self, unit):
        return self.m.show(unit, "ActiveState").get("ActiveState") == "active"

    def when(self, unit, what="ActiveEnter"):
        return int(self.m.show(unit, f"{what}TimestampMonotonic").get(f"{what}TimestampMonotonic") or 0)

    def journal(self, which):
        """All that was said until now."""
        self.m.run("journalctl", "--sync")
        return self.m.run("journalctl", which, "--output=cat", "--no-pager")[1]

    def status_line(self):
        return self.m.show("ima-replayd.service", "StatusText").get("StatusText", "")

    def owner(self, path):
        """user:group mode and inode of a file in the container."""
        return self.m.run("stat", "--format=%U:%G %a %i", path)[1].strip()

    def call(self, name, method, uid=0, parameters=None):
        """One Varlink call of a foreign user; the reply, or the name of the error that connecting gave."""
        code = ("import json, os, socket, sys\n"
                "os.chdir(sys.argv[1])\n"
                "os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[3]))\n"
                "s = socket.socket(socket.AF_UNIX); s.settimeout(20)\n"
                "try: s.connect(sys.argv[2])\n"
                "except OSError as e: print(json.dumps(type(e).__name__)); sys.exit()\n"
                "s.sendall(sys.argv[4].encode() + b'\\0'); data = b''\n"
                "while not data.endswith(b'\\0'):\n"
                "    more = s.recv(65536)\n"
                "    if not more: break\n"
                "    data += more\n"
                "print(data[:-1].decode() or 'null')\n")
        call = json.dumps({"method": method, "parameters": parameters or {}})
        p = subprocess.run([sys.executable, "-c", code, str(self.m.path(RUN)), name, str(uid), call],
                           capture_output=True, text=True, timeout=30)
        return json.loads(p.stdout or "null")

    def get_status(self):
        reply = self.call("org.imareplay.status", "org.imareplay.status.GetStatus", uid=NOBODY)
        return (reply or {}).get("parameters", {}) if isinstance(reply, dict) else {"error": reply}

    def n_records(self):
        return sum(1 for _ in replay.parse(self.raw))

    def is_extended(self):
        return self.get_status().get("extended") == self.n_records()

    # Tests, in this order

    def order(self):
        said = self.journal("--boot")
        for bad in ("ordering cycle", "Failed to parse", "Unknown key", "Unknown lvalue", "is world-writable", "not safe"):
            check(bad not in said, f"the journal says: {bad}")
        failed = self.m.run("systemctl", "list-units", "--failed", "--plain", "--no-legend")[1].split("\n")
        failed = [line for line in failed if "ima-replay" in line and (self.can_wait or "ima-replay-wait" not in line)]
        check(not failed, f"failed units: {failed}")
        daemon = self.when("ima-replayd.service")
        check(0 < self.when("ima-replay-extender.socket") <= daemon, "the extender's socket was there before ima-replayd")
        check(daemon <= self.when("ima-replay-wait.service", "InactiveExit"), "ima-replayd was there before the wait began")
        check(0 < self.when("systemd-sysusers.service", "InactiveExit") <= self.when("ima-replay-extender.socket"),
              "users were made before the socket")
        for socket_unit in ("ima-replay-status.socket", "ima-replay-replay.socket"):
            check(0 < self.when(socket_unit) <= self.when("sockets.target"), f"{socket_unit} was there before sockets.target")
        check(self.is_active("ima-replay.target"), "ima-replay.target was reached")
        check(0 < self.when("ima-replay.target") <= self.when("keylime_agent.service", "InactiveExit"),
              "the agent was started after ima-replay.target")
        self.until(lambda: f"{RECORDS}" in self.status_line(), f"ima-replayd says how far it is: {self.status_line()!r}")

    @functools.cached_property
    def can_wait(self):
        """Whether this ima-replayctl has the verb; a build of before the server has not."""
        return re.search(r"(?m)^  wait\b", self.m.run("ima-replayctl", "--help")[1]) is not None

    def waited(self):
        if not self.can_wait:
            print("SKIPPED: ima-replay-wait.service: ima-replayctl has no verb wait")
            return
        wait = self.m.show("ima-replay-wait.service", "ActiveState", "Result", "ExecMainStatus")
        check(wait.get("ActiveState") == "active" and wait.get("Result") == "success", f"ima-replay-wait.service: {wait}")
        check(0 < self.when("ima-replay-wait.service") <= self.when("ima-replay.target"), "the target waited for it")

    def sockets(self):
        check(self.owner(f"{RUN}/extender").startswith("ima-replay:ima-replay 600 "), f"extender: {self.owner(f'{RUN}/extender')}")
        check(self.owner(RUN).startswith("root:root 755 "), f"{RUN}: {self.owner(RUN)}")
        for name, mode in (("status", "666"), ("replay", "644")):
            path = f"{RUN}/org.imareplay.{name}"
            check(self.owner(path).startswith(f"root:root {mode} "), f"{path}: {self.owner(path)}")
            check(self.m.run("readlink", f"/run/varlink/registry/org.imareplay.{name}")[1].strip() == path, f"{name} is registered")
        check(self.m.run("readlink", "/run/systemd/report/org.imareplay")[1].strip() == f"{RUN}/org.imareplay.status",
              "systemd-report finds the metrics")

    def activation(self):
        self.m.run("systemctl", "stop", "ima-replay-serve.service")
        check(self.pid("ima-replay-serve.service") == 0, "the server does not run unasked")
        status = self.get_status()
        check("state" in status, f"a user who asks starts it: {status}")
        check(self.is_active("ima-replay-serve.service"), "ima-replay-serve.service is active")
        self.until(self.is_extended, "the server says that all is extended")
        refused = self.call("org.imareplay.replay", "org.varlink.service.GetInfo", uid=NOBODY)
        check(refused == "PermissionError", f"no user but root may ask for the list: {refused}")
        info = self.call("org.imareplay.replay", "org.varlink.service.GetInfo")
        check(isinstance(info, dict) and "org.imareplay.status" in info["parameters"]["interfaces"], f"root may: {info}")

    def confinement(self, unit, user):
        text = self.m.run("cat", f"/proc/{self.pid(unit)}/status")[1]
        status = dict(re.findall(r"^(\w+):\s*(.*)$", text, re.M))
        for what in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            check(status.get(what) == "0" * 16, f"{unit}: {what} is {status.get(what)}")
        check(status.get("Seccomp") == "2", f"{unit}: Seccomp is {status.get('Seccomp')}")
        check(status.get("NoNewPrivs") == "1", f"{unit}: NoNewPrivs is {status.get('NoNewPrivs')}")
        uid = self.m.run("id", "-u", user)[1].strip()
        check(status.get("Uid", "").split() == [uid] * 4, f"{unit}: Uid is {status.get('Uid')}, {user} is {uid}")

    def exposure(self, unit):
        rc, out, err = self.m.run("systemd-analyze", "security", "--no-pager", unit)
        level = re.search(r"Overall exposure level for \S+: (\S+)", out)
        check(level is not None and float(level[1]) <= 1.0, f"{unit}: exposure {level[1] if level else (rc, err)}")
        print(f"exposure of {unit}: {level[1] if level else '?'}")

    def survives(self, unit, how):
        """After a restart, a stop or a kill the sockets of clients are the same, and it comes back."""
        before = [self.owner(f"{RUN}/org.imareplay.{name}") for name in ("status", "replay")]
        pid = self.pid(unit)
        if not check(pid > 0, f"{unit} runs"):
            return
        if how == "kill":
            self.m.run("sh", "-c", f"kill -KILL {pid}")
        else:
            done = self.m.run("systemctl", how, unit)
            check(done[0] == 0, f"{how} {unit}: {done}")
        if how == "stop":
            check(self.pid(unit) == 0, f"{unit} has stopped")
        else:
            self.until(lambda: self.pid(unit) not in (0, pid), f"{unit} is back after a {how}")
        after = [self.owner(f"{RUN}/org.imareplay.{name}") for name in ("status", "replay")]
        check(before == after, f"{how} of {unit} keeps the sockets: {before} {after}")
        self.until(lambda: self.owner(f"{RUN}/extender").startswith("ima-replay:ima-replay 600 "), f"{how} of {unit}: the inner socket")
        self.until(self.is_extended, f"{how} of {unit}: the server says that all is extended: {self.get_status()}")

    def stays_stopped(self):
        """The server looks for the extender all the time, and must not start it again."""
        self.get_status()
        self.m.run("systemctl", "stop", "ima-replayd.service")
        end = time.monotonic() + 4
        while time.monotonic() < end:
            status = self.get_status()
            time.sleep(0.2)
        check(self.pid("ima-replayd.service") == 0, "ima-replayd stays stopped, whoever asks the server")
        check("state" in status or "error" in status, f"the server answers without an extender: {status}")
        self.m.run("systemctl", "start", "ima-replayd.service")
        self.until(self.is_extended, "started again, the server finds it")

    def grow(self):
        self.raw += world.made(20, self.n_records())
        self.root.show(self.raw)

    def pcr(self):
        """Of the stopped daemon's TPM: each record exactly once."""
        self.m.run("systemctl", "stop", "ima-replayd.service")
        done = self.m.run("env", f"LD_LIBRARY_PATH={self.libraries}", "/usr/sbin/ima-replayd", "--root=/", "--tcti=libtpms:/srv/tpm/state",
                          "--oneshot", "--print-pcrs")
        want = world.values(list(replay.parse(self.raw)))
        got = {bank: values["10"] for bank, values in world.parse_pcrs(done[1]).items()}
        check(done[0] == 0 and got == want, f"PCR 10 is the replay of {self.n_records()} records: {done} {want}")
        self.m.run("systemctl", "start", "ima-replayd.service")

    # The sandbox

    def stand_ins(self):
        """A node where a TPM would be, and a socket that takes commands."""
        self.m.run("mknod", "--mode=0666", "/dev/tpmrm0", "c", "1", "3")
        self.until(lambda: os.path.exists(self.m.path(f"{RUN}/anchor")), "the anchor is there")

    def probe_argv(self):
        return ["/usr/libexec/ima-replay/sandbox-probe", self.pid("ima-replayd.service"), LIST, self.tpm.port]

    def probe_in_sandbox(self, unit):
        """The probe instead of the program in a unit that is otherwise the same."""
        text = self.m.run("cat", f"/usr/lib/systemd/system/{unit}")[1]
        text = re.sub(r"(?m)^(ExecStart|Type|Sockets|Restart|WatchdogSec|RemainAfterExit|Condition\w+)=.*\n", "", text)
        text = text.replace("[Service]\n", "[Service]\nType=oneshot\nExecStart=" + " ".join(map(str, self.probe_argv())) + "\n")
        self.m.run("mkdir", "-p", "/run/systemd/system")
        self.m.path("/run/systemd/system/sandbox-probe.service").write_text(text)
        self.m.run("systemctl", "daemon-reload")
        done = self.m.run("systemctl", "start", "sandbox-probe.service", timeout=120)
        return done[0], self.journal("--unit=sandbox-probe.service")

    @staticmethod
    def acts(text):
        return {name: verdict for verdict, name in re.findall(r"^(denied|done|cannot) (\S+)", text, re.M)}

    def sandbox(self):
        self.stand_ins()
        zeros = world.read_pcr(self.tpm.tcti, 16)
        rc, said = self.probe_in_sandbox("ima-replay-serve.service")
        acts = self.acts(said)
        for line in re.findall(r"^(?:denied|done|cannot) .*$", said, re.M):
            print(f"in the sandbox: {line}")
        check(rc == 0 and len(acts) >= 12, f"the probe ran in the sandbox: {rc} {said[-2000:]}")
        for name, verdict in acts.items():
            check(verdict == "denied", f"in the sandbox {name}: {verdict}")
        check(world.read_pcr(self.tpm.tcti, 16) == zeros, "and the software TPM was not extended")
        rc, said, err = self.m.run(*self.probe_argv(), timeout=120)
        control = self.acts(said)
        check(rc == 0 and control.keys() == acts.keys(), f"the control ran: {rc} {said} {err}")
        for name, verdict in control.items():
            if name in ROOT_CAN:
                check(verdict == "done", f"control: root without the sandbox, {name}: {verdict}")
            elif name in MAY_BE_UNTOLD:
                print(f"control: {name}: {verdict}")
        check(ROOT_CAN <= control.keys(), f"the probe tried all: {ROOT_CAN - control.keys()}")
        check(world.read_pcr(self.tpm.tcti, 16) != zeros, "and the software TPM was extended")


def run(boot):
    boot.order()
    boot.waited()
    boot.sockets()
    boot.activation()
    if harness.Count.failed:
        return                                           # what follows would only say so again
    boot.confinement("ima-replayd.service", "root")
    boot.confinement("ima-replay-serve.service", "ima-replay")
    for unit in SERVICES:
        boot.exposure(unit)
    boot.sandbox()
    for unit in SERVICES[:2]:
        for how in ("restart", "kill"):
            boot.grow()
            boot.survives(unit, how)
    boot.survives("ima-replay-serve.service", "stop")
    boot.grow()
    boot.stays_stopped()
    boot.pcr()


def main():
    if harness.is_sanitized(harness.program("IMA_REPLAYD")):
        harness.skip("the container has no libraries of sanitizers")
    world.need("swtpm")
    with tempfile.TemporaryDirectory(prefix="ima-replay-boot-") as top:
        top = Path(top)
        try:
            machine.need()
            libraries = install(top / "tree")
            raw = world.made(RECORDS)
            root = world.Root(f"{top}/kernel", raw)
            with world.Swtpm(f"{top}/tpm") as tpm, \
                    machine.Machine(top / "work", top / "tree", top / "kernel/sys/kernel/security",
                                    ["ima-replayd.service", "keylime_agent.service"]) as m:
                print(f"booted in {m.seconds:.1f} s")
                boot = Boot(m, root, raw, libraries, tpm)
                try:
                    run(boot)
                finally:
                    if harness.Count.failed:
                        print(m.run("journalctl", "--boot", "--no-pager", "--unit=ima-replay*", "--lines=80")[1])
        except machine.Unavailable as e:
            harness.skip(str(e))
        except machine.Failure as e:
            check(False, str(e))
    harness.finish()


if __name__ == "__main__":
    main()
