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
settings the man pages and the completion say of each setting what the program itself says
catalog  each fact has an id of its own and an entry in the journal's catalog, and no other has
units    systemd-analyze has nothing to say, and calls them safe
serve    the program that parses what clients say has no way to a TPM (rule I11)
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tempfile

ROOT = pathlib.Path(os.environ.get("MESON_SOURCE_ROOT", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("MESON_BUILD_ROOT", ROOT / "build"))
SKIP = 77

# Which rooms a room may include, besides itself.
MAY_INCLUDE = {
    "base": set(),
    "core": {"base"},
    "tpm": {"base", "core"},
    "os": {"base", "core"},
    "varlink": {"base", "os"},
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
EXPOSURE_MAX = 10          # tenths, as systemd-analyze wants it
FILE_LINES = 520
FUNCTION_LINES = 65
BANNED = {
    r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca|system|popen|tmpnam)\s*\(":
        "unbounded, or runs a shell",
    r"\b(sleep|usleep|nanosleep)\s*\(": "wait for the event instead",
    r"\b(TODO|FIXME|XXX)\b": "finish it, or open an issue",
    r"return -errno\b|error_origin\(-errno\)": "negative_errno(), of which analysers know that it is no success",
    r"(?<![:\"])//": "comments are /* */",
}
# What the pure rooms may call outside themselves.
PURE_CALLS = re.compile(
    r"^(EVP_|CRYPTO_memcmp$|OSSL_|mem(cpy|set|cmp|chr|move)$|__mem\w+_chk$|str(len|cmp|ncmp|chr)$|malloc$|"
    r"calloc$|free$|qsort$|snprintf$|__snprintf_chk$|__assert_fail$|__stack_chk_fail$|_GLOBAL_OFFSET_TABLE_$|"
    r"__(asan|ubsan|sanitizer|gcov|llvm)_|bytes_|builder_|error_pass$|hex_|base64_|escape_)")
LIBRARY_NAMES = "age|anchor|lag|mark|past|repair|on|status|digest|hasher|hashers|mlist|mode|replay|search|template|verify|plan|step|chain|cel|gate|advice|kmsg|describe|violation|mismatch|firmware|near|place|places|render"


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
    for name in ("libcore.a", "libgate.a", "libplan.a"):
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
    files = [p for p in [*(ROOT / "ci").iterdir(), ROOT / ".ci" / "run", *(ROOT / "dist" / "init").iterdir(), *(ROOT / "tests").rglob("*")]
             if p.is_file() and re.match(rb"#!.*\b(ba)?sh\b", p.read_bytes()[:64])]
    f.looked = len(files)
    r = subprocess.run([tool, "-x", *files], capture_output=True, text=True)
    if r.returncode:
        f.add(files[0], 0, r.stdout)
    return f.done("shell")


def options():
    f = Findings()
    for variable, source in (("IMA_REPLAYD", "daemon/replayd.c"), ("IMA_REPLAYCTL", "client/options.c"),
                             ("IMA_REPLAY_SERVE", "daemon/serve.c")):
        text = (ROOT / source).read_text()
        known = set(re.findall(r'\{ "([a-z-]+)", (?:no|required|optional)_argument', text))
        if variable == "IMA_REPLAYD":
            known |= {option for _, option, *_ in settings_of_program()}
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
        if variable == "IMA_REPLAY_SERVE":
            continue        # nobody types its name
        completion = ROOT / "dist" / "completion" / (man.stem + ".bash")
        completed = set(re.findall(r"--([a-z][a-z-]+)", completion.read_text()))
        for name in sorted(known - completed):
            f.add(completion, 1, f"--{name} is not completed")
    return f.done("options")


def settings_of_program():
    """Each setting as --help prints it, from the table: key, option, values, text."""
    def out(*options):
        return subprocess.run([os.environ["IMA_REPLAYD"], *options], capture_output=True, text=True,
                              check=True).stdout
    with tempfile.TemporaryDirectory() as empty:
        keys = re.findall(r"^(\w+)=", out("--show-config", f"--root={empty}"), re.M)
    help_text = out("--help")
    for key in keys:
        option = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", key).lower()
        m = re.search(rf"^  --{option}=(\S+)\s+((?:.+\n(?! {{0,2}}\S))*.+)", help_text, re.M)
        yield key, option, m[1] if m else "", " ".join(m[2].split()) if m else ""


def settings():
    f = Findings()
    pages = {}
    for name, before in (("ima-replayd.8", "--"), ("ima-replayd.conf.5", "")):
        path = ROOT / "man" / f"{name}.scd"
        section = re.search(r"^# SETTINGS\n(.*?)(?=^# )", path.read_text(), re.M | re.S)
        # Without markup: *bold*, _underlined_, backslashes.
        plain = re.sub(r"(?<!\\)[*_]|\\", "", section[1] if section else "")
        pages[path] = before, [e for e in re.split(r"\n\n(?!\t)", plain) if "\n\t" in e]
    completion = ROOT / "dist" / "completion" / "ima-replayd.bash"
    completed = completion.read_text()
    rows = list(settings_of_program())
    for key, option, values, text in rows:
        f.looked += 1
        if not text.endswith("."):
            f.add(ROOT / "daemon/settings.c", 1, f"{key}: --help has no sentence for it")
        for path, (before, entries) in pages.items():
            head = f"{before}{option if before else key}={values}"
            if not any(" ".join(e.split("\n\n")[0].split()) == f"{head} {text}" for e in entries):
                f.add(path, 1, f"SETTINGS: does not begin as --help: {head} {text}")
        words = " ".join(v for v in values.split("|") if not v.isupper())
        if words and f"--{option}) options='{words}' ;;" not in completed:
            f.add(completion, 1, f"--{option}= is not completed to {words}")
    for path, (_, entries) in pages.items():
        if len(entries) != len(rows):
            f.add(path, 1, f"SETTINGS: {len(entries)} entries for {len(rows)} settings")
    return f.done("settings")


def catalog():
    f = Findings()
    header, code = ROOT / "lib/os/fact.h", ROOT / "lib/os/fact.c"
    entries = ROOT / "systemd/ima-replay.catalog"
    facts = re.findall(r"^\s+(FACT_[A-Z_]+),", without_comments(header.read_text()), re.M)
    ids = re.findall(r'^\s+\[(FACT_\w+)\] = "([^"]*)"', code.read_text(), re.M)
    # The comment above an entry names its fact; then the id, headers, a blank line, sentences.
    parts = re.split(r"^# (FACT_\w+)\n-- (\S+)\n", entries.read_text(), flags=re.M)
    told = list(zip(parts[1::3], parts[2::3]))
    f.looked = len(facts)
    for path, pairs in ((code, ids), (entries, told)):
        names, numbers = [p[0] for p in pairs], [p[1] for p in pairs]
        for name in sorted(set(facts) ^ set(names)):
            f.add(path, 1, f"{name} is {'missing' if name in facts else 'no fact'}")
        for twice in sorted({x for x in names + numbers if (names + numbers).count(x) > 1}):
            f.add(path, 1, f"{twice} is there more than once")
        for number in numbers:
            if not re.fullmatch(r"[0-9a-f]{32}", number):
                f.add(path, 1, f"{number} is no id")
    for name, number in sorted(set(ids) ^ set(told)):
        f.add(entries, 1, f"{name} {number} is only {'in the code' if (name, number) in ids else 'here'}")
    if len(told) != len(re.findall(r"^-- ", entries.read_text(), re.M)):
        f.add(entries, 1, "an entry has no name above it")
    for (name, _), text in zip(told, parts[3::3]):
        if not re.match(r"Subject: \S.*\nDefined-By: ima-replay\nDocumentation: man:\S+\(\d\)\n\n\S", text):
            f.add(entries, 1, f"{name}: headers or text are not as they should be")
    return f.done("catalog")


OWN_MEMORY = 32 << 20     # of a program

# Each unit but the target and drop-ins: a socket whose service may not start is asked again and again.
UNIT_CONDITIONS = ["ConditionSecurity=ima", "ConditionKernelCommandLine=!ima_replay=no",
                   "ConditionVirtualization=!container"]


def memory(f):
    """What is not the programs' own counts as theirs: the spool, twice while its files are replaced, and files of OpenList."""
    for unit, header, name, times in (("ima-replayd", "lib/os/spool.h", "SPOOL_MAX_DEFAULT", 2),
                                      ("ima-replay-serve", "daemon/serve-files.h", "SERVE_FILES_SIZE", 1)):
        path = ROOT / f"systemd/{unit}.service.in"
        n, shift = map(int, re.search(rf"{name}\s+\(UINT64_C\((\d+)\) << (\d+)\)", (ROOT / header).read_text()).groups())
        m = re.search(r"^MemoryMax=(\d+)M$", path.read_text(), re.M)
        if not m or int(m[1]) << 20 < times * (n << shift) + OWN_MEMORY:
            f.add(path, 1, f"MemoryMax= has no room for {name}")


def units():
    """systemd-analyze has nothing to say of the units, and calls them safe."""
    if not shutil.which("systemd-analyze"):
        print("units: systemd-analyze is not installed")
        return SKIP
    f = Findings()
    memory(f)
    with tempfile.TemporaryDirectory() as top:
        top = pathlib.Path(top)
        # verify wants programs to be there; what they do is not its matter.
        programs = top / "programs"
        programs.mkdir()
        for name in ("ima-replayd", "ima-replay-serve", "ima-replayctl"):
            shutil.copy(os.environ["IMA_REPLAYD"], programs / name)
        for path in sorted((ROOT / "systemd").iterdir()):
            name = path.name.removesuffix(".in")
            if name.endswith((".service", ".target", ".socket")):
                text = re.sub("@(SBINDIR|BINDIR|PKGLIBEXECDIR)@", str(programs), path.read_text())
                (top / name).write_text(text)
                for line in UNIT_CONDITIONS:
                    if not name.endswith(".target") and line not in text.splitlines():
                        f.add(path, 1, f"not as the others: {line}")
                for word in re.findall(r"@\w+@", text):
                    f.add(path, 1, f"{word} is not known here")
        units = sorted(p for p in top.iterdir() if p.is_file())
        f.looked = len(units)
        said = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
        for line in (said.stdout + said.stderr).splitlines():
            if "ima-replay" in line:
                f.add(ROOT / "systemd", 1, line)
        for unit in units:
            if unit.suffix == ".service" and subprocess.run(
                    ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", unit],
                    capture_output=True).returncode != 0:
                f.add(ROOT / "systemd" / unit.name, 1, f"exposure is above {EXPOSURE_MAX / 10}")
    return f.done("units")


def serve():
    """Neither its code nor what it is linked with knows a TPM, the plan or the extender."""
    f = Findings()
    todo = sorted((ROOT / "daemon").glob("serve*.c"))
    seen = {}           # header or file: who includes it
    while todo:
        path = todo.pop()
        f.looked += 1
        for n, line in enumerate(path.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
            if m and re.match(r"tss2/|tpm/|daemon/extender|daemon/run", m[2]):
                f.add(path, n, f"ima-replay-serve must not include {m[2]}")
            inner = [p for p in (ROOT / "lib" / m[2], ROOT / m[2]) if p.exists()] if m and m[1] == '"' else []
            for p in inner[:1]:
                if p not in seen:
                    seen[p] = path
                    todo += [p] + ([p.with_suffix(".c")] if p.with_suffix(".c").exists() else [])
    program = os.environ["IMA_REPLAY_SERVE"]
    needed = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout
    symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"NEEDED.*\[(\S*(?:tss2|tcti|tpms)\S*)\]", needed):
        f.add(ROOT / "daemon/meson.build", 1, f"ima-replay-serve is linked with {library}")
    for name in re.findall(r" [TtU] ((?:tpm_|guard_|cas_|extender_|Tss2_|plan_next|step_extend)\w*)$", symbols, re.M):
        f.add(ROOT / "daemon/meson.build", 1, f"ima-replay-serve has {name}()")
    return f.done("serve")


CHECKS = {"layers": layers, "headers": headers, "purity": purity, "banned": banned, "sizes": sizes,
          "format": layout, "shell": shell, "options": options, "settings": settings,
          "catalog": catalog, "units": units, "serve": serve}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(CHECKS[sys.argv[1]]())
