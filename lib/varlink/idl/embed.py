#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""embed.py OUT NAME=FILE...: the files as C strings `const char NAME[]`."""
import sys


def literal(line):
    text = "".join(c if " " <= c <= "~" and c not in '"\\?' else "".join(f"\\{b:03o}" for b in c.encode())
                   for c in line)
    return f'        "{text}"\n'


with open(sys.argv[1], "w", encoding="ascii") as out:
    out.write('/* Made by embed.py. */\n#include "varlink/idl.h"\n')
    for name, path in (arg.split("=", 1) for arg in sys.argv[2:]):
        with open(path, encoding="utf-8") as f:
            out.write(f"\nconst char {name}[] =\n{''.join(map(literal, f))};\n")
