#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""kernel-owns.py: unless record 0 and the kernel's files prove TPM-bypass, no PCR_Extend leaves ima-replayd at all.

Each command that reached the TPM is recorded below ima-replayd (by the TCTI
module libtpms:, or by swtpm's log where banks are missing), and the one that
must not be there is looked for, the harmless probe of TPM_RH_NULL included.
The same lists in the form of a kernel without a TPM are the control.
"""
import hashlib
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import replay  # noqa: E402
import world  # noqa: E402
from harness import by_name, check, check_exit, finish  # noqa: E402
from world import BANKS, Root, Swtpm, oneshot  # noqa: E402

PCR_EXTEND, PCR_READ, GET_CAPABILITY = 0x182, 0x17e, 0x17a
KERNEL_OWNED = ("arm64-ffa-kernel-owned-6.12", "arm64-ffa-late-sync-7.3", "k6.12-tpm-fmt-buf", "k6.12-tpm-pcrs", "k6.12-tpm-sha512",
                "k6.12-tpm-templates", "k7.3-tpm-ima-sha1", "k7.3-tpm-tcb", "own-tpm-kexec", "own-tpm-late-sync", "own-tpm-modsig")
SOME = hashlib.sha256(b"the PCRs 0 to 9").digest()
AS_BEFORE_6_10, SHA1_ONLY, ALL = (), ("sha1",), tuple(BANKS)


class Scene:
    def __init__(self, top):
        self.top, self.n = top, 0

    def path(self, name):
        self.n += 1
        return f"{self.top}/{self.n}.{name}"

    def root(self, raw, lists, files=None):
        root = Root(self.path("root"), raw, lists)
        for path, text in (files or {}).items():
            root.write(path, text)
        return root

    def run(self, root, prepare=()):
        """Once, on a TPM whose PCRs were extended with prepare before; returns result, commands, PCR 10 before and after."""
        tpm = f"libtpms:{self.path('tpm')}"
        world.extend(tpm, prepare)
        before, log = world.read_pcr(tpm), self.path("record")
        result = oneshot(root, f"{tpm},record={log}")
        return result, world.recorded(log), before, world.read_pcr(tpm)


def extends_nothing(name, scene, want, root, prepare=(), said="", asks_tpm=True):
    result, commands, before, after = scene.run(root, prepare)
    codes = world.codes(commands)
    check(PCR_EXTEND not in codes, f"{name}: PCR_Extend was sent ({codes.count(PCR_EXTEND)} times)")
    check(before == after, f"{name}: PCR 10 was changed")
    check_exit(result, want, name)
    check(said in result[2] and result[2].count("\n") == 1, f"{name}: said {result[2]!r}")
    check((GET_CAPABILITY in codes) == asks_tpm, f"{name}: the TPM was {'not ' if asks_tpm else ''}asked: {codes}")


def extends_all(name, scene, root, records):
    """The control: what must not be there above is there now."""
    result, commands, _, after = scene.run(root)
    check_exit(result, 0, name)
    # One probe of TPM_RH_NULL at least.
    n = world.codes(commands).count(PCR_EXTEND)
    check(n > len(records), f"{name}: only {n} PCR_Extend for {len(records)} records")
    check(after == world.values(records), f"{name}: PCR 10 is not the replay")


def rows(records, padded=()):
    return [{b: replay.extend_digest(r, b, b in padded) for b in BANKS} for r in records if r.pcr == 10]


# The kernel extends

def kernel_owned(scene, name, lists, raw, records):
    """PCR 10 fits, is behind, does not fit."""
    root = scene.root(raw, lists)
    n = len(rows(records))
    extends_nothing(f"{name}, fits", scene, 0, root, rows(records), "the kernel extends by itself; PCR 10 fits")
    extends_nothing(f"{name}, behind", scene, 3, root, rows(records)[:n - 3], "not yet: the kernel extends by itself")
    extends_nothing(f"{name}, first record only", scene, 3, root, rows(records)[:1], "not yet: the kernel extends by itself")
    misfit = "the kernel extends by itself, but PCR 10 does not fit"
    extends_nothing(f"{name}, one more", scene, 4, root, rows(records) + rows(records)[:1], misfit)
    extends_nothing(f"{name}, one left out", scene, 4, root, rows(records)[:2] + rows(records)[3:], misfit)
    extends_nothing(f"{name}, one bank ahead", scene, 4, root, rows(records)[:3] + [{"sha256": rows(records)[3]["sha256"]}], misfit)
    extends_nothing(f"{name}, one bank foreign", scene, 4, root, rows(records) + [{"sha1": bytes(20)}], misfit)
    root = scene.root(raw, lists)
    root.show(raw + b"\xff" * 64, n + 1)
    extends_nothing(f"{name}, list broken", scene, 4, root, rows(records), "but its list is broken: a record")


def kernel_owned_zero(scene, name, lists, raw):
    """Nothing of the list in the PCR, as a bypass would have it: the temptation."""
    result, commands, _, after = scene.run(scene.root(raw, lists))
    check(result[0] in (3, 4), f"{name}, PCR 10 zero: exit {result[0]}: {result[2]!r}")
    check(PCR_EXTEND not in world.codes(commands), f"{name}, PCR 10 zero: PCR_Extend was sent")
    check(not any(int(v, 16) for v in after.values()), f"{name}, PCR 10 zero: it is not any more")


def captured(scene, name):
    """As the captured machine was: the list of each bank, and PCR 10 as its kernel extended it."""
    x = by_name(name)
    views = {v.name.rpartition(".")[2]: v.raw for v in harness.views() if v.name.startswith(f"{name}.")}
    root = scene.root(x.raw, {"sha1": x.raw, **views})
    extends_nothing(f"{name}, as captured", scene, 0, root, rows(x.records), "the kernel extends by itself; PCR 10 fits")
    kernel_owned_zero(scene, name, {"sha1": x.raw, **views}, x.raw)
    raw = world.bypassed(x.raw, x.records[0]) if x.records[0].template != "ima" else None
    if raw:
        records = [r for r in replay.parse(raw) if r.pcr == 10]
        extends_all(f"{name}, as bypass", scene, scene.root(raw, SHA1_ONLY), records)


def padded(scene):
    """A kernel that pads SHA-1 in banks it cannot hash: no replay, so 4; and nothing is extended."""
    x = by_name("k6.1-tpm-tcb")
    banks = [b for b, how in x.facts["match"].items() if how["10"] == "padded-sha1"]
    check(banks, "k6.1-tpm-tcb has no padded bank")
    root = scene.root(x.raw, AS_BEFORE_6_10)
    extends_nothing(f"k6.1-tpm-tcb, {banks} padded", scene, 4, root, rows(x.records, padded=banks), "does not fit")


# Nobody can tell

def undecidable(scene, x):
    zero, rest = x.raw[:x.records[0].end], x.raw[x.records[0].end:]
    no_first = "record 0 is no boot_aggregate"
    inherited = "keeps no list for the TPM's banks"
    other_list = "keeps a list for each TPM bank"
    for name, raw, lists, said, asks_tpm in (
            ("record 0 of another file", rest, SHA1_ONLY, no_first, False),
            ("record 0 of another file, old kernel", rest, AS_BEFORE_6_10, no_first, False),
            ("record 0 a zero boot_aggregate in a directory", world.ima_ng("/boot_aggregate", bytes(32)) + rest, SHA1_ONLY, no_first, False),
            ("violation as record 0", world.violation("boot_aggregate") + rest, SHA1_ONLY, no_first, False),
            ("violation as record 0, old kernel", world.violation("boot_aggregate") + zero + rest, AS_BEFORE_6_10, no_first, False),
            ("record 0 of an unknown template", world.record("made-up", world.field(b"boot_aggregate\0")) + rest, SHA1_ONLY, no_first, False),
            ("trimmed list", by_name("k7.3-tpm-trim").raw, ALL, no_first, False),
            ("zero, with a sha256 list", x.raw, ("sha1", "sha256"), other_list, False),
            ("zero, with all lists", x.raw, ALL, other_list, False),
            ("zero, with a list of an unknown bank", x.raw, ("sha1", "sm3_256"), other_list, False),
            ("zero sha384-only kernel's own list", by_name("k7.3-tpm-sha384only").raw, ("sha1", "sha384"), other_list, False),
            ("set, sha1's list only, four banks", world.boot_aggregate(SOME) + rest, SHA1_ONLY, inherited, True),
            ("set and late, sha1's list only, four banks", world.boot_aggregate(SOME, name="boot_aggregate_late") + rest,
             SHA1_ONLY, inherited, True),
            ("inherited from a kernel with a TPM", by_name("own-mixed-tpm-then-bypass").raw, SHA1_ONLY, inherited, True),
            ("bypass list inherited by a kernel with a TPM", by_name("own-mixed-bypass-then-tpm").raw, ALL, other_list, False)):
        root = scene.root(raw, lists)
        extends_nothing(f"mixed: {name}", scene, 4, root, said=said, asks_tpm=asks_tpm)
        extends_nothing(f"mixed: {name}, PCR set", scene, 4, root, rows(replay.parse(raw))[:2], said, asks_tpm)


def few_banks(scene, x):
    """Rows that depend on what banks the TPM has."""
    later = x.raw + world.boot_aggregate()
    kexec = {"sys/kernel/kexec_loaded": "0\n"}
    for banks, name, raw, lists, files, want in (
            (["sha384"], "zero, old kernel", x.raw, AS_BEFORE_6_10, {}, 4),
            (["sha384"], "zero, sha1's list only", x.raw, SHA1_ONLY, {}, 0),
            (["sha384"], "set, sha1's list only", world.boot_aggregate(SOME) + x.raw[x.records[0].end:], SHA1_ONLY, {}, 4),
            (["sha384"], "zero sha384, old kernel", world.boot_aggregate(alg="sha384"), AS_BEFORE_6_10, {}, 0),
            (["sha1"], "zero, sha1's list only, later boot_aggregate, kexec", later, SHA1_ONLY, kexec, 4),
            (["sha1"], "zero, sha1's list only, later boot_aggregate", later, SHA1_ONLY, {}, 0),
            (["sha1", "sha256"], "zero, sha1's list only, later boot_aggregate, kexec", later, SHA1_ONLY, kexec, 0)):
        name = f"{'+'.join(banks)}: {name}"
        with Swtpm(scene.path("tpm"), banks, logs=True) as tpm:
            before = tpm.update_counter()
            check_exit(oneshot(scene.root(raw, lists, files), tpm.tcti), want, name)
            codes, counted = world.codes(tpm.commands()), tpm.update_counter() - before
            if want == 4:
                check(PCR_EXTEND not in codes and counted == 0, f"{name}: PCR_Extend was sent")
                check(GET_CAPABILITY in codes, f"{name}: the TPM was not asked")
            else:
                n = sum(1 for _ in replay.parse(raw))
                check(counted == n * len(banks), f"{name}: {counted} updates, not {n} x {len(banks)}")
                check(codes.count(PCR_EXTEND) > n, f"{name}: {codes.count(PCR_EXTEND)} PCR_Extend in swtpm's log")


def later_boot_aggregate(scene, x):
    """A user can make one; it counts only where the list can have come through kexec."""
    raw = x.raw + world.boot_aggregate()
    made_set = x.raw + world.boot_aggregate(SOME)
    records, config = list(replay.parse(raw)), "CONFIG_IMA=y\nCONFIG_IMA_KEXEC=y\n"
    kexec = {"sys/kernel/kexec_loaded": "0\n"}
    release = {**kexec, "proc/sys/kernel/osrelease": "6.1.0-test\n"}
    for name, lists, files in (
            ("no kexec", AS_BEFORE_6_10, {}),
            ("kexec, but sha1's list", SHA1_ONLY, kexec),
            ("kexec under pKVM", AS_BEFORE_6_10, {**kexec, "proc/cmdline": "root=/dev/vda kvm-arm.mode=protected quiet\n"}),
            ("kexec without lists", AS_BEFORE_6_10, {**release, "boot/config-6.1.0-test": "# CONFIG_IMA_KEXEC is not set\n"})):
        extends_all(f"later boot_aggregate: {name}", scene, scene.root(raw, lists, files), records)
    violated = x.raw + world.violation("boot_aggregate")
    extends_all("later boot_aggregate: a violation, kexec", scene, scene.root(violated, AS_BEFORE_6_10, kexec),
                list(replay.parse(violated)))
    for name, text, files in (
            ("kexec", raw, kexec), ("set, kexec", made_set, kexec),
            ("late, kexec", x.raw + world.boot_aggregate(name="boot_aggregate_late"), kexec),
            ("kexec with lists", raw, {**release, "boot/config-6.1.0-test": config}),
            ("kexec, not under pKVM", raw, {**kexec, "proc/cmdline": "root=/dev/vda kvm-arm.mode=nvhe\n"})):
        extends_nothing(f"later boot_aggregate: {name}", scene, 4, scene.root(text, AS_BEFORE_6_10, files),
                        said="second boot_aggregate", asks_tpm=False)


def main():
    world.need("swtpm", "tpm2_pcrread", "tpm2_pcrextend", "tpm2_pcrallocate")
    world.need_libtpms()
    with tempfile.TemporaryDirectory(prefix="kernel-owns.") as top:
        scene = Scene(top)
        x = by_name("k7.3-bypass-tcb")
        extends_all("control: sha1's list only", scene, scene.root(x.raw, SHA1_ONLY), x.records)
        extends_all("control: old kernel", scene, scene.root(x.raw, AS_BEFORE_6_10), x.records)
        staged = {f"{world.IMA}/{world.LIST}_{s}": b"" for s in ("staged", "sha1_staged", "sha256_staged")}
        extends_all("control: staging files are no bank lists", scene, scene.root(x.raw, SHA1_ONLY, staged), x.records)
        raw = world.boot_aggregate(SOME) + x.raw[x.records[0].end:]
        for name, lists in (("set, old kernel", AS_BEFORE_6_10), ("set, all lists", ALL)):
            kernel_owned(scene, name, lists, raw, list(replay.parse(raw)))
            kernel_owned_zero(scene, name, lists, raw)
        for name in KERNEL_OWNED:
            captured(scene, name)
        padded(scene)
        undecidable(scene, x)
        few_banks(scene, x)
        later_boot_aggregate(scene, x)
    finish()


if __name__ == "__main__":
    main()
