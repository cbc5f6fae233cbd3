#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""config.py: where settings come from, which of them counts, and that nothing runs with half of them.

  0 good, or switched off             1 something is wrong in a file or on the kernel command line
  2 an option is wrong                4 a setting had its effect: RequireMeasuredBoot=yes on a fresh TPM
"""
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import world  # noqa: E402
from harness import check, check_exit, finish, program, run  # noqa: E402
from world import Root, oneshot  # noqa: E402

CONF = "ima-replay/ima-replayd.conf"
OURS = "[ima-replayd]\n"
OFF = "ima_replay=no on the kernel command line: nothing is done"
HANG_SECONDS = 10
NOBODY = "65534"


class Scene:
    def __init__(self, top, raw):
        self.top, self.raw, self.n = top, raw, 0

    def path(self, name):
        self.n += 1
        return f"{self.top}/{self.n}.{name}"

    def root(self, files=None, cmdline=None):
        root = Root(self.path("root"), self.raw)
        for path, text in (files or {}).items():
            root.write(path, text)
        if cmdline is not None:
            root.write("proc/cmdline", cmdline + "\n")
        return root

    def tcti(self):
        return f"libtpms:{self.path('tpm')}"


def show(root, *options, timeout=HANG_SECONDS):
    return run(program("IMA_REPLAYD"), f"--root={root.top}", "--show-config", *options, timeout=timeout)


def lines(result):
    return result[2].splitlines()


def shown(result):
    """{key: (value, place)} of --show-config."""
    text = result[1].splitlines()
    check(text[:1] == [OURS.strip()] and len(text) % 2 == 1, f"--show-config: {result[1]!r}")
    rows = {}
    for place, setting in zip(text[1::2], text[2::2]):
        key, _, value = setting.partition("=")
        check(place.startswith("# "), f"--show-config: no place: {place!r}")
        rows[key] = value, place[2:]
    return rows


# What counts

def order(scene):
    defaults = {"Guard": "always", "HoldList": "yes", "RequirePKVM": "auto", "RequireMeasuredBoot": "auto",
                "SpoolMax": "64M", "TPM": "auto"}
    result = show(scene.root())
    check_exit(result, 0, "no configuration")
    check(shown(result) == {k: (v, "default") for k, v in defaults.items()}, f"defaults: {result[1]}")
    check(not result[2], f"no configuration: says {result[2]!r}")

    files = {f"usr/lib/{CONF}": OURS + "Guard=start\nTPM=not-read\n",
             f"etc/{CONF}": OURS + "# a comment\n\nHoldList = until-extended \nSpoolMax=1M\nTPM=tpm_tis\n",
             f"usr/lib/{CONF}.d/20-b.conf": OURS + "SpoolMax=2M\n",
             f"etc/{CONF}.d/10-a.conf": OURS + "SpoolMax=3M\nRequirePKVM=yes\n",
             f"run/{CONF}.d/90-c.conf": OURS + "TPM=\n"}
    root = scene.root(files, "ro ima_replay.requiremeasuredboot=yes ima_replay.requirepkvm= quiet")
    result = show(root, "--spool-max=4M")
    check_exit(result, 0, "files, kernel, options")
    want = {"Guard": ("always", "default"),
            "HoldList": ("until-extended", f"/etc/{CONF}:4"),
            "RequirePKVM": ("auto", "kernel command line"),
            "RequireMeasuredBoot": ("yes", "kernel command line"),
            "SpoolMax": ("4M", "option --spool-max"),
            "TPM": ("auto", f"/run/{CONF}.d/90-c.conf:2")}
    check(shown(result) == want, f"files, kernel, options: {shown(result)}")
    check(shown(show(root))["SpoolMax"] == ("2M", f"/usr/lib/{CONF}.d/20-b.conf:2"), "drop-ins: order of names")

    os.unlink(f"{root.top}/etc/{CONF}")
    os.symlink("/dev/null", f"{root.top}/etc/{CONF}")
    os.symlink("/dev/null", f"{root.top}/etc/{CONF}.d/20-b.conf")
    got = shown(show(root))
    check(got["HoldList"] == ("yes", "default"), f"main file hidden: {got}")
    check(got["SpoolMax"] == ("3M", f"/etc/{CONF}.d/10-a.conf:2"), f"drop-in hidden: {got}")

    again = scene.root({f"etc/{CONF}": result[1]})
    check({k: v for k, (v, _) in shown(show(again)).items()} == {k: v for k, (v, _) in want.items()},
          "--show-config is no file that means the same")
    check_exit(show(root, "--tcti=device:/dev/tpmrm0"), 2, "--show-config with a TCTI that is not allowed")


def effect(scene):
    """What a setting does comes from each of the places: zeros in PCR 0 to 7 mean a reset, or not."""
    yes = OURS + "RequireMeasuredBoot=yes\n"
    for name, root, options, extends in (
            ("nobody", scene.root(), [], True),
            ("file", scene.root({f"etc/{CONF}": yes}), [], False),
            ("drop-in", scene.root({f"run/{CONF}.d/a.conf": yes}), [], False),
            ("kernel", scene.root({}, "ima_replay.requiremeasuredboot=yes"), [], False),
            ("kernel over file", scene.root({f"etc/{CONF}": yes}, "ima_replay.requiremeasuredboot=no"), [], True),
            ("rd. outside of an initrd", scene.root({}, "rd.ima_replay.requiremeasuredboot=yes"), [], True),
            ("rd. in an initrd", scene.root({"etc/initrd-release": ""}, "rd.ima_replay.requiremeasuredboot=yes"), [], False),
            ("option over all", scene.root({f"etc/{CONF}": yes}, "ima_replay.requiremeasuredboot=yes"),
             ["--require-measured-boot=no"], True)):
        tcti = scene.tcti()
        result = oneshot(root, tcti, *options)
        check(result[0] == (0 if extends else 4), f"RequireMeasuredBoot=yes: {name}: {result}")
        changed = any(int(v, 16) for v in world.read_pcr(tcti).values())
        check(changed == extends, f"RequireMeasuredBoot=yes: {name}: PCR 10")


# Switched off

def off(scene):
    daemon = program("IMA_REPLAYD")
    for cmdline, initrd, want in (
            ("ro ima_replay=no", False, True), ("ima_replay=0", False, True), ("ima-replay=off", False, True),
            ("ima_replay=yes ima_replay=no", False, True), ("ima_replay=no ima_replay=yes", False, False),
            ("rd.ima_replay=no", True, True), ("rd.ima_replay=no", False, False), ("x=\"ima_replay=no\"", False, False),
            ("ima_replay.guard ima_replay=no", False, True)):
        root = scene.root({"etc/initrd-release": ""} if initrd else {}, cmdline)
        tcti = scene.tcti()
        result = oneshot(root, tcti)
        check_exit(result, 0, cmdline)
        check((lines(result) == [f"ima-replayd: {OFF}"]) == want, f"{cmdline}: {result[2]!r}")
        check(os.path.exists(tcti.removeprefix("libtpms:")) != want, f"{cmdline}: TPM")
        check(not want or not os.path.exists(f"{root.top}/run"), f"{cmdline}: something was made in /run")
    # Whatever else is wrong; and as a service, which else would not end.
    root = scene.root({f"etc/{CONF}": "\0"}, "ima_replay=no")
    result = run(daemon, f"--root={root.top}", f"--tcti={scene.tcti()}", timeout=HANG_SECONDS)
    check_exit(result, 0, "off, as a service")
    check(lines(result) == [f"ima-replayd: {OFF}"], f"off, as a service: {result[2]!r}")


# What is wrong

def bad(scene):
    main, drop_in = f"etc/{CONF}", f"usr/lib/{CONF}.d/50-x.conf"
    for name, files, cmdline, text in (
            ("value", {main: OURS + "\nGuard=never\n"}, "", f"/{main}:3: Guard=never: always or start was expected"),
            ("value in a drop-in", {drop_in: OURS + "SpoolMax=1T\n"}, "", f"/{drop_in}:2: SpoolMax=1T: a size"),
            ("a good value behind", {main: OURS + "TPM=?\nTPM=auto\n"}, "", f"/{main}:2: TPM=?: "),
            ("no section", {main: "Guard=start\n"}, "", f"/{main}:1: Guard= stands before [ima-replayd]"),
            ("continued", {main: OURS + "Guard=\\\nstart\n"}, "", f"/{main}:2: a backslash"),
            ("NUL", {main: OURS + "Guard=start\0\n"}, "", f"/{main}:2: a control byte"),
            ("escape sequence", {main: OURS + "Guard=\x1b[2J\n"}, "", f"/{main}:2: a control byte"),
            ("Latin-1", {main: b"[ima-replayd]\nGuard=\xe4\n"}, "", f"/{main}:2: a control byte, or not UTF-8"),
            ("long line", {main: OURS + "#" * 4097}, "", f"/{main}:2: longer than 4096 bytes"),
            ("large file", {main: OURS + "#\n" * 32768}, "", f"/{main}: larger than 64 KiB"),
            ("many drop-ins", {f"run/{CONF}.d/{i}.conf": OURS for i in range(65)}, "", "more than 64 drop-ins"),
            ("kernel, value", {}, "ima_replay.holdlist=no", "kernel command line: ima_replay.holdlist=no: yes or until-extended"),
            ("kernel, no value", {}, "ima_replay.holdlist", "kernel command line: ima_replay.holdlist: a value was expected"),
            ("kernel, switch", {}, "ima_replay=perhaps", "kernel command line: ima_replay=perhaps: yes or no was expected")):
        root = scene.root(files, cmdline)
        tcti = scene.tcti()
        for how, result in (("run", oneshot(root, tcti)), ("show", show(root))):
            check_exit(result, 1, f"bad {name}, {how}")
            check(len(lines(result)) == 1 and text in result[2] and result[2][:-1].isprintable(), f"bad {name}, {how}: {result[2]!r}")
            check(not result[1], f"bad {name}, {how}: {result[1]!r}")
        check(not os.path.exists(tcti.removeprefix("libtpms:")), f"bad {name}: a TPM was opened")
        check("run" not in os.listdir(root.top) or os.listdir(f"{root.top}/run/ima-replay") == ["ima-replayd.conf.d"],
              f"bad {name}: something was made in /run")


def unknown(scene):
    """Named and ignored. What an administrator may only type is no key."""
    keys = ["Gaurd", "guard", "RepairBanks", "ReplayAfterReset", "Oneshot", "Root", "TCTI", "Timeout"]
    text = OURS + "".join(f"{k}=yes\n" for k in keys) + "[X-other]\nGuard=nonsense\n[other]\nGuard=nonsense\n" + OURS + "SpoolMax=1M\n"
    result = show(scene.root({f"etc/{CONF}": text}, "ima_replay.repairbanks=yes ima_replay.HoldList=nonsense"))
    check_exit(result, 0, "unknown keys")
    want = [f"ima-replayd: /etc/{CONF}:{n}: unknown {k}= is ignored" for n, k in enumerate(keys, 2)]
    want.append(f"ima-replayd: /etc/{CONF}:12: unknown section [other] is ignored")
    want += [f"ima-replayd: kernel command line: unknown ima_replay.{k}= is ignored" for k in ("repairbanks", "HoldList")]
    check(lines(result) == want, f"unknown keys: {result[2]}")
    check({k: v for k, (v, where) in shown(result).items() if where != "default"} == {"SpoolMax": "1M"}, "unknown keys: settings")
    # Nobody writes on a terminal with them.
    root = scene.root({f"etc/{CONF}.d/\x1b[2J\n.conf": OURS + "K\u00e4se=1\nTPM=x\n"})
    result = show(root)
    check(lines(result) == [f"ima-replayd: /etc/{CONF}.d/\\x1b[2J\\x0a.conf:2: unknown K\u00e4se= is ignored"], f"escaped: {result[2]!r}")
    check(shown(result)["TPM"] == ("x", f"/etc/{CONF}.d/\\x1b[2J\\x0a.conf:3"), f"escaped: {result[1]!r}")


def in_place(scene):
    """Whatever stands where a file should: an error, and no waiting."""
    def fifo(path):
        os.mkfifo(path)

    def loop(path):
        os.symlink(os.path.basename(path), path)

    for name, put, text in (("directory", os.mkdir, "not a regular file"), ("fifo", fifo, "not a regular file"),
                            ("loop", loop, "symbolic links"), ("dangling", lambda p: os.symlink("gone", p), "leads nowhere"),
                            ("out of the root", lambda p: os.symlink("/etc/passwd", p), "leads nowhere")):
        for path in (f"etc/{CONF}", f"usr/lib/{CONF}", f"run/{CONF}.d/a.conf", "proc/cmdline"):
            root = scene.root()
            os.makedirs(os.path.dirname(f"{root.top}/{path}"), exist_ok=True)
            put(f"{root.top}/{path}")
            result = show(root)
            check_exit(result, 1, f"{name} at {path}")
            check(len(lines(result)) == 1 and f"/{path}: " in result[2] and text in result[2], f"{name} at {path}: {result[2]!r}")


def unreadable(scene):
    """To somebody who may not read it a file is not missing."""
    nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", program("IMA_REPLAYD")]
    root = scene.root({f"etc/{CONF}": OURS})
    if os.geteuid() != 0 or not shutil.which("setpriv") or run(*nobody, "--version")[0] != 0:
        print("unreadable files: not root, or nobody cannot start the program")
        return
    for path in (scene.top, root.top):
        os.chmod(path, 0o755)
    check_exit(run(*nobody, f"--root={root.top}", "--show-config"), 0, "readable to nobody")
    os.chmod(f"{root.top}/etc/{CONF}", 0)
    result = run(*nobody, f"--root={root.top}", "--show-config")
    check_exit(result, 1, "unreadable")
    check(f"/etc/{CONF}: Permission denied" in result[2], f"unreadable: {result[2]!r}")


def options(scene):
    root = scene.root({f"etc/{CONF}": OURS + "Guard=nonsense\n"})
    for option, text in (("--guard=never", "always or start"), ("--require-pkvm=no", "auto or yes"), ("--tpm=", "auto, software"),
                         ("--tpm=a b", "auto, software"), ("--hold-list=", "yes or until-extended"), ("--tpm=" + "x" * 256, "255 bytes")):
        result = show(root, option)
        check_exit(result, 2, option[:40])
        check(len(lines(result)) == 1 and text in result[2] and "expected" in result[2], f"{option[:40]}: {result[2]!r}")


def main():
    world.need("tpm2_pcrread")
    world.need_libtpms()
    with tempfile.TemporaryDirectory() as top:
        scene = Scene(top, world.made(20))
        for part in (order, effect, off, bad, unknown, in_place, unreadable, options):
            part(scene)
    finish()


if __name__ == "__main__":
    main()
