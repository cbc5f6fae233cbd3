#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""exports.py NM LIBRARY SYM HEADER: the library exports what its version script and its header name.

Nothing more: a symbol of lib/core or of OpenSSL that leaks is one that others could come to need.
"""
import re
import subprocess
import sys


def read(path):
    """The text of a C-like file without its comments."""
    with open(path, encoding="utf-8") as f:
        return re.sub(r"/\*.*?\*/", " ", f.read(), flags=re.S)


def exported(nm, library):
    """(functions, version nodes, anything else) that a program can link."""
    rows = subprocess.run([nm, "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    functions, nodes, others = set(), set(), set()
    for row in rows.splitlines():
        kind, name = row.split()[-2:]
        name = name.split("@")[0]
        (functions if kind == "T" else nodes if kind == "A" else others).add(name)
    return functions, nodes, others


def main():
    nm, library, sym, header = sys.argv[1:]
    functions, nodes, others = exported(nm, library)
    script = read(sym)
    want = set(re.findall(r"(\w+);", script))
    failed = 0
    for what, got, should in (
        ("functions exported, against the version script", functions, want),
        ("functions exported, against the header", functions, set(re.findall(r"(\w+)\(", read(header)))),
        ("version nodes", nodes, set(re.findall(r"(\w[\w.]*)\s*\{", script))),
        ("other symbols", others, set()),
        ("names without imr_", {f for f in functions if not f.startswith("imr_")}, set()),
    ):
        if got != should:
            failed += 1
            print(f"FAILED: {what}: too many {sorted(got - should)}, missing {sorted(should - got)}")
    print(f"{len(functions)} functions, {failed} checks failed")
    sys.exit(1 if failed or not functions else 0)


if __name__ == "__main__":
    main()
