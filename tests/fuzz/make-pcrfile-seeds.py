#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the seeds of fuzz-pcrfile into DIR; with --check compare them with what is there."""
import pathlib
import sys

SIZES = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64, "sm3_256": 32}


def value(bank, n):
    return bytes((n * 7 + i) % 256 for i in range(SIZES[bank]))


def pcrread(banks, pcrs):
    return "".join(f"  {b}:\n" + "".join(f"    {p:<2}: 0x{value(b, p).hex().upper()}\n" for p in pcrs)
                   for b in banks)


def evmctl(bank, pcrs):
    return "".join(f"PCR-{p:02d}: {value(bank, p).hex(' ').upper()}\n" for p in pcrs)


def seeds():
    yield "empty", ""
    yield "tpm2-one", pcrread(["sha256"], [10])
    yield "tpm2-all", pcrread(["sha1", "sha256", "sha384", "sha512"], range(24))
    yield "tpm2-bare-bank", "  sha1:\n" + pcrread(["sha256"], [10])
    yield "tpm2-sm3", pcrread(["sm3_256"], [10])
    yield "no-newline", pcrread(["sha256"], [10])[:-1]
    yield "crlf", pcrread(["sha256"], [10]).replace("\n", "\r\n")
    for bank in ("sha1", "sha256", "sha384", "sha512"):
        yield f"evmctl-{bank}", evmctl(bank, range(24))
    yield "twice", pcrread(["sha256"], [10]) * 2
    yield "same-pcr-twice", pcrread(["sha256"], [10, 10])
    yield "pcr-24", pcrread(["sha256"], [23]).replace("23", "24")
    yield "odd-digits", "sha256:\n  10: 0x123\n"
    yield "not-hex", "sha256:\n  10: 0xgg\n"
    yield "too-long", "sha256:\n  10: 0x" + "00" * 80 + "\n"
    yield "wrong-width", "sha256:\n  10: 0x" + "00" * 20 + "\n"
    yield "unknown-bank", "md5:\n  10: 0x00\n"
    yield "no-bank", "10: 0x00\n"
    yield "no-colon", "sha256\n"
    yield "nul", "sha256:\n  10: 0x00\0\n"
    yield "binary", "\x7fELF\x02\x01\x01\0\xff"


def main():
    check = sys.argv[1:2] == ["--check"]
    top = pathlib.Path(sys.argv[-1])
    wanted = {name: text.encode("latin-1") for name, text in seeds()}
    if not check:
        for name, data in wanted.items():
            (top / name).write_bytes(data)
        return 0
    wrong = [n for n, d in wanted.items() if not (top / n).is_file() or (top / n).read_bytes() != d]
    print(f"{len(wanted)} seeds, {len(wrong)} differ", *wrong)
    return 1 if wrong or len(wanted) < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
