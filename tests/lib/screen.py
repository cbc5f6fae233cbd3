# SPDX-License-Identifier: BSD-2-Clause
"""What a program shows on a terminal, and whether that could do harm."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

SGR = re.compile(r"\x1b\[[0-9;]*m")
CLEAR = "\x1b[H\x1b[J"
# C0 (but newline), DEL, C1, bidi marks: what must not reach a terminal from a list.
HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def columns_of(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


def read_until(fd, until, seconds):
    out, end = b"", time.monotonic() + seconds
    while time.monotonic() < end and not (until and until in out):
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    return out


def environment(**more):
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "PAGER", "SYSTEMD_PAGER")}
    return dict(env, TERM="xterm", LC_ALL="C.UTF-8", **more)


def on_terminal(columns, *argv, until=None, seconds=60, during=None, with_stderr=False, **more):
    """(rc, text) of a program whose stdout (and stderr) is a terminal of so many columns.

    until: it is interrupted when it has printed these bytes; during: called once it runs
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    mode = termios.tcgetattr(theirs)
    mode[1] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, mode)
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=theirs,
                         stderr=theirs if with_stderr else subprocess.DEVNULL, env=environment(**more))
    os.close(theirs)
    if during:
        during()
    out = read_until(ours, until, seconds)
    if until and p.poll() is None:
        p.send_signal(signal.SIGINT)
    os.close(ours)
    try:
        rc = p.wait(10)
    except subprocess.TimeoutExpired:
        p.kill()
        rc = p.wait()
    return rc, out.decode(errors="surrogateescape")


def in_pipe(*argv, until=None, seconds=60, during=None, **more):
    """(rc, text, stderr) of a program whose output goes into pipes."""
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env=environment(**more))
    if during:
        during()
    out = read_until(p.stdout.fileno(), until, seconds)
    if until and p.poll() is None:
        p.send_signal(signal.SIGINT)
    p.stdout.close()
    err = p.stderr.read()
    p.stderr.close()
    try:
        rc = p.wait(10)
    except subprocess.TimeoutExpired:
        p.kill()
        rc = p.wait()
    return rc, out.decode(errors="surrogateescape"), err.decode(errors="surrogateescape")
