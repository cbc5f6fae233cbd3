#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The laws of the house that a machine can hold. `lint.py WHAT` checks one of them.

layers   includes go down only, and each library is included by its one room
headers  each header compiles alone
purity   lib/core calls nothing but hashing, memory and strings
banned   calls and words that do not belong here
sizes    no file over about 500 lines, no function over about 60
format   clang-format 14 has nothing to say
shell    shellcheck has nothing to say
options  every option of a program stands in its --help, man page and completion
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(os.environ.get("MESON_SOURCE_ROOT", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("MESON_BUILD_ROOT", ROOT / "build"))
SKIP = 77

# Which rooms a room may include, besides itself.
MAY_INCLUDE = {
    "base": set(),
    "core": {"base"},
    "tpm": {"base", "core"},
    "os": {"base", "core"},
    "varlink": {"base"},
    "api": {"base", "core", "os", "varlink"},
    "daemon": {"base", "core", "os", "tpm", "varlink"},
    "client": {"base", "core", "os", "varlink", "api"},
    "tools": {"base"},
}
# Which rooms may include a library; no other may.
LIBRARY_ROOMS = {
    r"tss2/": {"tpm", "tools"},
    r"json-c/": {"varlink"},
    r"libtpms/": {"tools"},
    r"systemd/": {"os"},
}
FILE_LINES = 520
FUNCTION_LINES = 65
BANNED = {
    r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca|system|popen|tmpnam)\s*\(":
        "unbounded, or runs a shell",
    r"\b(sleep|usleep|nanosleep)\s*\(": "wait for the event instead",
    r"\b(TODO|FIXME|XXX)\b": "finish it, or open an issue",
    r"(?<![:\"])//": "comments are /* */",
}
# What the pure rooms may call outside themselves.
PURE_CALLS = re.compile(
    r"^(EVP_|CRYPTO_memcmp$|OSSL_|mem(cpy|set|cmp|chr|move)$|__mem\w+_chk$|str(len|cmp|ncmp|chr)$|malloc$|"
    r"calloc$|free$|snprintf$|__snprintf_chk$|__assert_fail$|__stack_chk_fail$|_GLOBAL_OFFSET_TABLE_$|"
    r"__(asan|ubsan|sanitizer|gcov|llvm)_|bytes_|builder_|error_pass$|hex_|base64_|escape_)")
LIBRARY_NAMES = "digest|hasher|hashers|mlist|mode|replay|search|template|verify|plan|step|chain|cel|gate|describe|violation|mismatch|firmware"


class Findings:
    def __init__(self):
        self.n = 0
        self.looked = 0

    def add(self, path, line, what):
        self.n += 1
        where = path.relative_to(ROOT) if path.is_absolute() else path
        print(f"{where}:{line}: {what}")

    def done(self, what):
        print(f"{what}: {self.looked} looked at, {self.n} findings")
        return 1 if self.n or not self.looked else 0


def sources(*endings, rooms=("lib", "daemon", "client", "tools", "include")):
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in endings:
                yield path


def room_of(path):
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "lib" else parts[0]


def layers():
    f = Findings()
    for path in sources(".c", ".h"):
        room = room_of(path)
        f.looked += 1
        for n, line in enumerate(path.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
            if not m:
                continue
            head = m[2].split("/")[0]
            if m[1] == '"' and head in MAY_INCLUDE and head != room and \
                    head not in MAY_INCLUDE.get(room, set()):
                f.add(path, n, f"{room} must not include {m[2]}")
            for library, allowed in LIBRARY_ROOMS.items():
                if m[2].startswith(library) and room not in allowed:
                    f.add(path, n, f"only {', '.join(sorted(allowed))} may include {m[2]}")
    return f.done("layers")


def headers():
    f = Findings()
    for path in sources(".h"):
        f.looked += 1
        r = subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                            "-fsyntax-only", "-I", ROOT, "-I", ROOT / "lib", "-I", ROOT / "include",
                            "-x", "c", "-include", path, os.devnull], capture_output=True, text=True)
        if r.returncode:
            f.add(path, 1, "does not compile alone:\n" + r.stderr)
    return f.done("headers")


def purity():
    f = Findings()
    own = re.compile(rf"^({LIBRARY_NAMES})_")
    for name in ("libcore.a", "libplan.a"):
        path = BUILD / "lib" / name
        if not path.exists():
            print(f"purity: {path} is not built")
            return 1
        f.looked += 1
        out = subprocess.run(["nm", "-u", path], capture_output=True, text=True, check=True).stdout
        for symbol in sorted(set(re.findall(r"^\s+U (\S+)", out, re.M))):
            if not PURE_CALLS.match(symbol) and not own.match(symbol):
                f.add(pathlib.Path("lib") / name, 0, f"calls {symbol}")
    return f.done("purity")


def without_comments(text):
    """Blank out comments and strings, so that only code is searched."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m[0])
    return re.sub(r'/\*.*?\*/|"(\\.|[^"\\\n])*"', blank, text, flags=re.S)


def banned():
    f = Findings()
    for path in sources(".c", ".h"):
        f.looked += 1
        text = path.read_text()
        for pattern, why in BANNED.items():
            where = text if "TODO" in pattern else without_comments(text)
            for m in re.finditer(pattern, where):
                f.add(path, where.count("\n", 0, m.start()) + 1, f"{m[0].strip()}: {why}")
    return f.done("banned")


def sizes():
    f = Findings()
    for path in sources(".c", ".h", rooms=("lib", "daemon", "client", "tools", "include", "tests")):
        lines = path.read_text().splitlines()
        f.looked += 1
        if len(lines) > FILE_LINES:
            f.add(path, len(lines), f"{len(lines)} lines: is there a room missing?")
        start = None
        for n, line in enumerate(lines, 1):
            if line.endswith("{") and re.match(r"[A-Za-z_].*\)\s*\{$", line):
                start = n
            elif line == "}" and start:
                if n - start > FUNCTION_LINES:
                    f.add(path, start, f"a function of {n - start} lines")
                start = None
    return f.done("sizes")


def layout():
    tool = shutil.which("clang-format-14")
    if not tool:
        print("SKIP: clang-format-14 is not installed")
        return SKIP
    f = Findings()
    files = [p for p in sources(".c", ".h", rooms=("lib", "daemon", "client", "tools", "include", "tests"))]
    f.looked = len(files)
    r = subprocess.run([tool, "--dry-run", "--style=file", *files], cwd=ROOT, capture_output=True,
                       text=True)
    for m in re.finditer(r"^(\S+?):(\d+):\d+: warning", r.stderr, re.M):
        f.add(pathlib.Path(m[1]), int(m[2]), "clang-format would change this")
    return f.done("format")


def shell():
    tool = shutil.which("shellcheck")
    if not tool:
        print("SKIP: shellcheck is not installed")
        return SKIP
    f = Findings()
    files = [p for p in [*(ROOT / "ci").iterdir(), ROOT / ".ci" / "run", *(ROOT / "tests").rglob("*")]
             if p.is_file() and re.match(rb"#!.*\b(ba)?sh\b", p.read_bytes()[:64])]
    f.looked = len(files)
    r = subprocess.run([tool, "-x", *files], capture_output=True, text=True)
    if r.returncode:
        f.add(files[0], 0, r.stdout)
    return f.done("shell")


def options():
    f = Findings()
    for variable, source in (("IMA_REPLAYD", "daemon/replayd.c"), ("IMA_REPLAYCTL", "client/ctl.c")):
        text = (ROOT / source).read_text()
        known = set(re.findall(r'\{ "([a-z-]+)", (?:no|required|optional)_argument', text))
        shown = set(re.findall(r"--([a-z][a-z-]+)", subprocess.run(
            [os.environ[variable], "--help"], capture_output=True, text=True, check=True).stdout))
        man = ROOT / "man" / (pathlib.Path(os.environ[variable]).name + ".scd")
        f.looked += len(known)
        for name in sorted(known ^ shown):
            f.add(ROOT / source, 1, f"--{name} is {'not in --help' if name in known else 'only in --help'}")
        in_man = {m for p in (ROOT / "man").glob(man.stem + ".*.scd")
                  for m in re.findall(r"\\?-\\?-([a-z][a-z-]+)", p.read_text())}
        for name in sorted(known - in_man):
            f.add(ROOT / source, 1, f"--{name} is not in the man page")
        completion = ROOT / "dist" / "completion" / (man.stem + ".bash")
        completed = set(re.findall(r"--([a-z][a-z-]+)", completion.read_text()))
        for name in sorted(known - completed):
            f.add(completion, 1, f"--{name} is not completed")
    return f.done("options")


CHECKS = {"layers": layers, "headers": headers, "purity": purity, "banned": banned, "sizes": sizes,
          "format": layout, "shell": shell, "options": options}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(CHECKS[sys.argv[1]]())
