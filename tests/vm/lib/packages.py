# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages, fetched with an apt state of our own and only unpacked: nothing is ever installed.

The cache directory holds apt/ (that state) and one directory for each Tree. To get newer
packages delete a tree.
"""
import fcntl
import functools
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

SUITES = ("bookworm", "bookworm-backports", "trixie", "trixie-backports")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org/debian"
INDEX_SECONDS = 24 * 3600

CONFIG = """Dir::Etc "{top}/etc";
Dir::Etc::sourcelist "{top}/etc/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::parts "-";
Dir::Etc::preferencesparts "-";
Dir::State "{top}/state";
Dir::State::status "{top}/state/status";
Dir::Cache "{top}/cache";
APT::Architecture "amd64";
APT::Architectures {{ {architectures} }};
APT::Sandbox::User "root";
Acquire::Languages "none";
"""


class Unavailable(Exception):
    """Something that a case needs cannot be had here; the case is skipped."""


class Packages:
    def __init__(self, cache, architectures=("amd64", "arm64"), suites=SUITES):
        self.cache = Path(cache)
        self.top = self.cache / "apt"
        self.architectures = architectures
        self.suites = suites

    def locked(self):
        """One run at a time in one cache."""
        self.cache.mkdir(parents=True, exist_ok=True)
        lock = open(self.cache / "lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def prepare(self):
        """Once, before several threads may ask: apt's state, as far as it can be had."""
        return self.trouble is None

    def apt(self, *argv, cwd=None):
        """What an apt program prints; Unavailable when it fails."""
        if self.trouble:
            raise Unavailable(self.trouble)
        return self._apt(*argv, cwd=cwd)

    def _apt(self, *argv, cwd=None):
        env = dict(os.environ, APT_CONFIG=f"{self.top}/apt.conf", LC_ALL="C")
        p = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if p.returncode:
            said = [x for x in (p.stderr + p.stdout).splitlines() if x.startswith("E:")]
            raise Unavailable(f"{' '.join(argv[:2])}: {said[0] if said else p.returncode}")
        return p.stdout

    @functools.cached_property
    def trouble(self):
        """Why apt cannot be used, or None. Index files get a day old, and older where the network is gone."""
        if not shutil.which("apt-get") or not os.path.exists(KEYRING):
            return "no apt, or no debian-archive-keyring"
        for d in ("etc", "state/lists/partial", "cache/archives/partial"):
            (self.top / d).mkdir(parents=True, exist_ok=True)
        (self.top / "state/status").touch()
        (self.top / "apt.conf").write_text(CONFIG.format(
            top=self.top, architectures=" ".join(f'"{a}";' for a in self.architectures)))
        (self.top / "etc/sources.list").write_text("".join(
            f"deb [signed-by={KEYRING}] {MIRROR} {suite} main\n" for suite in self.suites))
        stamp = self.top / "updated"
        if not stamp.exists() or time.time() - stamp.stat().st_mtime > INDEX_SECONDS:
            try:
                self._apt("apt-get", "-q", "update", "-o", "APT::Update::Error-Mode=any")
                stamp.touch()
            except Unavailable as e:
                return None if stamp.exists() else str(e)
        return None

    def newest(self, package, suite):
        """The version of a package in a suite."""
        for line in self.apt("apt-cache", "madison", package).splitlines():
            _, version, where = (s.strip() for s in line.split("|"))
            if f" {suite}/" in where:
                return version
        raise Unavailable(f"{package} is not in {suite}")

    def depends(self, package, pattern):
        """The first dependency whose name matches, with the architecture of `package`; None if there is none."""
        arch = re.search(r":(\w+)", package)[1]
        for line in self.apt("apt-cache", "show", package).splitlines():
            if not line.startswith(("Depends:", "Pre-Depends:")):
                continue
            for name in re.split(r"[,|]", line.split(":", 1)[1]):
                name = re.split(r"[ (:]", name.strip())[0]
                if re.match(pattern, name):
                    return f"{name}:{arch}"
        return None

    def kernel(self, suite, arch):
        """The packages of a suite's newest kernel; from 6.19 on image and modules are apart."""
        meta = f"linux-image-{arch}:{arch}"
        image = self.depends(f"{meta}={self.newest(meta, suite)}", "linux-image-")
        parts = [self.depends(image, f"linux-{part}-") for part in ("modules", "binary")]
        return [image, *filter(None, parts)]

    def headers(self, suite, arch):
        """Of the same kernel, to cross-build a module: host tools are amd64, and need that suite's libc."""
        meta = f"linux-headers-{arch}:{arch}"
        headers = self.depends(f"{meta}={self.newest(meta, suite)}", "linux-headers-")
        common = self.depends(headers, "linux-headers-.*common").removesuffix(f":{arch}")
        kbuild = self.depends(headers, "linux-kbuild-").replace(f":{arch}", ":amd64")
        return [headers, common, kbuild, f"libc6:amd64/{suite.removesuffix('-backports')}"]

    def tree(self, name, wanted, only=()):
        """Unpack packages to CACHE/name, once.

        wanted() gives their names; only: patterns of tar for the files that are kept (default all).
        """
        def fetch(part):
            for package in wanted():
                self.apt("apt-get", "-q", "download", package, cwd=part)
        return self._tree(name, fetch, only)

    def closure(self, name, packages, suite):
        """As tree(), with all that the packages depend on."""
        def fetch(part):
            archives = self.top / "cache/archives"
            for deb in archives.glob("*.deb"):
                deb.unlink()
            self.apt("apt-get", "-q", "-y", "-t", suite, "--no-install-recommends", "--download-only", "install", *packages)
            for deb in archives.glob("*.deb"):
                shutil.move(deb, part)
        return self._tree(name, fetch, ())

    def _tree(self, name, fetch, only):
        tree = self.cache / name
        if tree.is_dir():
            return tree
        part = self.cache / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        (part / "debs").mkdir(parents=True)
        (part / "tree").mkdir()
        fetch(part / "debs")
        for deb in sorted((part / "debs").iterdir()):
            unpack(deb, part / "tree", only)
        (part / "tree").rename(tree)                    # whole, or not there
        shutil.rmtree(part)
        return tree


def unpack(deb, to, only):
    data = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    wildcards = ["--wildcards", *only] if only else []
    tar = subprocess.run(["tar", "-x", "-C", to, *wildcards], stdin=data.stdout, stderr=subprocess.DEVNULL)
    # tar complains about patterns that a package has no file for
    if data.wait() or (tar.returncode and not only):
        raise Unavailable(f"{deb.name} cannot be unpacked")
