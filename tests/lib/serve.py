# SPDX-License-Identifier: BSD-2-Clause
"""ima-replay-serve for the `with` block, and a Varlink client that shares no code with it.

IMA_REPLAY_SERVE names the program; without it, it is looked for beside IMA_REPLAYD.
"""
import json
import os
import signal
import socket
import subprocess
import threading
import time

import harness

STATUS = "org.imareplay.status"
REPLAY = "org.imareplay.replay"
RUN = "run/ima-replay"
STOP_SECONDS = 2


def program():
    os.environ.setdefault("IMA_REPLAY_SERVE", os.path.join(os.path.dirname(harness.program("IMA_REPLAYD")), "ima-replay-serve"))
    return harness.program("IMA_REPLAY_SERVE")


class Error(Exception):
    """An error reply."""

    def __init__(self, name, parameters):
        super().__init__(f"{name} {parameters}")
        self.name, self.parameters = name, parameters


class Closed(Exception):
    pass


class Client:
    """One connection; path may be longer than sun_path."""

    def __init__(self, path, timeout=10):
        directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
        try:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        finally:
            os.close(directory)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, method, parameters=None, **flags):
        call = {"method": method, **({} if parameters is None else {"parameters": parameters}), **flags}
        self.socket.sendall(json.dumps(call).encode() + b"\0")

    def receive(self):
        """(parameters, continues); Error for an error reply."""
        while b"\0" not in self.rest:
            data = self.socket.recv(1 << 16)
            if not data:
                raise Closed
            self.rest += data
        message, _, self.rest = self.rest.partition(b"\0")
        reply = json.loads(message)
        if "error" in reply:
            raise Error(reply["error"], reply.get("parameters", {}))
        return reply.get("parameters", {}), reply.get("continues", False)

    def call(self, method, parameters=None):
        self.send(method, parameters)
        reply, continues = self.receive()
        harness.check(not continues, f"{method}: continues although nobody asked for more")
        return reply

    def more(self, method, parameters=None):
        """All replies until the last."""
        self.send(method, parameters, more=True)
        continues = True
        while continues:
            reply, continues = self.receive()
            yield reply


class Server:
    """lines: of stderr"""

    def __init__(self, top, *options, prefix=(), env=None, **popen):
        self.top = top
        self.argv = [*prefix, program(), f"--root={top}", *options]
        self.env = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1", **(env or {}))
        self.popen = popen
        self.lines = []

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=self.env, **self.popen)
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.listener.join()
        self.process.stderr.close()

    def listen(self):
        for line in self.process.stderr:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    def path(self, name=STATUS):
        return f"{self.top}/{RUN}/{name}"

    def client(self, name=STATUS, seconds=5, timeout=10):
        """Connect, as soon as it listens."""
        until = time.monotonic() + seconds
        while True:
            try:
                return Client(self.path(name), timeout)
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.01)

    def call(self, method, parameters=None, name=STATUS, timeout=10):
        with self.client(name, timeout=timeout) as c:
            return c.call(method, parameters)

    def status(self):
        return self.call(f"{STATUS}.GetStatus")

    def wait_for(self, predicate, seconds, what=None):
        """Until GetStatus says so: that status.  What: checked under this name."""
        until, status = time.monotonic() + seconds, self.status()
        while not predicate(status) and time.monotonic() < until and self.process.poll() is None:
            time.sleep(0.02)
            status = self.status()
        good = predicate(status)
        if what:
            harness.check(good, f"{what}: not within {seconds} s: {told(status)} {self.lines[-3:]}")
        return status if good else None

    def wait_line(self, text, seconds=2):
        """Until it says a line with this text."""
        until = time.monotonic() + seconds
        while not any(text in line for line in self.lines) and time.monotonic() < until:
            time.sleep(0.01)
        return any(text in line for line in self.lines)

    def n_fds(self):
        """Open descriptors, when their number has been the same for a while."""
        n, since = -1, time.monotonic()
        while time.monotonic() < since + 0.3:
            now = len(os.listdir(f"/proc/{self.process.pid}/fd"))
            if now != n:
                n, since = now, time.monotonic()
            time.sleep(0.01)
        return n

    def stop(self, sig=signal.SIGTERM, name="serve: stop"):
        begun = time.monotonic()
        self.process.send_signal(sig)
        try:
            rc = self.process.wait(10 * STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            rc = None
        harness.check(rc == 0, f"{name}: exit {rc}: {self.lines[-3:]}")
        harness.check(time.monotonic() - begun < STOP_SECONDS, f"{name}: took {time.monotonic() - begun:.1f} s")

    def kill(self):
        self.process.kill()
        self.process.wait()


def told(status):
    return {k: status.get(k) for k in ("verdict", "mode", "state", "reason", "message", "measured", "extended")}
