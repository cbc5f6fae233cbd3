#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""readme-agent.py: the six lines of shell of README.md, "An agent's way", exactly as they stand there,
against the real service on a software TPM.

Only what they run on is a stand-in: `ima-replayctl` is given --root=, and `cat` first tells a kernel
(tests/lib/kernel.py) to measure the file, as IMA does when root opens one.
"""
import os
import re
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve  # noqa: E402
import world  # noqa: E402
from daemon import Daemon, caught_up  # noqa: E402
from harness import ROOT, check, finish, program  # noqa: E402
from kernel import Kernel  # noqa: E402

BEFORE = 25
LINES = 6


def readme_lines():
    with open(f"{ROOT}/README.md", encoding="utf-8") as f:
        section = re.search(r"^### An agent's way\n(.*?)^#", f.read(), re.M | re.S)[1]
    return [line[4:] for line in re.search(r"(?:^    .*\n)+", section, re.M)[0].splitlines()]


def script(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)


def measure(kernel, asked, done, paths):
    """The kernel's part: a record for each file that is opened, before it is read."""
    while True:
        with open(asked, encoding="utf-8") as f:
            path = f.read().strip()
        if not path:
            return
        paths.append(path)
        kernel.say("name", path.encode().hex())
        with open(done, "w", encoding="utf-8") as f:
            f.write("measured\n")


def run_lines(top, root, lines):
    os.mkdir(f"{top}/bin")
    script(f"{top}/bin/ima-replayctl", f'exec {program("IMA_REPLAYCTL")} --root={root} "$@"\n')
    script(f"{top}/bin/cat", f'echo "$1" >{top}/asked\nread -r _ <{top}/done\nexec /bin/cat "$@"\n')
    env = dict(os.environ, PATH=f"{top}/bin:{os.environ['PATH']}", LC_ALL="C.UTF-8")
    return subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(lines)], env=env, text=True, timeout=90,
                          stdin=subprocess.DEVNULL, capture_output=True)


def test_agent(top, lines):
    root = f"{top}/root"
    os.mkdir(f"{top}/tpm")
    for name in ("asked", "done"):
        os.mkfifo(f"{top}/{name}")
    paths = []
    with Kernel(root) as kernel:
        kernel.say("burst", BEFORE - 1)
        with Daemon(root, f"libtpms:{top}/tpm/state") as daemon, serve.Server(root) as server:
            daemon.wait_for(caught_up(BEFORE), 30, "caught up")
            server.wait_for(lambda s: s["verdict"] == "extended", 10, "served")
            thread = threading.Thread(target=measure, args=(kernel, f"{top}/asked", f"{top}/done", paths), daemon=True)
            thread.start()
            p = run_lines(top, root, lines)
            with open(f"{top}/asked", "w", encoding="utf-8") as f:
                f.write("")
            thread.join(5)
        check(p.returncode == 0, f"the lines end with {p.returncode}: {p.stdout} {p.stderr}")
        check(len(paths) == 1 and paths[0].startswith("/var/tmp/canary."), f"measured: {paths}")
        for path in paths:
            os.unlink(path)
        out = p.stdout
        check(re.search(r"^\d+\.\d+$", out, re.M), f"the canary was read: {out}")
        check(f"✓ {BEFORE + 1} of {BEFORE + 1} records are in the TPM\n" in out, f"wait: {out}")
        rows = re.findall(r"^ *(\d+)  10 ✓.* (/\S+)$", out, re.M)
        check(rows == [(str(BEFORE), *paths)], f"what came after V is the canary, and nothing else: {rows}: {out}")
        check(f"✓ the TPM holds all {BEFORE + 1} records\n" in out, f"verify: {out}")


def main():
    world.need("jq", "bash")
    world.set_library_path()
    lines = readme_lines()
    check(len(lines) == LINES, f"{len(lines)} lines")
    with tempfile.TemporaryDirectory() as top:
        test_agent(top, lines)
    finish()


if __name__ == "__main__":
    main()
