#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the seeds of fuzz-ascii into DIR; with --check compare them with what is there.

Made from the captured binary lists, printed as the kernel prints them (ima_fs.c,
ima_ascii_measurements_show()): a few records of each template, then what goes wrong with lines.
"""
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "lib"))
import replay  # noqa: E402

LISTS = TOP / "data" / "lists"
TEMPLATES = ("ima-ng", "ima-sig", "ima-ngv2", "ima-sigv2", "ima-buf", "ima")


def digest_field(data):
    label, _, digest = data.partition(b"\0")
    return label + digest.hex().encode()


def shown(rec):
    """The fields of a record as text; only templates that are plain."""
    if rec.template == "ima":
        return rec.data[:20].hex().encode() + b" " + rec.data[24:]
    f = replay.fields(rec)
    parts = [digest_field(f[0]), f[1].rstrip(b"\0"), *(x.hex().encode() for x in f[2:])]
    return b" ".join(parts)


def line(rec):
    return b"%2d %s %s %s\n" % (rec.pcr, rec.digest.hex().encode(), rec.template.encode(), shown(rec))


def seeds():
    recs = list(replay.parse((LISTS / "k7.3-bypass-templates.bin").read_bytes()))
    for t in TEMPLATES:
        some = [r for r in recs if r.template == t][:3]
        yield t, b"".join(map(line, some))
    whole = b"".join(line(r) for r in recs if r.template in TEMPLATES)
    yield "mixed", whole[:4000]
    one = line(recs[0])
    yield "empty", b""
    yield "cut-digest", one[:20]
    yield "cut-name", one[:-4]
    yield "two-and-a-half", one * 2 + one[:60]
    yield "altered", one.replace(b"boot", b"b00t")
    yield "newline-in-name", one.replace(b"boot_aggregate", b"boot\naggregate")
    yield "violation", one[:3] + b"0" * 40 + one[43:]
    yield "pcr-64", b"64" + one[2:]
    yield "upper-case", one.upper()
    yield "no-template", one[:44]
    yield "spaces", one.replace(b" ", b"  ")
    yield "crlf", one.replace(b"\n", b"\r\n")
    yield "custom-format", one.replace(b"ima-sig", b"d-ng|n-ng|sig")
    yield "unknown-template", one.replace(b"ima-sig", b"ima-new")
    yield "nul", one[:50] + b"\0" + one[50:]


def main():
    check = sys.argv[1:2] == ["--check"]
    top = pathlib.Path(sys.argv[-1])
    wanted = dict(seeds())
    if not check:
        for name, data in wanted.items():
            (top / name).write_bytes(data)
        return 0
    wrong = [n for n, d in wanted.items() if not (top / n).is_file() or (top / n).read_bytes() != d]
    print(f"{len(wanted)} seeds, {len(wrong)} differ", *wrong)
    return 1 if wrong or len(wanted) < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
