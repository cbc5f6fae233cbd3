#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""follow.py: a list that grows, a TPM that comes late and takes 5 ms a command, and a daemon in between.

  late      100 records/s from the start, the TPM at 4 s: all of it in four banks, and
            lag p99 < 50 ms from then on (as the daemon says, and by the times here)
  overload  1.5 times the TPM's rate: nothing is lost, and the backlog drains afterwards
  idle      CPU < 0.2 %
  stop      SIGTERM while busy, while idle and without a TPM: exit 0 within 2 s
  notify    READY, WATCHDOG and STOPPING on a NOTIFY_SOCKET
  words     a healthy boot says four lines

SCALE (1): of the seconds that are measured.
"""
import os
import struct
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import daemon  # noqa: E402
import replay  # noqa: E402
import world  # noqa: E402
from daemon import Daemon, caught_up, in_state  # noqa: E402
from harness import check, finish, is_sanitized, program, scale  # noqa: E402
from kernel import Kernel, now_usec  # noqa: E402
from manager import Manager  # noqa: E402
from mux import Mux  # noqa: E402
from world import BANKS, Swtpm  # noqa: E402

SCALE = scale(nightly=10)
COMMAND_SECONDS = 0.005
RATE = 100
LATE_SECONDS = 4
FOLLOW_SECONDS = 15 * SCALE
IDLE_SECONDS = 30 * SCALE
LAG_USEC = 50000 if not is_sanitized(program("IMA_REPLAYD")) else 1000000     # which is slow, and no measure
IDLE_CPU = 0.002
HEALTHY_LINES = 4
WATCHDOG_USEC = 1000000
LAG_SAMPLES = 4096              # that the daemon keeps: lib/core/lag.h
ROW = struct.Struct("<QQQ")     # of the index: offset, seen, extended


def holds(name, kernel, tcti):
    records = list(replay.parse(kernel.raw()))
    check(world.read_pcr(tcti) == world.values(records), f"{name}: PCR 10 is not the replay of {len(records)} records")
    return len(records)


def percentile(values, part):
    return sorted(values)[int(len(values) * part)] if values else 0


def check_lag(name, appended, extended, since):
    """extended: when, of records 0, 1, ...; what was appended since is counted."""
    lags = [e - a for a, e in zip(appended, extended) if a > since]
    check(len(lags) > RATE * FOLLOW_SECONDS / 2, f"{name}: only {len(lags)} records after the catch-up")
    check(all(lag >= 0 for lag in lags), f"{name}: a record was extended before it was there")
    p50, p99 = percentile(lags, 0.5), percentile(lags, 0.99)
    print(f"{name}: lag of {len(lags)} records: p50 {p50 / 1000:.1f} ms, p99 {p99 / 1000:.1f} ms, max {max(lags, default=0) / 1000:.1f} ms")
    check(p99 < LAG_USEC, f"{name}: p99 is {p99 / 1000:.1f} ms")


def check_lag_told(name, status):
    lag = status["lag"]
    print(f"{name}: the daemon says p50 {lag['p50_usec'] / 1000:.1f} ms, p99 {lag['p99_usec'] / 1000:.1f} ms of {lag['n_samples']}")
    check(lag["n_samples"] >= min(LAG_SAMPLES, RATE * FOLLOW_SECONDS / 2), f"{name}: it has only {lag['n_samples']} samples")
    check(0 < lag["p50_usec"] <= lag["p99_usec"] < LAG_USEC, f"{name}: it says {lag}")


def indexed(top):
    """When each record was extended, as the index says."""
    with open(f"{top}/{daemon.RUN}/index", "rb") as f:
        data = f.read()
    return [extended for _, _, extended in ROW.iter_unpack(data[:len(data) // ROW.size * ROW.size])]


def grow_and_wait(name, d, kernel, appear):
    """100 records/s; the TPM appears; follow for a while; the last status, when all is in the TPM."""
    d.wait_for(in_state("wait_tpm"), 3, f"{name}: before there is a TPM")
    time.sleep(max(0.0, LATE_SECONDS - (time.monotonic() - d.begun)))
    appear()
    d.wait_for(in_state("follow"), 40, f"{name}: catching up")
    time.sleep(FOLLOW_SECONDS)
    kernel.say("stop")
    n = kernel.state["total"]
    check(n > RATE * (LATE_SECONDS + FOLLOW_SECONDS), f"{name}: only {n} records")
    return n, d.wait_for(caught_up(n), 5, f"{name}: {n} records")


def late_swtpm(top, tpm):
    name, before = "late, swtpm", tpm.update_counter()
    with Kernel(f"{top}/late-swtpm", "--records=50") as kernel, Mux(tpm, 1, delay=COMMAND_SECONDS) as mux:
        mux.lose()
        kernel.say("rate", RATE)
        with Daemon(kernel.top, mux.tcti()) as d:
            n, status = grow_and_wait(name, d, kernel, mux.restore)
            if status:
                check_lag_told(name, status)
                check(status["n_trimmed"] == 0 and status["n_refused"] == 0 and status["n_foreign"] == 0, f"{name}: {status}")
            d.stop(name=f"{name}: stop")
        times = [t for _, pcr, t in mux.extended if pcr == 10]
        check(len(times) == n, f"{name}: {len(times)} extends for {n} records")
        check_lag(name, kernel.times(), times, d.entered("follow") or 0)
        holds(name, kernel, tpm.tcti)
        counted = tpm.update_counter() - before
        check(counted == n * len(BANKS), f"{name}: {counted} updates for {n} records")


def late_libtpms(top):
    name, where = "late, libtpms", f"{top}/libtpms"
    tcti = f"libtpms:{where}/tpm"
    with Kernel(f"{top}/late-libtpms", "--records=50") as kernel:
        kernel.say("rate", RATE)
        with Daemon(kernel.top, f"{tcti},delay={round(COMMAND_SECONDS * 1e6)}") as d:
            n, status = grow_and_wait(name, d, kernel, lambda: os.mkdir(where))
            if status:
                check_lag_told(name, status)
            d.stop(name=f"{name}: stop")
        rows = indexed(kernel.top)
        check(len(rows) == n, f"{name}: {len(rows)} rows in the index for {n} records")
        check_lag(name, kernel.times(), rows, d.entered("follow") or 0)
        holds(name, kernel, tcti)


def overload(d, kernel):
    """Measure the rate of the TPM, then exceed it."""
    begun, n = time.monotonic(), kernel.state["total"] + 500
    kernel.say("burst", 500)
    d.wait_for(caught_up(n), 30, "overload: the first burst")
    rate = 500 / (time.monotonic() - begun)
    kernel.say("rate", 1.5 * rate)
    time.sleep(8 * SCALE)
    kernel.say("stop")
    n = kernel.state["total"]
    behind = n - d.status["n_extended"]
    check(behind > rate * 8 * SCALE / 4, f"overload: only {behind} records behind: that was no overload")
    begun = time.monotonic()
    d.wait_for(caught_up(n), 8 * SCALE + 20, "overload: the backlog")
    print(f"overload: {rate:.0f} records/s go; {behind} were behind after {8 * SCALE:.0f} s of {1.5 * rate:.0f}/s, "
          f"{time.monotonic() - begun:.1f} s later none")
    check(not daemon.TERMINAL & set(d.states), f"overload: states {d.states}")


def idle(d, name):
    time.sleep(3)           # until the session was given back, and the timer is slow
    cpu, begun = d.cpu_seconds(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    part = (d.cpu_seconds() - cpu) / (time.monotonic() - begun)
    print(f"{name}: {100 * part:.3f} % CPU in {IDLE_SECONDS:.0f} s")
    check(part < IDLE_CPU, f"{name}: {100 * part:.3f} % CPU")


def stop_busy(top, tpm, kernel, mux, before):
    n = kernel.state["total"]
    with Daemon(kernel.top, mux.tcti()) as d:
        d.wait_for(caught_up(n), 10, "stop, busy: before")
        kernel.say("burst", 2000)
        d.wait_for(lambda s: s["n_extended"] > n + 50, 10, "stop, busy: 50 extends")
        d.stop(name="stop, busy")
    records = list(replay.parse(kernel.raw()))
    k = world.position(world.positions(records), world.read_pcr(tpm.tcti))
    check(k is not None and n < k < len(records), f"stop, busy: PCR 10 is V({k}) of {n} to {len(records)}")
    check(tpm.update_counter() - before == (k or 0) * len(BANKS), f"stop, busy: {tpm.update_counter() - before} updates for {k} records")
    check(not world.sessions(tpm.tcti), "stop, busy: a session is left behind")
    mux.delay = 0.0
    with Daemon(kernel.top, mux.tcti()) as d:
        d.wait_for(caught_up(len(records)), 20, "stop, busy: the next run")
        d.stop(name="stop, after the next run")
    holds("stop, busy: the next run", kernel, tpm.tcti)
    with Daemon(f"{top}/nothing", "swtpm:host=127.0.0.1,port=9") as d:
        time.sleep(0.5)
        d.stop(name="stop, no IMA")
    with Daemon(kernel.top, "swtpm:host=127.0.0.1,port=9") as d:
        d.wait_for(in_state("wait_tpm"), 3, "stop, no TPM")
        d.stop(name="stop, no TPM")


def healthy(top, tpm):
    """TPM and list are there, some records follow."""
    with Kernel(f"{top}/healthy", "--records=100") as kernel:
        with Daemon(kernel.top, tpm.tcti) as d:
            d.wait_for(caught_up(100), 10, "healthy boot")
            kernel.say("rate", 20)
            time.sleep(2)
            kernel.say("stop")
            d.wait_for(caught_up(kernel.state["total"]), 5, "healthy boot: following")
            check(len(d.lines) == HEALTHY_LINES, f"healthy boot: it says {len(d.lines)} lines: {d.lines}")
            d.stop(name="healthy boot: stop")
        check(len(d.lines) <= HEALTHY_LINES + 1, f"healthy boot: it says {d.lines[HEALTHY_LINES:]} at its end")


def notify(top, tpm):
    if not daemon.is_systemd_build():
        print("notify: built without systemd, not looked at")
        return
    with Kernel(f"{top}/notify", "--records=100") as kernel, Mux(tpm, 1) as mux, Manager(f"{top}/notify.socket") as manager:
        mux.lose()
        begun = now_usec()
        with Daemon(kernel.top, mux.tcti(), env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": str(WATCHDOG_USEC)}) as d:
            d.wait_for(in_state("wait_tpm"), 3, "notify: no TPM")
            time.sleep(0.5)
            ready = manager.when("READY=1")
            check(len(ready) == 1 and ready[0] - begun < 2000000, f"notify: not ready at once: {manager.said}")
            mux.restore()
            d.wait_for(caught_up(100), 10, "notify: catching up")
            mux.delay = COMMAND_SECONDS
            kernel.say("burst", 600)
            d.wait_for(caught_up(700), 20, "notify: busy")
            time.sleep(2)
            ended = now_usec()
            d.stop(name="notify: stop")
        n, gap = manager.gaps("WATCHDOG=1", begun, ended)
        print(f"notify: {n} times WATCHDOG=1, at most {gap / 1000:.0f} ms between; {len(manager.said)} lines in all")
        check(gap < WATCHDOG_USEC, f"notify: {gap} us without WATCHDOG=1")
        check(any(line.startswith("STATUS=") for _, line in manager.said), "notify: no STATUS=")
        check(len(manager.when("STOPPING=1")) == 1, "notify: STOPPING=1 is not said once")
        check(len(manager.when("READY=1")) == 1, "notify: READY=1 is said again")


def with_tpm(top, name, call):
    with Swtpm(f"{top}/tpm-{name}") as tpm:
        call(top, tpm)


def long_run(top, tpm):
    """Overload, idle, stop while idle, stop while busy: on one list."""
    before = tpm.update_counter()
    with Kernel(f"{top}/long", "--records=100") as kernel, Mux(tpm, 1, delay=COMMAND_SECONDS) as mux:
        with Daemon(kernel.top, mux.tcti()) as d:
            d.wait_for(caught_up(100), 10, "overload: the start")
            overload(d, kernel)
            n = holds("overload", kernel, tpm.tcti)
            check(tpm.update_counter() - before == n * len(BANKS), f"overload: {tpm.update_counter() - before} updates for {n} records")
            idle(d, "idle")
            d.stop(name="stop, idle")
        check(not world.sessions(tpm.tcti), "stop, idle: a session is left behind")
        stop_busy(top, tpm, kernel, mux, before)


def main():
    world.need("swtpm", "tpm2_pcrread", "tpm2_getcap")
    world.need_libtpms()
    daemon.peer_status()
    with tempfile.TemporaryDirectory(prefix="follow.") as top:
        with_tpm(top, "healthy", healthy)
        with_tpm(top, "notify", notify)
        with_tpm(top, "late", late_swtpm)
        late_libtpms(top)
        with_tpm(top, "long", long_run)
    finish()


if __name__ == "__main__":
    main()
