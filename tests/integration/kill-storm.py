#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""kill-storm.py: SIGKILL at random moments, one TPM, one list of 20,000 records: each record once in each bank.

Three ways to kill, in turn at random:

  blind   after a random time, from exec() on (start, search, first extends)
  watch   a random time after the TPM has moved, looking at it meanwhile: each
          look takes the audit session's exclusiveness away from ima-replayd
  relay   at a random command, with us between ima-replayd and the TPM; so it is
          known what was answered, and the next position is known exactly:
            asked     killed before the command arrives, which is then dropped
            stale     killed, and only then the command is executed
            lost      executed, killed before the answer
            answered  killed after the answer

After each kill tpm2_pcrread says how many records are in the TPM; what
/dev/tpmrm0 would do, flushing the sessions of the dead, is done here.

SCALE (1): 100 kills; 500 at most of a list, then there is another TPM.  SEED: of a run to repeat; times are not repeatable.
"""
import collections
import os
import random
import select
import socket
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import replay  # noqa: E402
import world  # noqa: E402
from harness import Count, check, check_exit, finish, goal, scale  # noqa: E402
from world import BANKS, Root, Swtpm, ended, oneshot, start_oneshot  # noqa: E402

N = 20000
KILLS = max(1, round(100 * scale(nightly=200)))
KILLS_MAX = 500         # of one list: more would leave hardly a record for each
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
PCR_EXTEND = bytes.fromhex("00000182")
MAIN_PCR = (10).to_bytes(4, "big")
PHASES = ("asked", "stale", "lost", "answered")
START_COMMANDS = 8      # before the first extend: capabilities, clock, session, probe, read


class Relay:
    """Stands between a client and the TPM, on ports of its own."""

    def __init__(self, tpm):
        self.tpm = tpm
        port = world.free_ports()
        self.listeners = world.listen(port)
        self.tcti = f"swtpm:host=127.0.0.1,port={port}"

    def serve_and_kill(self, daemon, is_victim, phase):
        """Pass commands on until is_victim(extends so far, commands so far); return the extends that were answered."""
        extends = commands = 0
        data, _ = self.listeners
        with socket.create_connection(("127.0.0.1", self.tpm.port)) as below:
            while daemon.poll() is None:
                for listener in select.select(self.listeners, [], [], 0.05)[0]:
                    client, _ = listener.accept()
                    with client:
                        if listener is not data:        # CMD_SET_LOCALITY, when the client opens
                            client.recv(5)
                            client.sendall(bytes(4))
                            continue
                        try:
                            command = world.receive(client)
                        except ConnectionError:         # the client only looks whether somebody listens
                            continue
                        commands += 1
                        is_extend = command[6:10] == PCR_EXTEND and command[10:14] == MAIN_PCR
                        victim = is_victim(extends + is_extend, commands)
                        if victim and phase in ("asked", "stale"):
                            kill(daemon)
                        if victim and phase == "asked":
                            return extends, 0
                        below.sendall(command)
                        answer = world.receive(below)
                        executed = is_extend and answer[6:10] == bytes(4)
                        if victim and phase in ("stale", "lost"):
                            kill(daemon)
                            return extends, executed
                        client.sendall(answer)
                        extends += executed
                        if victim:
                            kill(daemon)
                            return extends, 0
        return extends, 0


def kill(daemon):
    daemon.kill()
    daemon.wait()


class Storm:
    def __init__(self, rng, root, tpm, where, wanted):
        self.rng, self.root, self.tpm, self.where, self.wanted = rng, root, tpm, where, wanted
        self.relay = Relay(tpm)
        self.begin = tpm.update_counter()
        self.k = self.kills = 0
        self.start_seconds, self.rate = 0.05, 8000.0    # learned on the way
        self.seen = collections.Counter()

    def budget(self):
        """How many records a boot may take, for the list to last."""
        return (N - self.k) / (self.wanted - self.kills + 3)

    def advance(self):
        return max(1, round(self.rng.uniform(0, 2) * self.budget()))

    def how(self):
        """Only the relay can stop within a few records: what is left at the end is for it."""
        if self.budget() < 50 and self.k > 0.9 * N:
            return "relay"
        return self.rng.choice(("blind", "watch", "watch", "relay", "relay"))

    def blind(self):
        daemon = start_oneshot(self.root, self.tpm.tcti)
        time.sleep(self.rng.uniform(0, 1.2) * self.start_seconds)
        kill(daemon)
        return daemon

    def watch(self):
        wanted = self.advance()
        before = self.tpm.update_counter()
        begun = time.monotonic()
        daemon = start_oneshot(self.root, self.tpm.tcti)
        while daemon.poll() is None and self.tpm.update_counter() == before:
            time.sleep(0.002)
        self.start_seconds += 0.2 * (time.monotonic() - begun - self.start_seconds)
        moved = time.monotonic()
        time.sleep(wanted / self.rate)
        kill(daemon)
        took = time.monotonic() - moved
        grown = (self.tpm.update_counter() - before) / len(BANKS)
        self.rate = min(max(self.rate + 0.1 * (grown / took - self.rate), 1000.0), 50000.0)
        return daemon

    def relayed(self):
        phase, wanted = self.rng.choice(PHASES), self.advance()
        at_start = self.rng.random() < 0.2
        first = self.rng.randint(1, START_COMMANDS)
        daemon = start_oneshot(self.root, self.relay.tcti)
        answered, unanswered = self.relay.serve_and_kill(
            daemon, lambda extends, commands: commands >= first if at_start else extends >= wanted, phase)
        self.seen[phase] += 1
        self.seen["unanswered"] += unanswered
        return daemon, self.k + answered + unanswered

    def boot(self):
        """Start, kill, look."""
        how, expected = self.how(), None
        if how == "relay":
            daemon, expected = self.relayed()
        else:
            daemon = self.blind() if how == "blind" else self.watch()
        result = ended(daemon)
        k = world.position(self.where, world.read_pcr(self.tpm.tcti))
        world.flush_sessions(self.tpm.tcti)
        name = f"boot {sum(self.seen[h] for h in ('blind', 'watch', 'relay'))} ({how}), from {self.k}"
        self.seen[how] += 1
        if not check(k is not None, f"{name}: PCR 10 is no V(k), or another in each bank"):
            finish()
        check(k >= self.k, f"{name}: fell to {k}")
        check(expected in (None, k), f"{name}: {k} records in the TPM, {expected} were extended")
        counted = self.tpm.update_counter() - self.begin
        check(counted == k * len(BANKS), f"{name}: {counted} updates for {k} records")
        check(result[0] in (-9, 0), f"{name}: ended by itself with {result[0]}: {result[2]!r}")
        self.kills += result[0] == -9 and 0 < k < N
        self.seen["in between"] += result[0] == -9 and self.k < k < N
        self.k = k


def storm(rng, root, tpm, records, wanted):
    s = Storm(rng, root, tpm, world.positions(records), wanted)
    begun = time.monotonic()
    while s.kills < wanted and s.k < N:
        s.boot()
    took = time.monotonic() - begun
    result = oneshot(root, tpm.tcti)
    check_exit(result, 0, "the last run")
    check(f"{N} records are in the TPM, {N - s.k} extended now" in result[2], f"the last run: {result[2]!r}, from {s.k}")
    check(world.read_pcr(tpm.tcti) == world.values(records), "at the end: PCR 10 is not the replay")
    counted = tpm.update_counter() - s.begin
    check(counted == N * len(BANKS), f"at the end: {counted} updates, not {N} x {len(BANKS)}")
    check(s.kills >= wanted, f"only {s.kills} kills with 0 < k < {N}")
    boots = {how: s.seen[how] for how in ("blind", "watch", "relay", *PHASES)}
    print(f"{s.kills} kills with 0 < k < {N} in {took:.1f} s ({s.kills / took:.1f}/s), last at k = {s.k}; {boots}")
    print(f"{s.seen['in between']} times the TPM had moved; {s.seen['unanswered']} times by an extend whose answer nobody got")
    check(s.seen["unanswered"] >= max(1, wanted // 50), "hardly any extend was in flight")
    return s.kills


def main():
    world.need("swtpm", "tpm2_pcrread", "tpm2_flushcontext")
    world.set_library_path()
    print(f"SEED={SEED} kills: {KILLS}", flush=True)
    raw = world.made(N)
    rng, records, kills, begun = random.Random(SEED), list(replay.parse(raw)), 0, time.monotonic()
    while kills < KILLS and not Count.failed:
        with tempfile.TemporaryDirectory(prefix="kill-storm.") as top, Swtpm(f"{top}/tpm") as tpm:
            kills += storm(rng, Root(f"{top}/root", raw), tpm, records, min(KILLS - kills, KILLS_MAX))
    goal("G2", f"{kills} kills, {Count.failed} checks failed", f"{KILLS}, 0 lost, 0 doubled", time.monotonic() - begun)
    finish()


if __name__ == "__main__":
    main()
