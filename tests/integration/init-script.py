#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""dist/init/ima-replay: without systemd both programs are started and stopped, and find each other."""
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import harness  # noqa: E402
import world  # noqa: E402
from harness import check, check_exit  # noqa: E402

SCRIPT = Path(harness.ROOT, "dist/init/ima-replay")
USER, UID = "nobody", 65534
RECORDS = 50
WAIT_SECONDS = 20


def server():
    path = Path(harness.program("IMA_REPLAYD")).with_name("ima-replay-serve")
    return path if path.exists() else None


def get_status(top):
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(f"{top}/run/ima-replay/org.imareplay.status")
            s.sendall(b'{"method":"org.imareplay.status.GetStatus"}\0')
            data = b""
            while not data.endswith(b"\0"):
                more = s.recv(65536)
                if not more:
                    return {}
                data += more
            return json.loads(data[:-1]).get("parameters", {})
    except OSError as e:
        return {"error": str(e)}


def until(what):
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def pid(top, name):
    path = Path(top, f"run/{name}.pid")
    return int(path.read_text()) if path.exists() else 0


def uid(number):
    return os.stat(f"/proc/{number}").st_uid


def cycle(top, script):
    check_exit(script("status"), 3, "status before")
    check_exit(script("start"), 0, "start")
    check(until(lambda: get_status(top).get("extended") == RECORDS), f"the server says that all is extended: {get_status(top)}")
    check_exit(script("status"), 0, "status")
    pids = {name: pid(top, name) for name in ("ima-replayd", "ima-replay-serve")}
    check(uid(pids["ima-replayd"]) == 0 and uid(pids["ima-replay-serve"]) == UID, f"the server is not root: {pids}")
    there = os.stat(f"{top}/run/ima-replay/extender")
    check((there.st_uid, stat.S_IMODE(there.st_mode)) == (UID, 0o600), f"the inner socket is the server's: {there}")
    check_exit(script("start"), 0, "start again")
    check(pids == {name: pid(top, name) for name in pids}, "a second start starts nothing")
    check_exit(script("stop"), 0, "stop")
    check(not any(os.path.exists(f"/proc/{p}") for p in pids.values()), "both have ended")
    check(not any(pid(top, name) for name in pids), "no pid files are left")
    check_exit(script("stop"), 0, "stop again")


def main():
    if os.geteuid() != 0:
        harness.skip("root is needed to start a program as another user")
    world.need("start-stop-daemon")
    if not server():
        harness.skip("no ima-replay-serve was built")
    world.need_libtpms()
    with tempfile.TemporaryDirectory(prefix="ima-replay-") as top:
        os.chmod(top, 0o755)
        root = world.Root(f"{top}/root", world.made(RECORDS))
        root.write("etc/passwd", f"ima-replay:x:{UID}:{UID}::/:/usr/sbin/nologin\n")
        # The build may be where that user cannot go.
        serve = shutil.copy(server(), top)
        env = dict(os.environ, REPLAYD=harness.program("IMA_REPLAYD"), SERVE=serve, SERVE_USER=USER,
                   REPLAYD_ARGS=f"--root={root.top} --tcti=libtpms:{top}/state", SERVE_ARGS=f"--root={root.top}",
                   RUN_DIR=f"{root.top}/run/ima-replay", PID_DIR=f"{root.top}/run")

        def script(verb):
            p = subprocess.run([SCRIPT, verb], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            return p.returncode, p.stdout, p.stderr

        try:
            cycle(root.top, script)
            cycle(root.top, script)
        finally:
            script("stop")
    harness.finish()


if __name__ == "__main__":
    main()
