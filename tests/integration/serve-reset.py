#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""serve-reset.py: the TPM is powered off and on, and somebody asks at that moment whether it holds the list.

It holds nothing any more. Verify must never say that it does, nor the status that all is extended,
however short the time since: what was known before the question proves nothing.
"""
import os
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import world  # noqa: E402
from daemon import Daemon  # noqa: E402
from harness import check, finish  # noqa: E402
from kernel import Kernel  # noqa: E402
from mux import Mux  # noqa: E402
from serve import REPLAY, Error, Server  # noqa: E402
from world import Swtpm  # noqa: E402

ROUNDS = 2
IDLE_SECONDS = (0.0, 0.5, 1.5)      # before the reset: with a session, and after it was flushed


def ask(server, name):
    """Until the reset is told, every answer is looked at."""
    until, n = time.monotonic() + 20, 0
    while time.monotonic() < until:
        n += 1
        try:
            answer = server.call(f"{REPLAY}.Verify", name=REPLAY, timeout=30)
        except Error as e:
            check(e.name.endswith(".NotReady"), f"{name}: {e}")
        else:
            check(not answer["matches"], f"{name}: Verify {n} says that a TPM holds the list which was reset before it was asked")
        if server.status()["state"] == "tpm_reset":
            return
    check(False, f"{name}: nobody noticed")


def reset(top, idle):
    name = f"reset after {idle} s"
    with Swtpm(f"{top}/tpm") as tpm, Kernel(f"{top}/root", "--records=100") as kernel, Mux(tpm, 1) as mux:
        with Daemon(kernel.top, mux.tcti(), watch=False), Server(kernel.top) as server:
            check(server.wait_for(lambda s: s["verdict"] == "extended", 20, f"{name}: caught up"), name)
            good = server.call(f"{REPLAY}.Verify", name=REPLAY, timeout=30)
            check(good["matches"], f"{name}: it does not match before, either: {good}")
            time.sleep(idle)
            port = tpm.port
            tpm.stop()
            tpm.start(port)
            ask(server, name)
            check(server.status()["verdict"] == "failed", f"{name}: {server.status()}")


def main():
    world.need("swtpm")
    world.set_library_path()
    for _ in range(ROUNDS):
        for idle in IDLE_SECONDS:
            with tempfile.TemporaryDirectory(prefix="serve-reset.") as top:
                reset(top, idle)
    finish()


if __name__ == "__main__":
    main()
