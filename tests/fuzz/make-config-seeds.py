#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the seeds of fuzz-config into DIR; with --check compare them with what is there."""
import pathlib
import sys

OURS = "[ima-replayd]\n"
ALL = ("Guard=start\nHoldList=until-extended\nRequirePKVM=yes\nRequireMeasuredBoot=no\nSpoolMax=16M\n"
       "TPM=tpm_tis_spi\n")
LINE_MAX = 4096


def seeds():
    yield "empty", ""
    yield "all", OURS + ALL
    yield "no-section", ALL
    yield "other-sections", "[X-mine]\nA=b\n[other]\nA=b\n" + OURS + ALL + "[other]\nA=b\n"
    yield "comments", "# a\n; b\n\n \t\n" + OURS + " # c\nGuard=always # d\n"
    yield "blanks", "\t[ima-replayd] \n  Guard \t=  start\t\n"
    yield "reset", OURS + "SpoolMax=1M\nSpoolMax=\n"
    yield "bad-value", OURS + "Guard=never\n"
    yield "unknown-key", OURS + "Gaurd=start\n"
    yield "sizes", OURS + "".join(f"SpoolMax={s}\n" for s in ("0", "1K", "2M", "3G", "1024G", "1025G", "-1"))
    yield "continued", OURS + "Guard=st\\\nart\n"
    yield "no-newline", OURS + "Guard=start"
    yield "crlf", OURS.replace("\n", "\r\n")
    yield "nul", OURS + "Guard=st\0art\n"
    yield "open-section", "[ima-replayd\n"
    yield "no-equals", OURS + "Guard\n"
    yield "utf-8", OURS + "TPM=\u20ac\u00e4\n"
    yield "c1", OURS + "TPM=\u009b\n"
    yield "bidi", OURS + "TPM=\u202e\n"
    yield "latin-1", (OURS + "TPM=\u00e4\n").encode("latin-1")
    yield "backslashes", OURS + "TPM=\\a\\b\\\\c\n"
    yield "line-longest", OURS + "TPM=".ljust(LINE_MAX, "t") + "\n"
    yield "line-too-long", OURS + "TPM=".ljust(LINE_MAX + 1, "t") + "\n"
    yield "kernel", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro ima_replay.guard=start ima_replay.tpm=auto\n"
    yield "kernel-off", "quiet ima_replay=no"
    yield "kernel-rd", "rd.ima_replay=no rd.ima-replay.spoolmax=1M ima-replay.spoolmax="
    yield "kernel-quoted", "x=\"ima_replay=no y\" \"ima_replay.tpm=a b\" ima_replay.tpm=\"c d\" ima_replay.tpm=\"e"
    yield "kernel-no-value", "ima_replay ima_replay.tpm ima_replay.=x ima_replay. ima_replay="
    yield "kernel-longest", "rd.ima_replay" + ".tpm=".ljust(LINE_MAX, "t")
    yield "kernel-too-long", "rd.ima_replay" + ".tpm=".ljust(LINE_MAX + 1, "t")
    yield "kernel-bytes", b"\xff\x01 ima_replay.tpm=\xff ima_replay=no\0"
    yield "both", "[ima-replayd]\n# ima_replay.guard=start\nTPM=ima_replay.guard=start ima_replay=no\n"


def main():
    check = sys.argv[1:2] == ["--check"]
    top = pathlib.Path(sys.argv[-1])
    # The byte in front says which call fails.
    wanted = {name: b"\0" + (text if isinstance(text, bytes) else text.encode()) for name, text in seeds()}
    wanted |= {f"fails-{n:02}": bytes([n]) + (OURS + ALL).encode() for n in range(1, 16)}
    if not check:
        top.mkdir(parents=True, exist_ok=True)
        for name, data in wanted.items():
            (top / name).write_bytes(data)
        return 0
    wrong = [n for n, d in wanted.items() if not (top / n).is_file() or (top / n).read_bytes() != d]
    print(f"{len(wanted)} seeds, {len(wrong)} differ", *wrong)
    return 1 if wrong or len(wanted) < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
