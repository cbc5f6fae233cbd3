# SPDX-License-Identifier: BSD-2-Clause
"""What goes into a guest: the programs under test, for this machine as they were built, for arm64 cross-built."""
import functools
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
SOURCE = HERE.parent.parent
CROSS = "aarch64-linux-gnu"
PROGRAMS = ("daemon/ima-replayd", "daemon/ima-replay-serve", "client/ima-replayctl")
SYSROOT = [f"{name}:arm64" for name in ("libc6-dev", "libssl-dev", "libtss2-dev", "libjson-c-dev", "libsystemd-dev")]

CROSS_FILE = """[binaries]
c = '{cross}-gcc'
ar = '{cross}-ar'
strip = '{cross}-strip'
pkgconfig = 'pkg-config'
[properties]
sys_root = '{sysroot}'
pkg_config_libdir = ['{sysroot}/usr/lib/{cross}/pkgconfig', '{sysroot}/usr/share/pkgconfig']
[built-in options]
c_args = ['--sysroot={sysroot}']
c_link_args = ['--sysroot={sysroot}']
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
"""


def tool(*argv, **kw):
    """Run a build tool; what it said is part of the error."""
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
    if p.returncode:
        raise RuntimeError(f"{argv[0]}: {p.stdout.decode(errors='replace')[-2000:]}")


class Build:
    """Programs: paths; library_dirs: where their libraries lie, beside those of the system."""

    def __init__(self, binary_dir, packages):
        self.dir, self.packages = Path(binary_dir).resolve(), packages
        self.top = self.dir / "vm"
        self.top.mkdir(exist_ok=True)

    def supervise(self, arch, *cc):
        out = self.top / arch / "supervise"
        out.parent.mkdir(exist_ok=True)
        tool(*cc, "-O2", "-static", "-o", out, HERE / "guest/supervise.c")
        return out

    @functools.cached_property
    def native(self):
        """(programs, library_dirs) for amd64"""
        return self.programs(self.dir, self.supervise("amd64", "cc"))

    @functools.cached_property
    def cross(self):
        """(programs, library_dirs) for arm64"""
        sysroot = self.packages.closure("sysroot-arm64", SYSROOT, "bookworm")
        where = self.top / "build-arm64"
        file = self.top / "arm64.ini"
        text = CROSS_FILE.format(cross=CROSS, sysroot=sysroot)
        if not file.exists() or file.read_text() != text:
            shutil.rmtree(where, ignore_errors=True)
            file.write_text(text)
        if not (where / "build.ninja").exists():
            tool("meson", "setup", f"--cross-file={file}", "-Dtests=false", "-Dman=disabled", where, SOURCE)
        tool("ninja", "-C", where, *PROGRAMS)
        programs, dirs = self.programs(where, self.supervise("arm64", f"{CROSS}-gcc", f"--sysroot={sysroot}"))
        return programs, [*dirs, *(sysroot / lib / CROSS for lib in ("lib", "usr/lib"))]

    @staticmethod
    def programs(build, supervise):
        return [*(build / p for p in PROGRAMS), supervise], [build / "lib/api"]


@functools.cache
def monitor(top):
    """The EL3 firmware."""
    top.mkdir(exist_ok=True)
    source = HERE / "arm64/monitor"
    elf, image = top / "monitor.elf", top / "monitor.bin"
    tool(f"{CROSS}-gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-pic", "-fno-pie",
         "-mgeneral-regs-only", "-mstrict-align", "-fno-stack-protector", "-march=armv8-a", "-mno-outline-atomics",
         "-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments", "-T", source / "monitor.ld", "-o", elf,
         source / "start.S", *sorted(source.glob("*.c")))
    tool(f"{CROSS}-objcopy", "-O", "binary", elf, image)
    return image


@functools.cache
def stand_in(top, packages, suite):
    """The bytes of ffa_crb.ko for that suite's kernel."""
    headers = packages.tree(f"headers-{suite}-arm64", lambda: packages.headers(suite, "arm64"))
    tool(HERE / "arm64/ffa_crb/build", headers, top)
    return (top / "ffa_crb.ko").read_bytes()
