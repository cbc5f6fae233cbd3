# SPDX-License-Identifier: BSD-2-Clause
"""Stands between any number of clients and one software TPM, and lets them wait for each other.

Each client has a pair of ports of its own, as tcti-swtpm wants it.  One command is
under way at a time, as on a chip; those of other clients wait and go in the order of
their arrival, or in a random one.  A command is executed when its turn comes, and its
answer is given out `delay` later.

The TPM gets a connection for each command, so that who knows its own ports can still
reach it in between.
"""
import collections
import random
import selectors
import socket
import struct
import threading
import time

import world
from kernel import now_usec

PCR_EXTEND = 0x182
PCR_N = 24      # a handle beyond is TPM_RH_NULL: the probe, which changes nothing
NOT_ASKED, NOT_ANSWERED = "not asked", "not answered"

# What a client sent, and where its answer goes.
Waiting = collections.namedtuple("Waiting", "client connection command")


def code_of(command):
    return struct.unpack_from(">I", command, 6)[0]


def pcr_of(command):
    """The PCR that it extends; PCR_N: none."""
    return min(struct.unpack_from(">I", command, 10)[0], PCR_N) if code_of(command) == PCR_EXTEND else PCR_N


def digests_of(command):
    """What a PCR_Extend brings for the banks: all behind the authorizations."""
    return command[18 + struct.unpack_from(">I", command, 14)[0]:]


class Client:
    def __init__(self, n):
        self.n, self.port = n, world.free_ports()
        self.listeners = world.listen(self.port)
        self.counts = collections.Counter()     # of each command code that the TPM got
        self.drop = None                        # what becomes of the next command

    @property
    def tcti(self):
        return f"swtpm:host=127.0.0.1,port={self.port}"


class Mux:
    """For the `with` block.

    delay: seconds that a command takes, may be changed on the way; shuffle: a seed
    meet: nobody's first extend goes before everybody has one to send, so that they do meet
    counts: of each command code, all clients; record: (client, command code, PCR that it extends or PCR_N, response code or None)
    extended: (client, PCR, CLOCK_BOOTTIME in us when its answer was given out) of each good
              PCR_Extend of a PCR (that is: not the probe's)
    times: of the same: {(PCR, digests): how often}
    """

    def __init__(self, tpm, n=1, delay=0.0, shuffle=None, meet=False):
        self.tpm, self.delay, self.meet = tpm, delay, meet
        self.rng = random.Random(shuffle) if shuffle is not None else None
        self.clients = [Client(i) for i in range(n)]
        self.record, self.extended, self.times = [], [], collections.Counter()
        self.waiting = []
        self.answer = None              # (when, Waiting, bytes): the command under way
        self.jobs = collections.deque()
        self.selector = selectors.DefaultSelector()
        self.wake, self.woken = socket.socketpair()
        self.buffers = {}               # of each connection: client, bytes so far
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.failure = None

    def __enter__(self):
        self.selector.register(self.woken, selectors.EVENT_READ, lambda: self.woken.recv(4096))
        for client in self.clients:
            self.watch(client)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ask(lambda: True)
        self.thread.join()
        for client in self.clients:
            self.shut(client)
        for s in (self.wake, self.woken):
            s.close()
        self.selector.close()
        if self.failure:
            raise self.failure

    # From the test

    def ask(self, job):
        """Let the thread do it; a job that returns True ends the thread."""
        done = threading.Event()
        self.jobs.append((job, done))
        self.wake.send(b"x")
        while not done.wait(0.1):
            if not self.thread.is_alive():
                return

    def tcti(self, i=0):
        return self.clients[i].tcti

    @property
    def counts(self):
        return sum((c.counts for c in self.clients), collections.Counter())

    def drop_next(self, how, i=0):
        """The next command of a client gets no answer but the end of its connection."""
        self.clients[i].drop = how

    def lose(self, i=0):
        """Nobody is there any more for this client."""
        self.ask(lambda: self.shut(self.clients[i]))

    def restore(self, i=0):
        client = self.clients[i]

        def job():
            client.listeners = world.listen(client.port)
            self.watch(client)
        self.ask(job)

    # In the thread

    def watch(self, client):
        data, ctrl = client.listeners
        self.selector.register(data, selectors.EVENT_READ, lambda: self.accept(client))
        self.selector.register(ctrl, selectors.EVENT_READ, lambda: self.control(ctrl))

    def shut(self, client):
        for s in [*client.listeners, *(s for s, (c, _) in self.buffers.items() if c is client)]:
            self.close(s)
        client.listeners = ()
        self.waiting = [w for w in self.waiting if w.client is not client]

    def close(self, s):
        self.buffers.pop(s, None)
        if s.fileno() >= 0:
            try:
                self.selector.unregister(s)
            except KeyError:
                pass
            s.close()

    def accept(self, client):
        s, _ = client.listeners[0].accept()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffers[s] = client, b""
        self.selector.register(s, selectors.EVENT_READ, lambda: self.read(s))

    @staticmethod
    def control(listener):
        """CMD_SET_LOCALITY, when a client opens: 5 bytes, answered by 4 zeros."""
        s, _ = listener.accept()
        with s:
            s.settimeout(1)
            try:
                s.recv(5)
                s.sendall(bytes(4))
            except OSError:
                pass

    def read(self, s):
        client, data = self.buffers[s]
        try:
            more = s.recv(4096)
        except OSError:
            more = b""
        if not more:
            # What it sent is a command all the same: a chip has it, whoever asked is gone.
            self.close(s)
            return
        data += more
        if len(data) >= 10 and len(data) >= int.from_bytes(data[2:6], "big"):
            self.waiting.append(Waiting(client, s, data))
            data = b""
        self.buffers[s] = client, data

    def due(self):
        """The commands that may go now."""
        if self.meet:
            ready = {w.client for w in self.waiting if pcr_of(w.command) < PCR_N}
            self.meet = len(ready) < len(self.clients)
        return [w for w in self.waiting if not self.meet or pcr_of(w.command) == PCR_N]

    def begin(self):
        """The next command goes to the TPM."""
        due = self.due()
        if not due:
            return
        w = due[self.rng.randrange(len(due)) if self.rng else 0]
        self.waiting.remove(w)
        drop, w.client.drop = w.client.drop, None
        answer = b"" if drop == NOT_ASKED else self.run(w)
        self.record.append((w.client.n, code_of(w.command), pcr_of(w.command), struct.unpack_from(">I", answer, 6)[0] if answer else None))
        self.answer = time.monotonic() + self.delay, w, answer if drop is None else b""

    def run(self, w):
        try:
            answer = self.tpm.command(w.command)
        except OSError:
            return b""
        w.client.counts[code_of(w.command)] += 1
        return answer

    def end(self):
        _, w, answer = self.answer
        self.answer = None
        pcr = pcr_of(w.command)
        if pcr < PCR_N and answer[6:10] == bytes(4):
            self.extended.append((w.client.n, pcr, now_usec()))
            self.times[pcr, digests_of(w.command)] += 1
        if not answer:
            self.close(w.connection)
            return
        try:
            w.connection.sendall(answer)
        except OSError:
            self.close(w.connection)

    def turn(self):
        """True: the end."""
        now = time.monotonic()
        if self.answer and self.answer[0] <= now:
            self.end()
        if not self.answer and self.waiting:
            self.begin()
        timeout = max(0.0, self.answer[0] - time.monotonic()) if self.answer else None
        for key, _ in self.selector.select(timeout):
            if key.fileobj.fileno() >= 0:       # an event before may have closed it
                key.data()
        is_over = False
        while self.jobs:
            job, done = self.jobs.popleft()
            is_over |= job() is True
            done.set()
        return is_over

    def serve(self):
        try:
            while not self.turn():
                pass
        except Exception as e:                  # to be raised where the test sees it
            self.failure = e
