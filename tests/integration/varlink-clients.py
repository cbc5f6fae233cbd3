#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""varlink-clients.py: clients that nobody here wrote.

  certification  varlink-go-certification (Debian 12: varlink-go)
  varlinkctl     257 of Debian 13, run with its own ld.so: info, introspect, call, --more, validate-idl
  python         python3-varlink of bookworm-backports: info, help, call, --more, its parser
  go             the generator of varlink-go takes our IDL
  real           the same clients with ima-replay-serve, where it is built: IMA_REPLAY_SERVE

Foreign programs are unpacked below IMA_REPLAY_VM_CACHE (default ~/.cache/ima-replay-vm) and
never installed.  What cannot be had is named; then the exit status is 77, if nothing failed.
"""
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "vm", "lib")]
import harness  # noqa: E402
from harness import ROOT, check, leave_out  # noqa: E402
from packages import Packages, Unavailable  # noqa: E402

IDL = sorted(pathlib.Path(ROOT, "lib/varlink/idl").glob("*.varlink"))
CACHE = os.environ.get("IMA_REPLAY_VM_CACHE") or os.path.expanduser("~/.cache/ima-replay-vm")
LOAD = "org.example.load"
SERVICE = "org.varlink.service"
# What varlinkctl needs beside systemd itself.
VARLINKCTL = """systemd libsystemd-shared libc6 libcap2 libcrypt1 libacl1 libmount1 libblkid1 libselinux1 libssl3t64
libseccomp2 libpcre2-8-0 libaudit1 libcap-ng0 libpam0g libzstd1 zlib1g""".split()


def tree(name, wanted, only=()):
    """An unpacked tree, or None."""
    packages = Packages(CACHE)
    try:
        with packages.locked():
            return packages.tree(name, lambda: wanted(packages), only)
    except (Unavailable, OSError) as e:
        leave_out(f"{name}: {e}")
        return None


class Server:
    """varlink-server of this directory."""

    def __init__(self, top):
        self.path = f"{top}/socket"
        self.small = f"{top}/small"

    def __enter__(self):
        self.process = subprocess.Popen([harness.program("VARLINK_SERVER"), self.path, self.small], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        check(self.process.stdout.readline() == b"ready\n", "the server does not start")
        return self

    def __exit__(self, *_):
        check(self.process.poll() is None, f"the server has ended: {self.process.poll()}")
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def run_in(env, *argv, timeout=60):
    try:
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False,
                           env=dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1", **env))
    except subprocess.TimeoutExpired:
        return None, "", f"no end after {timeout} s"
    return p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")


def documents(text):
    """The JSON documents of a text: one after the other, or as JSON-SEQ."""
    out, decoder, text = [], json.JSONDecoder(), text.replace("\x1e", "")
    while text.strip():
        value, end = decoder.raw_decode(text.lstrip())
        out.append(value)
        text = text.lstrip()[end:]
    return out


# The certification

def certification(server):
    if not shutil.which("varlink-go-certification"):
        leave_out("varlink-go-certification: Debian's varlink-go is not installed")
        return
    rc, out, err = run_in({}, "varlink-go-certification", "-client", "-varlink", f"unix:{server.path}")
    check(rc == 0 and "End: 'true'" in out.splitlines()[-1:], f"varlink-go-certification: {rc}: {(out + err)[-300:]}")


# varlinkctl

class Varlinkctl:
    def __init__(self, top):
        lib = glob.glob(f"{top}/usr/lib/*-linux-gnu")[0]
        loader = glob.glob(f"{lib}/ld-linux-*.so.*")[0]
        self.argv = [loader, "--library-path", f"{lib}:{lib}/systemd", f"{top}/usr/bin/varlinkctl"]

    def run(self, *argv, timeout=60):
        return run_in({}, *self.argv, "--no-pager", *argv, timeout=timeout)

    def good(self, what, *argv):
        rc, out, err = self.run(*argv)
        check(rc == 0, f"varlinkctl {what}: exit {rc}: {err[:300]}")
        return out

    def call(self, path, method, parameters=None, *options):
        """The replies; the error's text where there was one."""
        rc, out, err = self.run(*options, "--json=short", "call", path, method, json.dumps(parameters or {}))
        try:
            return documents(out), err if rc else ""
        except json.JSONDecodeError:
            check(False, f"varlinkctl {method}: prints no JSON: {out[:200]}")
            return [], err


def get_varlinkctl():
    top = tree("varlinkctl-257", lambda _: [f"{p}:amd64/trixie" for p in VARLINKCTL])
    return Varlinkctl(top) if top else None


def with_varlinkctl(ctl, server):
    for path in IDL:
        rc, out, err = ctl.run("validate-idl", str(path))
        check(rc == 0, f"validate-idl {path.name}: {rc}: {err}")
        # It prints in the form of systemd; and swallows backslashes, of which there are none.
        check(out == path.read_text(), f"validate-idl {path.name}: prints something else")
    info = json.loads(ctl.good("info", "info", "-j", server.path))
    check(info["product"] == "test server" and SERVICE in info["interfaces"] and LOAD in info["interfaces"], f"info: {info}")
    names = ctl.good("list-interfaces", "list-interfaces", server.path).split()
    for path in IDL:
        name = path.name.removesuffix(".varlink")
        check(name in names, f"list-interfaces: no {name} in {names}")
        check(ctl.good(f"introspect {name}", "introspect", server.path, name) == path.read_text(), f"introspect {name}: something else")
    check(ctl.call(server.path, f"{LOAD}.Ping")[0][0]["now"] > 0, "Ping")
    replies, err = ctl.call(server.path, f"{LOAD}.Count", {"n": 100}, "--more")
    check([r["i"] for r in replies] == list(range(100)) and not err, f"--more: {len(replies)} replies, {err}")
    for method, parameters, error in ((f"{LOAD}.Nope", None, "MethodNotFound"), ("org.example.no.Nope", None, "InterfaceNotFound"),
                                      (f"{LOAD}.Count", {"n": 1}, "ExpectedMore"), (f"{LOAD}.Ping", {"x": 1}, "InvalidParameter"),
                                      ("org.imareplay.status.GetStatus", None, "MethodNotImplemented")):
        replies, err = ctl.call(server.path, method, parameters)
        check(error in err, f"{method} {parameters}: {replies} {err}")
    replies, _ = ctl.call(server.path, f"{LOAD}.Flood", {"n": 250000})
    check(len(replies) == 1 and len(replies[0]["text"]) == 250000, "a large reply")


# python3-varlink

def get_python():
    top = tree("python3-varlink", lambda p: [f"python3-varlink={p.newest('python3-varlink', 'bookworm-backports')}"])
    return {"PYTHONPATH": f"{top}/usr/lib/python3/dist-packages"} if top else None


PARSE = """
import sys, varlink
for path in sys.argv[1:]:
    i = varlink.Interface(open(path).read())
    assert path.endswith(i.name + ".varlink"), i.name
    print(i.name, sum(isinstance(m, varlink.scanner._Method) for m in i.members.values()))
"""

LIBRARY = """
import sys, varlink
with varlink.Client("unix:" + sys.argv[1]) as client, client.open("org.example.load", namespaced=True) as load:
    assert load.Ping().now > 0
    assert [r.i for r in load.Count(50, _more=True)] == list(range(50))
    assert load.Ping(_oneway=True) is None
    assert load.Ping().now > 0
    try:
        load.Count(5)
    except varlink.VarlinkError as e:
        assert e.error() == "org.varlink.service.ExpectedMore", e.error()
    else:
        assert False, "no error"
print("good")
"""


def with_python(env, server):
    def cli(*argv):
        rc, out, err = run_in(env, sys.executable, "-m", "varlink.cli", *argv)
        check(rc == 0, f"varlink.cli {' '.join(argv)}: {rc}: {err[-300:]}")
        return out

    rc, out, err = run_in(env, sys.executable, "-c", PARSE, *map(str, IDL))
    check(rc == 0 and len(out.splitlines()) == len(IDL), f"its parser: {rc}: {out}{err[-300:]}")
    address = f"unix:{server.path}"
    check(LOAD in cli("info", address), "info: no interface")
    text = cli("help", f"{address}/org.imareplay.replay")
    check("method ReadList(" in text and "interface org.imareplay.replay" in text, f"help: {text[:200]}")
    check(json.loads(cli("call", f"{address}/{LOAD}.Ping"))["now"] > 0, "call")
    replies = documents(cli("call", "-m", f"{address}/{LOAD}.Count", '{"n": 20}'))
    check([r["i"] for r in replies] == list(range(20)), f"call -m: {replies}")
    rc, out, err = run_in(env, sys.executable, "-c", LIBRARY, server.path)
    check(rc == 0 and out == "good\n", f"its library: {rc}: {out}{err[-300:]}")


def with_go():
    tool = shutil.which("varlink-go-interface-generator")
    if not tool:
        leave_out("varlink-go-interface-generator: Debian's varlink-go is not installed")
        return
    for path in IDL:
        # Version 0.4.0 takes no capital letter in an interface's name.
        if path.name.startswith("io.systemd."):
            continue
        with tempfile.TemporaryDirectory() as top:
            shutil.copy(path, top)
            rc, out, err = run_in({}, tool, f"{top}/{path.name}")
            made = [p for p in pathlib.Path(top).iterdir() if p.suffix == ".go"]
            check(rc == 0 and len(made) == 1 and made[0].stat().st_size > 1000, f"{path.name}: {rc}: {out}{err} {made}")


# The real server

RECORDS = 300


def with_real(ctl, env):
    try:
        import serve
    except ImportError:
        leave_out("ima-replay-serve: its test library is not here")
        return
    if not os.access(os.environ.get("IMA_REPLAY_SERVE") or "/nonexistent", os.X_OK):
        leave_out("ima-replay-serve is not built: IMA_REPLAY_SERVE")
        return
    if not shutil.which("swtpm"):
        leave_out("swtpm is not installed")
        return
    from daemon import Daemon, make_place
    from kernel import Kernel
    from world import Swtpm, set_library_path
    set_library_path()
    with tempfile.TemporaryDirectory(prefix="varlink-real-") as top, Swtpm(f"{top}/tpm") as tpm:
        with Kernel(f"{top}/root", f"--records={RECORDS}") as kernel:
            make_place(kernel.top)
            with Daemon(f"{top}/root", tpm.tcti, watch=False), serve.Server(f"{top}/root") as server:
                server.wait_for(lambda s: s["state"] == "follow" and s["extended"] == RECORDS, 30, "the real server: all is extended")
                if ctl:
                    real_varlinkctl(ctl, server)
                if env:
                    real_python(env, server)


def real_methods(server):
    """What it serves of org.imareplay.replay: an interface may come later than another."""
    return f"{server.path('org.imareplay.replay')}", f"{server.path()}"


def real_varlinkctl(ctl, server):
    replay, status = real_methods(server)
    for path, name in ((status, "org.imareplay.status"), (replay, "org.imareplay.replay"), (status, "io.systemd.Metrics")):
        text = pathlib.Path(ROOT, f"lib/varlink/idl/{name}.varlink").read_text()
        check(ctl.good(f"introspect {name}", "introspect", path, name) == text, f"real: introspect {name}")
    registry = json.loads(ctl.good("info", "info", "-j", status))
    check("org.imareplay.status" in registry["interfaces"], f"real: info {registry}")
    replies, err = ctl.call(status, "org.imareplay.status.GetStatus")
    check(len(replies) == 1 and replies[0]["verdict"] == "extended", f"real: GetStatus: {replies} {err}")
    replies, err = ctl.call(status, "org.imareplay.status.Wait", {"timeoutUSec": 5000000})
    check(len(replies) == 1 and replies[0]["extended"] == RECORDS, f"real: Wait: {replies} {err}")
    replies, err = ctl.call(replay, "org.imareplay.replay.ReadList", {}, "--more")
    check(sum(len(r["records"]) for r in replies) == RECORDS and not err, f"real: ReadList: {len(replies)} replies {err}")
    replies, err = ctl.call(replay, "org.imareplay.replay.ReadList", {"first": RECORDS - 1, "count": 1})
    check(len(replies) == 1 and replies[0]["records"][0]["position"] == RECORDS - 1, f"real: ReadList: {replies} {err}")
    replies, err = ctl.call(replay, "org.imareplay.replay.Verify")
    check(len(replies) == 1 and replies[0]["matches"] is True, f"real: Verify: {replies} {err}")
    replies, err = ctl.call(status, "io.systemd.Metrics.List", {}, "--more")
    check(len(replies) > 3 and all(r["name"].startswith("org.imareplay.") for r in replies), f"real: Metrics: {replies} {err}")


STREAM = """
import sys, varlink
with varlink.Client("unix:" + sys.argv[1]) as client, client.open(sys.argv[2]) as c:
    if sys.argv[3] == "status":
        first = next(iter(c.GetStatus(_more=True)))
        assert first["verdict"] == "extended", first
        print("good")
    else:
        print(sum(len(r["records"]) for r in c.ReadList(_more=True)))
"""


def real_python(env, server):
    replay, status = real_methods(server)
    for argv, want in (((status, "org.imareplay.status", "status"), "good"), ((replay, "org.imareplay.replay", "list"), str(RECORDS))):
        rc, out, err = run_in(env, sys.executable, "-c", STREAM, *argv)
        check(rc == 0 and out.strip() == want, f"real: python: {argv[2]}: {rc}: {out}{err[-400:]}")


def main():
    ctl, env = get_varlinkctl(), get_python()
    with tempfile.TemporaryDirectory(prefix="varlink-") as top, Server(top) as server:
        certification(server)
        if ctl:
            with_varlinkctl(ctl, server)
        if env:
            with_python(env, server)
        with_go()
    with_real(ctl, env)
    harness.finish()


main()
