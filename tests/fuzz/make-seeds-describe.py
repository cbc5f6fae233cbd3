#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the seeds of fuzz-describe.

    make-seeds-describe.py [--check] DIRECTORY

Each seed is a byte of flags, the length of the template's name, the name, template data
(fuzz-describe.c). With --check nothing is written; the exit status says whether all seeds are there
as this script makes them. Other files in the directory (inputs that once broke something) are left
alone.
"""
import pathlib
import struct
import sys

LITTLE, BIG = "<", ">"
VIOLATION, IMA, MD5 = 2, 4, 8
DER = b"0\x03DER"
LONG_DER = b"0\x81\x80" + bytes(128)
SIG = b"\3\2\4\xc1\xc8\x06\x3a\0\2ab"
SIG_V1 = b"\3\1\x44\x33\x22\x11\0\1KEYIDKEY\1\0\x10ab"
SIG_V3 = b"\6\3\6\xc1\xc8\x06\x3a\0\2ab"
EVM_SIG = b"\5\2\4\xc1\xc8\x06\x3a\0\2ab"
ALL = "d|n|d-ng|d-ngv2|n-ng|sig|buf|d-modsig|modsig|evmsig|iuid|igid|imode|xattrnames|xattrlengths"


def digest(name, n=32):
    return name + b":\0" + bytes(range(n))


def seed(order, template, *fields, flags=0):
    data = b"".join(struct.pack(order + "I", len(f)) + f for f in fields)
    return head(flags | (order == BIG), template) + data


def head(flags, template):
    name = template.encode()
    return bytes([flags, len(name)]) + name


def buf(order, event, data):
    return seed(order, "ima-buf", digest(b"sha256"), event + b"\0", data)


def evm(order, uid, mode):
    return seed(order, "evm-sig", digest(b"sha512", 64), b"/x\0", EVM_SIG,
                b"security.ima|user.x\0", struct.pack(order + "II", 1, 2), b"abc", uid, uid, mode)


def seeds():
    yield "empty", b""
    yield "no-data", head(0, "ima-ng")
    yield "unknown", head(0, "xyz") + b"anything"
    yield "ima", head(IMA, "") + bytes(range(20)) + b"\x02\0\0\0/x"
    yield "ima-md5", head(IMA | MD5, "") + bytes(range(16)) + b"\x02\0\0\0/x"
    yield "ima-violation", head(IMA | VIOLATION, "") + bytes(20) + b"\x02\0\0\0/x"
    for label, order in (("le", LITTLE), ("be", BIG)):
        yield f"ng-{label}", seed(order, "ima-ng", digest(b"sha256"), b"/x\0")
        yield f"ng-old-violation-{label}", seed(order, "ima-ng", b"sha256:\0" + bytes(20), b"/x\0",
                                                flags=VIOLATION)
        yield f"ng-new-hash-{label}", seed(order, "ima-ng", digest(b"what", 9), b"/x\0")
        yield f"ngv2-{label}", seed(order, "ima-ngv2", digest(b"verity:sha256"), b"/x\0")
        yield f"sigv2-{label}", seed(order, "ima-sigv2", digest(b"ima:sha1", 20), b"/x\0", SIG_V3)
        for name, sig in (("", b""), ("v1", SIG_V1), ("v2", SIG), ("short", SIG[:-1]),
                          ("digest", b"\1" + bytes(20)), ("digest-ng", b"\4\4" + bytes(32)),
                          ("hmac", b"\2" + bytes(20)), ("type", b"\7ab")):
            yield f"sig-{name}-{label}", seed(order, "ima-sig", digest(b"sha1", 20), b"/x\0", sig)
        yield f"modsig-{label}", seed(order, "ima-modsig", digest(b"sha256"), b"/x.ko\0", SIG,
                                      digest(b"sha512", 64), LONG_DER)
        yield f"evm-{label}", evm(order, bytes(4), bytes(2))
        yield f"evm-bad-{label}", evm(order, bytes(3), bytes(4))
        yield f"buf-text-{label}", buf(order, b"kernel_version", b"6.12")
        yield f"buf-text-der-{label}", buf(order, b"kexec-cmdline", LONG_DER)
        yield f"buf-key-{label}", buf(order, b".ima", DER)
        yield f"buf-key-long-{label}", buf(order, b".ima", b"0\x82\1\0" + bytes(256))
        yield f"buf-key-bad-{label}", buf(order, b".ima", DER[:-1])
        yield f"buf-hash-{label}", buf(order, b"selinux-policy-hash", bytes(32))
        yield f"buf-unknown-{label}", buf(order, b"_uid.0", b"abc")
        yield f"all-{label}", seed(order, ALL, bytes(20), b"/x\0", digest(b"sha256"),
                                   digest(b"ima:sha256"), b"/x\0", SIG, b"", digest(b"sha256"),
                                   DER, EVM_SIG, bytes(4), bytes(4), bytes(2), b"a|b\0", bytes(8))
        yield f"cut-{label}", seed(order, "n-ng|iuid", b"/x\0")
        yield f"behind-{label}", seed(order, "n-ng", b"/x\0") + b"y"
        yield f"length-{label}", head(order == BIG, "n-ng") + b"\xff\xff\xff\xff/x\0"


def main():
    check = sys.argv[1:2] == ["--check"]
    directory = pathlib.Path(sys.argv[-1])
    bad = 0
    n = 0

    for name, data in seeds():
        n += 1
        path = directory / name
        if not check:
            directory.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        elif not path.is_file() or path.read_bytes() != data:
            print(f"{path}: is not as made")
            bad += 1
    print(f"{n} seeds")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
