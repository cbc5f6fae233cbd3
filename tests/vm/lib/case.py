# SPDX-License-Identifier: BSD-2-Clause
"""A case, and what came of it."""
import functools
import re
from typing import NamedTuple

import replay


class Failure(Exception):
    """The machine or the program did not do what the case says."""


class Stage(NamedTuple):
    """What is expected when the scenario says `mark NAME`; None: left open."""

    name: str
    state: str | None           # of the daemon, in its STATUS= line
    reason: str | None          # ... behind it in brackets
    doctor: int                 # exit status of `ima-replayctl doctor`
    cause: str | None           # the first that it finds
    gate: dict = {}             # of `ima-replayctl status`: {thing: (readiness, part of its hint; empty: it has none)}


class Case(NamedTuple):
    machine: object             # X86 or Arm64
    scenario: str               # guest/scenario-NAME
    judge: object               # a function of judge.py
    stages: tuple = ()
    kernel_says: tuple = ()     # patterns that the kernel's messages must have
    daemon: str = "ima-replayd"
    patience: int = 60          # seconds that the guest waits for a TPM, and for the daemon
    fails: str = ""             # a control: the judge must fail, and say this (a pattern)


class Result:
    """files: what the guest left; commands: (command, response code) that the TPM executed, where this side can know."""

    def __init__(self, case, files, commands):
        self.case, self.files, self.commands = case, files, commands

    def text(self, name):
        return self.files.get(name, b"").decode(errors="replace")

    @functools.cached_property
    def records(self):
        return list(replay.parse(self.files["list"]))

    @functools.cached_property
    def pcrs(self):
        """{bank: value of PCR 10}"""
        return {bank: value.lower() for bank, value in
                re.findall(r"^\S+/pcr-(\w+)/10 ([0-9A-Fa-f]+)$", self.text("pcrs"), re.M)}

    def service(self, what):
        """(seconds since boot, text) of what the daemon said ("says"), notified ("notify"), how it ended ("exit")."""
        return [(float(t), text) for t, text in
                re.findall(rf"^\[([\d.]+)\] {what}: (.*)$", self.text("service"), re.M)]

    def states(self):
        """(seconds since boot, state, reason) of the STATUS= lines, each state once."""
        out = []
        for t, text in self.service("notify"):
            m = re.match(r"STATUS=(?:(\w+) \((\w+)\)|following)", text)
            row = (m[1] or "follow", m[2]) if m else None
            if row and (not out or out[-1][1:] != row):
                out.append((t, *row))
        return out

    def state_at(self, stage):
        """(state, reason) at a mark."""
        at = float(self.text(f"mark.{stage}"))
        return next((row[1:] for row in reversed(self.states()) if row[0] <= at), (None, None))
