#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""swtpm-oneshot.py: `ima-replayd --oneshot` on a real TPM emulator, judged by tpm2_pcrread, replay.py and evmctl.

The update counter of the TPM says that nothing else happened: libtpms adds one
for each bank of each PCR that was extended, and nothing for TPM_RH_NULL.
"""
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import replay  # noqa: E402
import world  # noqa: E402
from harness import by_name, check, check_exit, finish, program, run  # noqa: E402
from world import BANKS, Root, Swtpm, oneshot  # noqa: E402

LISTS = ("arm64-ffa-late-rich-7.3", "k6.1-bypass-fmt-all", "k6.12-bypass-2000", "k6.12-late-race", "k7.3-bypass-evmsig",
         "k7.3-bypass-ima-md5", "k7.3-bypass-names", "k7.3-bypass-names-old", "k7.3-bypass-templates", "own-bypass-late-sync")
EVMCTL_JUDGED = 7
CHAINS = (10, 11, 12, 14)
REFUSED, BEYOND = 17, 40


class Scene:
    """A fresh directory and TPM for each case."""

    def __init__(self, ctl, top):
        self.ctl, self.top, self.n = ctl, top, 0

    def path(self, name):
        self.n += 1
        return f"{self.top}/{self.n}.{name}"

    def tpm(self, banks=None):
        return Swtpm(self.path("tpm"), banks)

    def root(self, raw, **options):
        return Root(self.path("root"), raw, **options)

    def verify(self, raw, pcrs):
        return run(self.ctl, "verify", f"--list={harness.write(self.path('bin'), raw)}", f"--pcrs={pcrs}")


def says(result, *numbers):
    """Does it name these numbers?"""
    words = result[2].replace(";", " ").replace(":", " ").replace(",", " ").split()
    return all(str(n) in words for n in numbers)


def extends(name, tpm, root, n_all, n_new, banks):
    """One run that must extend n_new records; returns its counter and result."""
    before = tpm.update_counter()
    result = oneshot(root, tpm.tcti)
    check_exit(result, 0, name)
    check(says(result, n_all, n_new) and result[2].count("\n") == 1, f"{name}: said {result[2]!r}, not {n_all} and {n_new}")
    counted = tpm.update_counter() - before
    check(counted == n_new * banks, f"{name}: {counted} updates, not {n_new} x {banks}")
    return result


def judged_by_evmctl(name, scene, raw, records, pcrs):
    """evmctl 1.4 knows sha1 and sha256, and no mixed or md5 `ima` records."""
    if any(r.template == "ima" or r.pcr != 10 for r in records):
        return 0
    argv = ["evmctl", "ima_measurement", "--ignore-violations"]
    for b in ("sha1", "sha256"):
        argv += ["--pcrs", f"{b},{harness.write_evmctl_pcrs(scene.path(b), b, pcrs[b])}"]
    result = run(*argv, harness.write(scene.path("bin"), raw))
    check_exit(result, 0, f"{name}: evmctl")
    check("Matched per TPM bank calculated digest(s)." in result[2], f"{name}: evmctl: {result[2][-200:]!r}")
    return 1


def growing_list(scene, name):
    """Empty TPM, two thirds of the list, nothing new, the rest, nothing new."""
    x = by_name(name)
    n, part = len(x.records), len(x.records) * 2 // 3
    with scene.tpm() as tpm:
        root = scene.root(x.raw[:x.records[part].start])
        extends(f"{name}: {part} records", tpm, root, part, part, len(BANKS))
        check(world.read_pcr(tpm.tcti) == world.values(x.records[:part]), f"{name}: PCR 10 is not V({part})")
        extends(f"{name}: again", tpm, root, part, 0, len(BANKS))
        root.show(x.raw)
        extends(f"{name}: {n - part} new records", tpm, root, n, n - part, len(BANKS))
        extends(f"{name}: all, again", tpm, root, n, 0, len(BANKS))
        path = scene.path("pcrs")
        pcrs = world.read_pcrs(tpm.tcti, path)
        want = world.values(x.records)
        check({b: p["10"] for b, p in pcrs.items()} == want, f"{name}: PCR 10 is not the replay")
        check(all(not int(v, 16) for p in pcrs.values() for i, v in p.items() if int(i) < 16 and i != "10"),
              f"{name}: another PCR was extended")
        check(not world.sessions(tpm.tcti), f"{name}: a session is left behind")
        check_exit(scene.verify(x.raw, path), 0, f"{name}: verify")
        check_exit(scene.verify(x.raw + world.ima_ng("/more", bytes(32)), path), 3, f"{name}: verify a longer list")
        check_exit(scene.verify(x.raw[:x.records[-1].start], path), 4, f"{name}: verify a shorter list")
        return judged_by_evmctl(name, scene, x.raw, x.records, pcrs)


def whole_list(scene, name, banks):
    """A TPM that has only some banks."""
    x = by_name(name)
    with scene.tpm(banks) as tpm:
        root = scene.root(x.raw)
        extends(f"{name}, {banks}", tpm, root, len(x.records), len(x.records), len(banks))
        extends(f"{name}, {banks}, again", tpm, root, len(x.records), 0, len(banks))
        path = scene.path("pcrs")
        pcrs = world.read_pcrs(tpm.tcti, path)
        check(sorted(pcrs) == sorted(banks), f"{name}: banks {sorted(pcrs)}")
        check({b: p["10"] for b, p in pcrs.items()} == world.values(x.records, banks=banks), f"{name}, {banks}: PCR 10")
        check_exit(scene.verify(x.raw, path), 0, f"{name}, {banks}: verify")
        printed = oneshot(root, tpm.tcti, "--print-pcrs")
        check(world.parse_pcrs(printed[1]) == {b: {"10": p["10"]} for b, p in pcrs.items()}, f"{name}, {banks}: --print-pcrs")


def as_captured(scene, name):
    """Here the TPM of the captured machine had been filled by another userspace extender: the same must come out."""
    x = by_name(name)
    with scene.tpm() as tpm:
        check_exit(oneshot(scene.root(x.raw), tpm.tcti), 0, name)
        noted = {b: p["10"] for b, p in x.facts["tpm_pcrs"].items()}
        check(world.read_pcr(tpm.tcti) == noted, f"{name}: not what was read from the machine's TPM")


# Lists for several PCRs

def reported(result, pcr, n):
    """One line for a PCR that was left alone, with the number of its records."""
    lines = [line for line in result[2].splitlines() if f"PCR {pcr}:" in line]
    return len(lines) == 1 and str(n) in lines[0].split()


def chains(scene):
    x = by_name("k6.12-tpm-pcrs")
    raw = world.bypassed(x.raw, x.records[0])
    records = list(replay.parse(raw))
    count = {p: sum(r.pcr == p for r in records) for p in (*CHAINS, REFUSED, BEYOND)}
    check(sum(count.values()) == len(records) and all(count.values()), f"k6.12-tpm-pcrs has other PCRs: {count}")
    want = {p: world.values(records, p) for p in CHAINS}

    def look(name, tpm, left_alone, n_new):
        before = tpm.update_counter()
        result = oneshot(root, tpm.tcti)
        check_exit(result, 0, name)
        counted = tpm.update_counter() - before
        check(counted == n_new * len(BANKS), f"{name}: {counted} updates, not {n_new} x {len(BANKS)}")
        for p in (*left_alone, BEYOND):
            check(reported(result, p, count[p]), f"{name}: PCR {p} is not reported: {result[2]!r}")
        for p in set(CHAINS) - set(left_alone):
            check(f"PCR {p}:" not in result[2], f"{name}: PCR {p} is reported: {result[2]!r}")
            check(world.read_pcr(tpm.tcti, p) == want[p], f"{name}: PCR {p} is not the replay")
        path = scene.path("pcrs")
        world.read_pcrs(tpm.tcti, path)
        check_exit(scene.verify(raw, path), 0, f"{name}: verify")

    root = scene.root(raw)
    n_whole = sum(count[p] for p in CHAINS)
    with scene.tpm() as tpm:
        before = world.read_pcr(tpm.tcti, REFUSED)
        look("chains", tpm, (REFUSED,), n_whole)
        look("chains, again", tpm, (REFUSED,), 0)
        check(world.read_pcr(tpm.tcti, REFUSED) == before, f"chains: PCR {REFUSED} was changed")

    root.reboot()
    with scene.tpm() as tpm:
        world.extend(tpm.tcti, [{b: replay.extend_digest(records[3], b) for b in BANKS}], 11)
        before = world.read_pcr(tpm.tcti, 11)
        look("PCR 11 foreign", tpm, (11, REFUSED), n_whole - count[11])
        look("PCR 11 foreign, again", tpm, (11, REFUSED), 0)
        check(world.read_pcr(tpm.tcti, 11) == before, "PCR 11 foreign: it was changed")

    root.reboot()
    with scene.tpm() as tpm:            # each chain has a position of its own
        for p, n in ((10, 5), (12, 1), (14, count[14])):
            world.extend_records(tpm.tcti, [r for r in records if r.pcr == p][:n], BANKS)
        look("chains at different places", tpm, (REFUSED,), n_whole - 6 - count[14])


# The demonstration, on a TPM that can be read afterwards

def demo(scene, name):
    x = by_name(name)
    with scene.tpm() as tpm:
        result = run(scene.ctl, "demo", f"--tcti={tpm.tcti}", f"--list={x.path}", "-j")
        check_exit(result, 0, f"demo {name}")
        want = world.values(x.records)
        check(world.read_pcr(tpm.tcti) == want, f"demo {name}: PCR 10 is not the replay")
        shown = json.loads(result[1])
        check({b: p["10"] for b, p in shown["pcrs"].items()} == want and shown["records"] == len(x.records),
              f"demo {name} -j: {result[1]!r}")
        check(not world.sessions(tpm.tcti), f"demo {name}: a session is left behind")


def main():
    world.need("swtpm", "tpm2_pcrread", "tpm2_pcrextend", "tpm2_pcrallocate", "tpm2_getcap", "evmctl")
    world.set_library_path()
    with tempfile.TemporaryDirectory(prefix="swtpm-oneshot.") as top:
        scene = Scene(program("IMA_REPLAYCTL"), top)
        judged = sum([growing_list(scene, name) for name in LISTS])
        check(judged >= EVMCTL_JUDGED, f"evmctl judged only {judged} lists")
        for banks in (["sha256"], ["sha1"], ["sha1", "sha384"], ["sha512"]):
            whole_list(scene, "k7.3-bypass-templates", banks)
        as_captured(scene, "arm64-ffa-late-6.12")
        as_captured(scene, "k7.3-late-race")
        chains(scene)
        demo(scene, "k7.3-bypass-templates")
        demo(scene, "arm64-ffa-late-6.12")
    finish()


if __name__ == "__main__":
    main()
