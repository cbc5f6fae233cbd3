# SPDX-License-Identifier: BSD-2-Clause
"""A Debian 12 with the installed tree, booted by its own systemd in a container (systemd-nspawn).

The rootfs is made by debootstrap once and kept in $IMA_REPLAY_BOOT_CACHE, or ~/.cache/ima-replay-boot;
to get newer packages delete it.  It is never written to: each boot has an overlay of its own, which
is gone with it.  The container shares the network of the host, and has no name outside.
"""
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
SUITE = "bookworm"
PACKAGES = ("dbus", "libjson-c5", "libssl3", "libtpms0", "libtss2-mu0", "libtss2-sys1", "libtss2-tctildr0", "systemd",
            "systemd-sysv")
MAKE_SECONDS = 1200
BOOT_SECONDS = 60

# What becomes the container: a mount namespace with the overlay, a cgroup of its own where the host
# has no systemd that would make one, and nspawn.
START = r"""
set -e
mount -t tmpfs -o mode=755 none "$work"
mkdir "$work/upper" "$work/scratch" "$work/root"
mount -t overlay -o "lowerdir=$tree:$rootfs,upperdir=$work/upper,workdir=$work/scratch" none "$work/root"
[ -z "$enable" ] || systemctl --quiet --root="$work/root" enable $enable
systemctl --quiet --root="$work/root" set-default multi-user.target
keep=
if [ ! -d /run/systemd/system ]; then
    keep=--keep-unit
    for top in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
        [ -e "$top/cgroup.procs" ] || continue
        mkdir -p "$top/$name"
        echo $$ >"$top/$name/cgroup.procs"
    done
fi
exec systemd-nspawn --quiet --register=no $keep --boot --machine="$name" --directory="$work/root" \
    --console=pipe --link-journal=no --resolv-conf=off --timezone=off --bind="$security:/sys/kernel/security"
"""


class Unavailable(Exception):
    """A machine cannot be had here."""


class Failure(Exception):
    """It can, and does not boot."""


def need():
    if os.geteuid() != 0:
        raise Unavailable("root is needed to boot a container")
    missing = [p for p in ("systemd-nspawn", "debootstrap", "nsenter", "setpriv", "unshare", "systemctl") if not shutil.which(p)]
    if missing:
        raise Unavailable(f"not installed: {' '.join(missing)}")


def rootfs():
    """The path of the rootfs; made when it is not there."""
    cache = Path(os.environ.get("IMA_REPLAY_BOOT_CACHE") or Path.home() / ".cache/ima-replay-boot")
    cache.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:12]
    tree, part = cache / f"{SUITE}-{key}", cache / f"{SUITE}-{key}.part"
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tree.is_dir():
            return tree
        shutil.rmtree(part, ignore_errors=True)
        try:
            made = subprocess.run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, part, MIRROR],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MAKE_SECONDS)
        except subprocess.TimeoutExpired as e:
            raise Unavailable(f"debootstrap has not ended after {MAKE_SECONDS} s") from e
        if made.returncode:
            said = [x for x in (made.stdout + made.stderr).splitlines() if x.startswith(("E:", "W:"))]
            raise Unavailable(f"debootstrap: {said[-1] if said else made.returncode}")
        # Made in each boot, as on an image whose /etc is empty.
        (part / "etc/machine-id").write_text("")
        part.rename(tree)                                # whole, or not there
    return tree


class Machine:
    """A booted container, as long as the `with` block lives.

    work: a directory for what it leaves; tree: laid over the rootfs; security: what is on
    /sys/kernel/security; enable: units
    """

    def __init__(self, work, tree, security, enable):
        self.work, self.process, self.leader = Path(work), None, None
        self.name = f"ima-replay-boot-{os.getpid()}"
        self.settings = {"tree": str(tree), "security": str(security), "enable": " ".join(enable), "name": self.name,
                         "rootfs": str(rootfs()), "work": str(self.work / "overlay")}

    def __enter__(self):
        (self.work / "overlay").mkdir(parents=True)
        began = time.monotonic()
        with open(self.work / "console", "wb") as console:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "sh", "-c", START],
                                            env=dict(os.environ, **self.settings), stdin=subprocess.DEVNULL,
                                            stdout=console, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            self.wait_for(self.find_leader, BOOT_SECONDS, "a first process")
            self.wait_for(self.is_up, BOOT_SECONDS, "the end of the boot")
        except BaseException:
            self.stop()
            raise
        self.seconds = time.monotonic() - began
        return self

    def __exit__(self, *_):
        self.stop()

    def find_leader(self):
        """nspawn's child, once it has become the container's systemd."""
        if self.process.poll() is not None:
            raise Unavailable(f"systemd-nspawn: {self.console()[-300:]}")
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            if b"systemd" in Path(f"/proc/{pid}/cmdline").read_bytes() and b"nspawn" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                self.leader = int(pid)
                return True
        return False

    def is_up(self):
        if self.process.poll() is not None:
            raise Unavailable(f"the container has ended: {self.console()[-300:]}")
        return self.run("systemctl", "is-system-running")[1].strip() in ("running", "degraded")

    def console(self):
        return (self.work / "console").read_text(errors="replace")

    def wait_for(self, what, seconds, name):
        until = time.monotonic() + seconds
        while not what():
            if time.monotonic() > until:
                jobs = self.run("systemctl", "list-jobs", "--no-pager") if self.leader else self.console()[-300:]
                raise Failure(f"{name} has not come after {seconds} s: {jobs}")
            time.sleep(0.05)

    def run(self, *argv, timeout=60):
        """As root in the container, but in no unit of it; (rc, out, err)."""
        try:
            p = subprocess.run(["nsenter", f"--target={self.leader}", "--all", *map(str, argv)], stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, errors="replace", timeout=timeout,
                               env={"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb"})
        except subprocess.TimeoutExpired:
            return None, "", f"no end after {timeout} s"
        return p.returncode, p.stdout, p.stderr

    def path(self, path):
        """Where a file of the container is for the host."""
        return Path(f"/proc/{self.leader}/root{path}")

    def show(self, unit, *names):
        """Properties of a unit."""
        out = self.run("systemctl", "show", unit, *(f"--property={n}" for n in names))[1]
        return dict(line.partition("=")[::2] for line in out.splitlines())

    def stop(self):
        if self.process.poll() is None:
            if self.leader:
                self.run("systemctl", "poweroff", "--force", "--force", timeout=10)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"):
            for d, _, _ in os.walk(f"{top}/{self.name}", topdown=False):
                try:
                    os.rmdir(d)
                except OSError:
                    pass
