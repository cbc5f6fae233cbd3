#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Replay an IMA binary measurement list into virtual PCRs and print JSON.

Written straight from the record format, on purpose without any code of the
project, so that both can be compared.  It is slow and simple; for every record
it does what a kernel with a TPM does:

  record    u32 pcr, digest[D], u32 name_len, name, then the template data
  'ima'     digest[20, or 16 for md5], u32 n_len, name   (no length in front)
  others    u32 data_len, data = { u32 field_len, field }...
  violation list digest of zeros  -> every bank is extended with 0xff bytes
  bank      PCR = H(PCR || H(template data)); 'ima' hashes digest || name
            padded with zeros to 256 bytes
  padded    a bank the kernel cannot hash gets the SHA-1 digest and zeros

Exit status: 0 good, 1 the list is malformed or cut, 4 --pcrs does not match.
"""
import argparse
import hashlib
import json
import struct
import sys

ALGS = ("sha1", "sha256", "sha384", "sha512")
NAME_MAX_HASHED = 256


class Malformed(Exception):
    pass


class Record:
    __slots__ = ("pcr", "digest", "template", "data", "hashed", "start", "end")


class Reader:
    def __init__(self, buf, order):
        self.buf, self.at, self.order = buf, 0, order

    def take(self, n):
        if n > len(self.buf) - self.at:
            raise Malformed(f"offset {self.at}: {n} bytes wanted, {len(self.buf) - self.at} left")
        self.at += n
        return self.buf[self.at - n:self.at]

    def u32(self):
        return struct.unpack(self.order + "I", self.take(4))[0]


def ima_template(r, digest, first_hash):
    """The old template has no length: try a 20 byte digest, then 16 (md5)."""
    at = r.at
    tries = []
    for size in (20, 16):
        r.at = at
        try:
            d, n = r.take(size), r.take(r.u32())
        except Malformed:
            continue
        if len(n) > 255:
            continue
        hashed = d + n + bytes(NAME_MAX_HASHED - len(n))
        tries.append((d, n, hashed, r.at))
        if hashlib.new(first_hash, hashed).digest() == digest:
            break
    else:
        if not tries:
            raise Malformed(f"offset {at}: no 'ima' record")
        tries = tries[:1]               # a violation has no digest to check
    d, n, hashed, r.at = tries[-1]
    return d + struct.pack("<I", len(n)) + n, hashed


def parse(buf, order="<", digest_size=20):
    """Yield the records of a list whose digests are digest_size bytes long."""
    first_hash = {20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}[digest_size]
    r = Reader(buf, order)
    while r.at < len(buf):
        rec = Record()
        rec.start = r.at
        rec.pcr = r.u32()
        rec.digest = r.take(digest_size)
        n = r.u32()
        if not 0 < n <= 512:
            raise Malformed(f"offset {rec.start}: template name of {n} bytes")
        rec.template = r.take(n).decode("latin-1")
        if rec.template == "ima":
            rec.data, rec.hashed = ima_template(r, rec.digest, first_hash)
        else:
            rec.data = rec.hashed = r.take(r.u32())
            f = Reader(rec.data, order)
            while f.at < len(rec.data):
                f.take(f.u32())
        rec.end = r.at
        yield rec


def fields(rec, order="<"):
    """The fields of a record (not of an 'ima' one)."""
    f, out = Reader(rec.data, order), []
    while f.at < len(rec.data):
        out.append(f.take(f.u32()))
    return out


def violation(rec):
    return not any(rec.digest)


def extend_digest(rec, alg, padded=False):
    size = hashlib.new(alg).digest_size
    if violation(rec):
        return b"\xff" * size
    if padded:
        return hashlib.sha1(rec.hashed).digest() + bytes(size - 20)
    return hashlib.new(alg, rec.hashed).digest()


def walk(records, alg, padded=False):
    """Yield (index, pcr, value) after each record; values start at zeros."""
    pcrs = {}
    size = hashlib.new(alg).digest_size
    for i, rec in enumerate(records):
        old = pcrs.get(rec.pcr, bytes(size))
        pcrs[rec.pcr] = hashlib.new(alg, old + extend_digest(rec, alg, padded)).digest()
        yield i, rec.pcr, pcrs[rec.pcr]


def replay(records, alg, padded=False):
    return {p: v.hex() for _, p, v in walk(records, alg, padded)}


def prefix_of(records, alg, pcr, value, padded=False):
    """How many records are in the PCR: the least k with V(k) == value, or None."""
    value = value.lower()
    if not int(value, 16):
        return 0
    for i, p, v in walk(records, alg, padded):
        if p == pcr and v.hex() == value:
            return i + 1
    return None


def summary(records, algs=ALGS):
    templates, counts = {}, {}
    for rec in records:
        templates[rec.template] = templates.get(rec.template, 0) + 1
        counts[str(rec.pcr)] = counts.get(str(rec.pcr), 0) + 1
    return {
        "records": len(records),
        "violations": sum(map(violation, records)),
        "templates": templates,
        "pcr_counts": counts,
        "replay": {a: {str(p): v for p, v in replay(records, a).items()} for a in algs},
    }


def main():
    ap = argparse.ArgumentParser(description="replay an IMA measurement list")
    ap.add_argument("list")
    ap.add_argument("--big-endian", action="store_true")
    ap.add_argument("--digest", default="sha1", help="hash of the list's own digests (default sha1)")
    ap.add_argument("--bank", action="append", help="bank to replay (default sha1 sha256 sha384 sha512)")
    ap.add_argument("--padded", action="append", default=[], help="bank that gets the padded SHA-1 digest")
    ap.add_argument("--pcrs", help='JSON {"sha256":{"10":"<hex>"}} to compare with')
    a = ap.parse_args()
    order = ">" if a.big_endian else "<"
    try:
        with open(a.list, "rb") as f:
            recs = list(parse(f.read(), order, hashlib.new(a.digest).digest_size))
    except Malformed as e:
        print(f"replay: {e}", file=sys.stderr)
        return 1
    out = summary(recs, a.bank or ALGS)
    for b in a.padded:
        out["replay"][b] = {str(p): v for p, v in replay(recs, b, True).items()}
    json.dump(out, sys.stdout, indent=1)
    print()
    if a.pcrs:
        with open(a.pcrs) as f:
            want = json.load(f)
        bad = [(b, p) for b in want for p, v in want[b].items() if out["replay"].get(b, {}).get(p) != v.lower()]
        if bad or not recs or not want:
            print("replay: no match:", bad, file=sys.stderr)
            return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
