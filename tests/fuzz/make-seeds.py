#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the seeds of fuzz-mlist.

    make-seeds.py [--check] DIRECTORY

Each seed is one byte that chooses the algorithm (fuzz-mlist.c), then a list. With --check nothing
is written; the exit status says whether all seeds are there as this script makes them. Other files
in the directory (inputs that once broke something) are left alone.
"""
import hashlib
import pathlib
import struct
import sys

ALGS = ("sha1", "sha256", "sha384", "sha512", "sm3", "sha3_256", "sha3_384", "sha3_512")
LITTLE, BIG = "<", ">"


def u32(order, value):
    return struct.pack(order + "I", value & 0xffffffff)


def field(order, data):
    return u32(order, len(data)) + data


def d_ng(order, alg=b"sha256", digest=None):
    return field(order, alg + b":\0" + (hashlib.sha256(alg).digest() if digest is None else digest))


def n_ng(order, name):
    return field(order, name + b"\0")


def head(order, pcr, digest, name):
    return u32(order, pcr) + digest + field(order, name)


def record(order, name, data, alg=0, pcr=10, violation=False):
    digest = hashlib.new(ALGS[alg], data).digest()
    return head(order, pcr, bytes(len(digest)) if violation else digest, name) + field(order, data)


def ima(order, digest, name, alg=0, pcr=10):
    h = hashlib.new(ALGS[alg], digest + name.ljust(256, b"\0")).digest()
    return head(order, pcr, h, b"ima") + digest + field(order, name)


def ng(order, name=b"/usr/bin/true", **how):
    return record(order, b"ima-ng", d_ng(order) + n_ng(order, name), **how)


def boot(order, **how):
    data = d_ng(order, b"sha256", bytes(32)) + n_ng(order, b"boot_aggregate")
    return record(order, b"ima-ng", data, **how)


def seeds():
    yield "empty", 0, b""
    yield "one-byte", 0, b"\x0a"
    yield "zeros", 0, bytes(64)
    yield "ones", 0, b"\xff" * 64

    for label, order in (("le", LITTLE), ("be", BIG)):
        yield f"ng-{label}", 0, boot(order) + ng(order)
        yield f"violation-{label}", 0, boot(order) + ng(order, violation=True)
        yield f"ima-{label}", 0, ima(order, bytes(20), b"boot_aggregate") \
            + ima(order, bytes(range(20)), b"/x")
        yield f"ima-md5-{label}", 0, ima(order, bytes(16), b"boot_aggregate") \
            + ima(order, bytes(range(16)), b"/usr/bin/true") + ima(order, bytes(range(16)), b"a")
        yield f"templates-{label}", 0, boot(order) \
            + record(order, b"ima-sig", d_ng(order) + n_ng(order, b"/x") + field(order, b"\3\2")) \
            + record(order, b"ima-ngv2", d_ng(order, b"ima:sha256") + n_ng(order, b"/x")) \
            + record(order, b"ima-sigv2",
                     d_ng(order, b"verity:sha256") + n_ng(order, b"/x") + field(order, b"")) \
            + record(order, b"ima-buf",
                     d_ng(order) + n_ng(order, b"kernel_version") + field(order, b"6.12")) \
            + record(order, b"ima-modsig", d_ng(order) + n_ng(order, b"/x") + field(order, b"")
                     + d_ng(order) + field(order, b"0\x82")) \
            + record(order, b"evm-sig", d_ng(order) + n_ng(order, b"/x") + field(order, b"\5")
                     + field(order, b"a|b\0") + field(order, u32(order, 1) * 2)
                     + field(order, b"xy") + field(order, bytes(4)) + field(order, bytes(4))
                     + field(order, bytes(2))) \
            + record(order, b"n-ng|d-ng|imode|iuid",
                     n_ng(order, b"/x") + d_ng(order) + field(order, bytes(2))
                     + field(order, bytes(4))) \
            + record(order, b"d|n", field(order, bytes(20)) + field(order, b"/x\0"))
        yield f"name-4gib-{label}", 0, boot(order) + u32(order, 10) + b"\x11" * 20 \
            + u32(order, -1) + b"ima-ng"
        yield f"data-4gib-{label}", 0, boot(order) + head(order, 10, b"\x11" * 20, b"ima-ng") \
            + u32(order, -1) + b"data"
        yield f"ima-4gib-{label}", 0, boot(order) + head(order, 10, b"\x11" * 20, b"ima") \
            + b"\xff" * 24
        yield f"field-4gib-{label}", 0, boot(order) \
            + record(order, b"ima-ng", u32(order, -4) + n_ng(order, b"/x"))
        yield f"data-65536-{label}", 0, head(order, 10, b"\x11" * 20, b"ima-ng") \
            + u32(order, 65536) + bytes(256)

    for alg, name in enumerate(ALGS):
        yield f"list-{name}", alg, boot(LITTLE, alg=alg) + ng(LITTLE, alg=alg, violation=True) \
            + ima(LITTLE, bytes(range(20)), b"/x", alg=alg)

    whole = boot(LITTLE) + ng(LITTLE)
    first = len(boot(LITTLE))
    for at in (2, 4, 23, 27, 31, 35, 40, first - 1, first, first + 3, first + 25, len(whole) - 1):
        yield f"cut-{at:03}", 0, whole[:at]

    yield "order-changes", 0, boot(LITTLE) + ng(BIG)
    yield "order-changes-back", 0, boot(BIG) + ng(LITTLE)
    yield "pcr-0", 0, boot(LITTLE, pcr=0)
    yield "pcr-63", 0, boot(LITTLE) + ng(LITTLE, pcr=63)
    yield "pcr-64", 0, boot(LITTLE) + ng(LITTLE, pcr=64)
    yield "name-empty", 0, boot(LITTLE) + record(LITTLE, b"", b"")
    yield "name-255", 0, record(LITTLE, b"n" * 255, b"x")
    yield "name-256", 0, boot(LITTLE) + record(LITTLE, b"n" * 256, b"x")
    yield "name-unknown", 0, boot(LITTLE) + record(LITTLE, b"xyz", b"x") + ng(LITTLE)
    yield "name-ansi", 0, boot(LITTLE) + ng(LITTLE, b"\x1b[2J\n\xc2\x9b\xe2\x80\xae")
    yield "data-empty", 0, boot(LITTLE) + record(LITTLE, b"ima-ng", b"") + ng(LITTLE)
    yield "digest-wrong", 0, boot(LITTLE) + ng(LITTLE).replace(b"/usr/bin/true", b"/usr/bin/evil")
    yield "ima-names", 0, b"".join(
        ima(LITTLE, bytes(range(n)), b"e" * k) for n in (16, 20) for k in (0, 1, 2, 3, 4, 255))
    yield "ima-ambiguous", 0, ima(LITTLE, bytes(16) + b"\2\0\0\0", b"/x") \
        + ima(LITTLE, bytes(range(16)), b"\3\0\0\0abc") \
        + head(LITTLE, 10, b"\x77" * 20, b"ima") + bytes(16) + b"\2\0\0\0" + field(LITTLE, b"/x")
    yield "boot-aggregate-late", 0, record(
        LITTLE, b"ima-sig", d_ng(LITTLE, b"sha512", bytes(64))
        + n_ng(LITTLE, b"boot_aggregate_late") + field(LITTLE, b""))


def main():
    check = "--check" in sys.argv[1:]
    paths = [arg for arg in sys.argv[1:] if not arg.startswith("-")]
    if len(paths) != 1:
        sys.exit(__doc__)
    directory, wrong, n = pathlib.Path(paths[0]), 0, 0
    for name, alg, data in seeds():
        n += 1
        path, data = directory / name, bytes([alg]) + data
        if not check:
            path.write_bytes(data)
        elif not path.is_file() or path.read_bytes() != data:
            print(f"{path}: is not what make-seeds.py makes")
            wrong += 1
    print(f"{n} seeds")
    sys.exit(1 if wrong else 0)


main()
