# SPDX-License-Identifier: BSD-2-Clause
"""The initramfs of a test machine: busybox, our init and functions, programs with their libraries."""
import io
import os
import re
import stat
import subprocess
from pathlib import Path

GUEST = Path(__file__).resolve().parent.parent / "guest"
TRIPLET = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
LOADER = {"amd64": "lib64/ld-linux-x86-64.so.2", "arm64": "lib/ld-linux-aarch64.so.1"}
# What ima-replayd loads by name: no ELF header tells.
TCTI = "libtss2-tcti-device.so.0"


class Cpio:
    """A newc archive; plain, because the guest's CPU is the slow one."""

    def __init__(self):
        self.buf = io.BytesIO()
        self.names = {""}

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self.names.add(name)
        fields = [len(self.names), mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name) + 1, 0]
        self.buf.write(b"070701" + "".join(f"{f:08x}" for f in fields).encode() + name.encode() + b"\0")
        self._pad()
        self.buf.write(data)
        self._pad()

    def _pad(self):
        self.buf.write(b"\0" * (-self.buf.tell() % 4))

    def dir(self, name):
        if name not in self.names:
            self.dir(os.path.dirname(name))
            self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        if name not in self.names:
            self.dir(os.path.dirname(name))
            self._entry(name, stat.S_IFREG | mode, data if isinstance(data, bytes) else data.encode())

    def node(self, name, major, minor):
        self.dir(os.path.dirname(name))
        self._entry(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def bytes(self):
        self._entry("TRAILER!!!", 0)
        return self.buf.getvalue()


class Initramfs:
    """arch: amd64 or arm64; libraries: directories where the libraries of its programs lie."""

    def __init__(self, arch, libraries, busybox):
        self.arch, self.libraries = arch, [Path(d) for d in libraries]
        self.cpio = Cpio()
        for d in ("proc", "sys", "dev", "tmp", "run", "root"):
            self.cpio.dir(d)
        self.cpio.node("dev/console", 5, 1)
        self.cpio.node("dev/null", 1, 3)
        self.cpio.file("bin/busybox", Path(busybox).read_bytes(), 0o755)
        self.cpio.file("init", (GUEST / "init").read_bytes(), 0o755)
        self.cpio.file("guest/lib.sh", (GUEST / "lib.sh").read_bytes())

    def scenario(self, name, settings):
        """settings: shell variables."""
        self.cpio.file("guest/scenario", (GUEST / f"scenario-{name}").read_bytes())
        self.cpio.file("guest/settings", "".join(f"{k}='{v}'\n" for k, v in settings.items()))

    def module(self, name, data):
        self.cpio.file(f"modules/{name}.ko", data)

    def program(self, path):
        """A program, to /usr/bin, and what it needs."""
        path = Path(path)
        self.cpio.file(f"usr/bin/{path.name}", path.read_bytes(), 0o755)
        for name in needed(path):
            self.library(name)

    def library(self, name):
        if "ld-linux" in name:
            where = LOADER[self.arch]
        else:
            where = f"usr/lib/{TRIPLET[self.arch]}/{name}"
        if where in self.cpio.names:
            return
        found = next((d / name for d in self.libraries if (d / name).exists()), None)
        if not found:
            raise FileNotFoundError(f"{name} is in none of {[str(d) for d in self.libraries]}")
        self.cpio.file(where, found.read_bytes(), 0o755)
        for other in needed(found):
            self.library(other)

    def directory(self, source, where):
        for path in sorted(p for p in Path(source).rglob("*") if p.is_file()):
            self.cpio.file(f"{where}/{path.relative_to(source)}", path.read_bytes())

    def write(self, path):
        Path(path).write_bytes(self.cpio.bytes())
        return path


def needed(path):
    """The libraries that an ELF file names, of whatever machine it is."""
    env = {**os.environ, "LC_ALL": "C"}
    p = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True, env=env)
    return re.findall(r"\(NEEDED\).*\[(.*)\]", p.stdout)
