# SPDX-License-Identifier: BSD-2-Clause
"""A service manager, as far as a service can see one: what listens on NOTIFY_SOCKET."""
import socket
import threading

from kernel import now_usec


class Manager:
    """Listens on a NOTIFY_SOCKET: said is [(CLOCK_BOOTTIME in us, line)]."""

    def __init__(self, path):
        self.path, self.said = path, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self):
        self.socket.bind(self.path)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"", self.path)
        self.thread.join()
        self.socket.close()

    def listen(self):
        while data := self.socket.recv(65536):
            self.said += [(now_usec(), line) for line in data.decode(errors="replace").splitlines()]

    def when(self, line):
        return [t for t, said in self.said if said == line]

    def gaps(self, line, begun, ended):
        """How often it was said between two times (CLOCK_BOOTTIME in us), and the longest time without."""
        times = [begun, *(t for t in self.when(line) if begun < t < ended), ended]
        return len(times) - 2, max(b - a for a, b in zip(times, times[1:]))
