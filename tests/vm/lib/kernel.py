# SPDX-License-Identifier: BSD-2-Clause
"""A stock Debian kernel: its image and the few modules that the cases load."""
import gzip
import lzma
import struct
import subprocess
from pathlib import Path

from packages import Unavailable

MODULES = ("tpm_vtpm_proxy", "ffa-core", "ffa-module", "tpm_crb_ffa")
KEPT = ("./boot/vmlinuz-*", "*/modules/*/vmlinuz", *(f"*/{m}.ko*" for m in MODULES))


class Kernel:
    """suites: the first that has a kernel is taken."""

    def __init__(self, packages, suites, arch):
        self.tree, self.suite = first(packages, suites, arch)
        found = [p for pattern in ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz") for p in self.tree.glob(pattern)]
        if not found:
            raise Unavailable(f"no kernel in the packages of {self.suite}/{arch}")
        self.vmlinuz = found[0]

    def module(self, name):
        """The bytes of a module."""
        for path in sorted(self.tree.rglob(f"{name}.ko*")):
            data = path.read_bytes()
            return {".xz": lzma.decompress, ".gz": gzip.decompress}.get(path.suffix, bytes)(data)
        raise Unavailable(f"the kernel of {self.suite} has no module {name}")


def first(packages, suites, arch):
    reasons = []
    for suite in suites:
        try:
            return packages.tree(f"kernel-{suite}-{arch}", lambda s=suite: packages.kernel(s, arch), KEPT), suite
        except Unavailable as e:
            reasons.append(f"{suite}: {e}")
    raise Unavailable(f"no {arch} kernel can be had ({'; '.join(reasons)})")


def bare_image(vmlinuz):
    """The arm64 Image of a vmlinuz: that itself, gzip of it, or an EFI zboot wrapper around either."""
    data = Path(vmlinuz).read_bytes()
    if data[4:8] == b"zimg":
        offset, size = struct.unpack_from("<II", data, 8)
        kind = data[24:32].split(b"\0")[0]
        data = data[offset:offset + size]
        if kind == b"zstd":
            data = subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
        elif kind == b"lzma":
            data = lzma.decompress(data)
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data[56:60] != b"ARM\x64":
        raise Unavailable(f"{vmlinuz} is no arm64 Image")
    return data
