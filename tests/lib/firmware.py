# SPDX-License-Identifier: BSD-2-Clause
"""Make firmware event logs (TCG PC Client Platform Firmware Profile 1.06, 10.2), and replay them.

Shares no code with lib/core/firmware.c.
"""
import hashlib
import struct

IDS = {"sha1": 0x0004, "sha256": 0x000b, "sha384": 0x000c, "sha512": 0x000d}
NO_ACTION, SEPARATOR, ACTION, IPL = 3, 4, 5, 13


def size(alg):
    return hashlib.new(alg).digest_size


def legacy(pcr, kind, data, digest=None):
    """TCG_PCClientPCREvent"""
    if digest is None:
        digest = bytes(20) if kind == NO_ACTION else hashlib.sha1(data).digest()
    return struct.pack("<II", pcr, kind) + digest + struct.pack("<I", len(data)) + data


def spec(algs, signature=b"Spec ID Event03\0", vendor=b"", sizes=None):
    """TCG_EfiSpecIDEvent for {name: id} algorithms"""
    data = signature + struct.pack("<IBBBB", 0, 0, 2, 106, 2) + struct.pack("<I", len(algs))
    for a in algs:
        data += struct.pack("<HH", IDS.get(a, 0x7777), (sizes or {}).get(a, size(a) if a in IDS else 24))
    return data + struct.pack("<B", len(vendor)) + vendor


def agile(pcr, kind, data, algs):
    """TCG_PCR_EVENT2"""
    out = struct.pack("<III", pcr, kind, len(algs))
    for a in algs:
        out += struct.pack("<H", IDS.get(a, 0x7777))
        n = size(a) if a in IDS else 24
        out += bytes(n) if kind == NO_ACTION or a not in IDS else hashlib.new(a, data).digest()
    return out + struct.pack("<I", len(data)) + data


def log(events, algs=None, vendor=b""):
    """(pcr, type, data) rows as a crypto-agile log of these algorithms, or SHA-1 only without."""
    if not algs:
        return b"".join(legacy(*e) for e in events)
    return legacy(0, NO_ACTION, spec(algs, vendor=vendor)) + b"".join(agile(*e, algs) for e in events)


def replay(events, alg):
    """{pcr: value} of rows."""
    pcrs = {n: (b"\xff" if 17 <= n <= 22 else b"\0") * size(alg) for n in range(24)}
    for pcr, kind, data in events:
        if kind == NO_ACTION:
            if pcr == 0 and data.startswith(b"StartupLocality\0"):
                pcrs[0] = bytes(size(alg) - 1) + data[16:17]
            continue
        pcrs[pcr] = hashlib.new(alg, pcrs[pcr] + hashlib.new(alg, data).digest()).digest()
    return pcrs


def sample(main=None):
    """Events of a boot; with `main` two in that PCR."""
    rows = [(0, NO_ACTION, b"StartupLocality\0\3"), (0, ACTION, b"S-CRTM"), (1, ACTION, b"x" * 300), (7, ACTION, b""),
            (4, ACTION, b"boot"), (18, ACTION, b"drtm"), (2, SEPARATOR, bytes(4))]
    return rows + ([(main, IPL, b"grub\0"), (main, IPL, b"kernel\0")] if main is not None else [])
