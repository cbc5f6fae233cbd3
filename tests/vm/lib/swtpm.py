# SPDX-License-Identifier: BSD-2-Clause
"""Software TPMs on this side of the machine, and what was sent to them."""
import re
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import qemu

BANKS = ("sha1", "sha256", "sha384", "sha512")
CC_PCR_EXTEND = 0x182
READY_SECONDS = 10


def manufacture(where):
    """The state of a new TPM with all banks."""
    Path(where).mkdir(parents=True)
    subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", where, "--pcr-banks", ",".join(BANKS)],
                   check=True, stdout=subprocess.DEVNULL)


def extends(commands):
    """{PCR: number of TPM2_PCR_Extend} of (command, response code) pairs; handles that are no PCR count, too."""
    out = {}
    for command, rc in commands:
        cc, handle = struct.unpack_from(">I", command, 6)[0], command[10:14]
        if cc == CC_PCR_EXTEND and rc == 0:
            pcr = int.from_bytes(handle, "big")
            out[pcr] = out.get(pcr, 0) + 1
    return out


class Swtpm:
    """`swtpm socket` with `args`, as long as the `with` block; socket: the path that it listens on."""

    def __init__(self, work, *args):
        self.socket = Path(work) / "swtpm.sock"
        self.log = Path(work) / "swtpm.log"
        state = Path(work) / "tpm"
        manufacture(state)
        self.argv = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}",
                     "--log", f"level=20,truncate,file={self.log}", *(a.format(socket=self.socket) for a in args)]

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + READY_SECONDS
        while not self.socket.exists():
            if time.monotonic() > until or self.process.poll() is not None:
                qemu.stop(self.process)
                raise RuntimeError("swtpm does not start")
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        qemu.stop(self.process)

    def commands(self):
        """(command, response code) of all that its log tells."""
        pattern = r"SWTPM_IO_(Read|Write): length \d+\n((?: (?:[0-9A-F]{2} )+\n)+)"
        frames = [(way, bytes.fromhex("".join(data.split()))) for way, data in
                  re.findall(pattern, self.log.read_text(errors="replace"))]
        return [(command, int.from_bytes(answer[6:10], "big"))
                for (way, command), (back, answer) in zip(frames, frames[1:]) if (way, back) == ("Read", "Write")]


class Relay(threading.Thread):
    """Carries whole TPM commands between the monitor's UART and swtpm.

    The UART gives single bytes, and swtpm takes what one read() returns as one command, so somebody
    has to put commands together.
    """

    def __init__(self, listen, swtpm):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(listen))
        self.server.listen(1)
        self.tpm = socket.socket(socket.AF_UNIX)
        self.tpm.connect(str(swtpm))

    def run(self):
        try:
            guest, _ = self.server.accept()
            while True:
                self.tpm.sendall(frame(guest))
                guest.sendall(frame(self.tpm))
        except OSError:
            return


def frame(sock):
    """One command or response."""
    data = b""
    while len(data) < 10 or len(data) < struct.unpack(">I", data[2:6])[0]:
        part = sock.recv(10 - len(data) if len(data) < 10 else struct.unpack(">I", data[2:6])[0] - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data
