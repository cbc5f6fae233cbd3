# SPDX-License-Identifier: BSD-2-Clause
"""A machine for the programs to run on: a kernel's files below a directory, and a software TPM.

  Root    sys/kernel/security/ima as a kernel shows it, with any list
  Swtpm   `swtpm socket` on loopback ports, as tcti-swtpm wants it
  made()  lists of any length in the form of a kernel without a TPM

swtpm is no resource manager: what a killed client leaves behind stays, and
flush_sessions() does what /dev/tpmrm0 would.  TPMs are read with tpm2-tools, so
that nothing of the project judges itself; what those do not print (the update
counter) is asked for in raw bytes.

Without LD_LIBRARY_PATH the libtpms TCTI module is looked for where it is built:
../tools beside the directory of IMA_REPLAYD.  tpm2-tools take it from
IMA_REPLAY_TOOL_LIBRARIES, if that is set: they cannot load one with a sanitizer.
"""
import hashlib
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import time

import harness
import replay

IMA = "sys/kernel/security/integrity/ima"
LIST = "binary_runtime_measurements"
COUNT = "runtime_measurements_count"
BANKS = list(replay.ALGS)
BANK_IDS = {"sha1": 0x4, "sha256": 0xb, "sha384": 0xc, "sha512": 0xd}
READY_SECONDS = 10


def need(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        harness.skip(f"not installed: {' '.join(missing)}")


# Records

def field(data):
    return struct.pack("<I", len(data)) + data


def record(template, data, pcr=10, digest=None):
    """A record as the kernel writes it; its digest is the right one unless given."""
    name = template.encode()
    return struct.pack("<I", pcr) + (digest or hashlib.sha1(data).digest()) + field(name) + field(data)


def ima_ng(name, digest, pcr=10, alg="sha256"):
    return record("ima-ng", field(alg.encode() + b":\0" + digest) + field(name.encode() + b"\0"), pcr)


def boot_aggregate(digest=None, alg="sha256", name="boot_aggregate"):
    """Record 0 of a kernel; without a digest that of one without a TPM."""
    return ima_ng(name, digest or bytes(hashlib.new(alg).digest_size), alg=alg)


def violation(name, pcr=10):
    data = field(b"sha256:\0" + bytes(32)) + field(name.encode() + b"\0")
    return record("ima-ng", data, pcr, digest=bytes(20))


def made(n, start=0):
    """Records start to start + n of a list that a kernel without a TPM might keep."""
    return b"".join(ima_ng(f"/usr/lib/made/{i}", hashlib.sha256(b"%d" % i).digest()) if i else boot_aggregate()
                    for i in range(start, start + n))


def bypassed(raw, first):
    """The list with its record 0 (first, from replay.parse) as a kernel without a TPM makes it."""
    digest, *rest = replay.fields(first)
    alg, _, value = digest.rpartition(b":\0")
    data = field(alg + b":\0" + bytes(len(value))) + b"".join(map(field, rest))
    return record(first.template, data, first.pcr) + raw[first.end:]


# The kernel's files

class Root:
    """lists: the per-algorithm files that the kernel keeps: names, or {name: bytes}; () is a kernel before 6.10."""

    def __init__(self, top, raw=None, lists=("sha1",)):
        self.top, self.lists = top, lists
        os.makedirs(f"{top}/{IMA}")
        os.symlink("integrity/ima", f"{top}/sys/kernel/security/ima")
        if "sha1" in lists:
            os.symlink(f"{LIST}_sha1", f"{top}/{IMA}/{LIST}")
        for alg in lists:
            self.write(f"{IMA}/{LIST}_{alg}", lists[alg] if isinstance(lists, dict) else b"")
        if raw is not None:
            self.show(raw)

    def write(self, path, data):
        os.makedirs(os.path.dirname(f"{self.top}/{path}"), exist_ok=True)
        return harness.write(f"{self.top}/{path}", data)

    def reboot(self):
        """A new boot: /run begins empty."""
        shutil.rmtree(f"{self.top}/run", ignore_errors=True)

    def show(self, raw, count=None):
        """The kernel's list is now this; its count is that of the whole records unless given."""
        if count is None:
            count = sum(1 for _ in replay.parse(raw))
        self.path = self.write(f"{IMA}/{LIST}_sha1" if "sha1" in self.lists else f"{IMA}/{LIST}", raw)
        self.write(f"{IMA}/{COUNT}", f"{count}\n")


# Programs

def set_library_path():
    tools = os.path.join(os.path.dirname(os.path.dirname(harness.program("IMA_REPLAYD"))), "tools")
    if not os.environ.get("LD_LIBRARY_PATH") and os.path.isdir(tools):
        os.environ["LD_LIBRARY_PATH"] = tools


def need_libtpms():
    """The TCTI module, and one that tpm2-tools can load: not built with AddressSanitizer."""
    set_library_path()
    top = os.environ.get("IMA_REPLAY_TOOL_LIBRARIES") or os.environ.get("LD_LIBRARY_PATH", "")
    modules = [f"{d}/libtss2-tcti-libtpms.so.0" for d in top.split(":")]
    module = next((m for m in modules if os.path.exists(m)), None)
    if not module:
        harness.skip("no libtpms TCTI module in LD_LIBRARY_PATH")
    if harness.is_sanitized(module):
        harness.skip("tpm2-tools cannot load a module with AddressSanitizer: name another in IMA_REPLAY_TOOL_LIBRARIES")


def oneshot_argv(root, tcti, *options):
    top = root.top if isinstance(root, Root) else root
    return [harness.program("IMA_REPLAYD"), "--oneshot", f"--root={top}", f"--tcti={tcti}", *options]


def oneshot(root, tcti, *options, timeout=60):
    return harness.run(*oneshot_argv(root, tcti, *options), timeout=timeout)


def start_oneshot(root, tcti, *options):
    env = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1")
    return subprocess.Popen(oneshot_argv(root, tcti, *options), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)


def ended(process, timeout=60):
    """Wait for what start_oneshot() started; as run()."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, "", f"no end after {timeout} s"
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


# TPMs, through tpm2-tools

def tool(*argv):
    libraries = os.environ.get("IMA_REPLAY_TOOL_LIBRARIES")
    rc, out, err = harness.run(*(["env", f"LD_LIBRARY_PATH={libraries}"] if libraries else []), *argv)
    if rc != 0:
        raise RuntimeError(f"{' '.join(argv)}: {rc}: {out}{err}")
    return out


def parse_pcrs(text):
    """{"sha256": {"10": "<hex>"}} of what tpm2_pcrread prints; banks without PCRs are left out."""
    banks, bank = {}, None
    for line in text.splitlines():
        name, _, value = (s.strip() for s in line.partition(":"))
        if value:
            banks.setdefault(bank, {})[name] = value.removeprefix("0x").lower()
        else:
            bank = name
    return banks


def read_pcrs(tcti, path=None):
    """All PCRs of a TPM; path gets what tpm2_pcrread prints."""
    text = tool("tpm2_pcrread", "-T", tcti)
    if path:
        harness.write(path, text)
    return parse_pcrs(text)


def read_pcr(tcti, pcr=10):
    return {bank: values[str(pcr)] for bank, values in read_pcrs(tcti).items()}


def extend(tcti, digests, pcr=10):
    """One TPM2_PCR_Extend for each {bank: digest} of a list."""
    if digests:
        tool("tpm2_pcrextend", "-T", tcti,
             *(f"{pcr}:" + ",".join(f"{b}={d.hex()}" for b, d in row.items()) for row in digests))


def extend_records(tcti, records, banks):
    """Extend what a kernel extends for these records."""
    for rec in records:
        if rec.pcr < 24:
            extend(tcti, [{b: replay.extend_digest(rec, b) for b in banks}], rec.pcr)


def flush_sessions(tcti):
    tool("tpm2_flushcontext", "-T", tcti, "--loaded-session")


def sessions(tcti):
    """Sessions that are loaded or saved."""
    return [s for kind in ("loaded", "saved") for s in tool("tpm2_getcap", "-T", tcti, f"handles-{kind}-session").split()
            if s != "-"]


def codes(commands):
    """The command codes of commands in hex."""
    return [int(c[12:20], 16) for c in commands]


def recorded(path):
    """What libtpms:...,record= has written: each command that was sent, in hex."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="ascii") as f:
        return [line.split()[0] for line in f]


def free_ports():
    """A port that is free, as is the next."""
    while True:
        port = random.randrange(10000, 30000)
        try:
            for s in listen(port):
                s.close()
            return port
        except OSError:
            continue


def listen(port):
    """Sockets that listen on a port and the next."""
    with socket.create_server(("127.0.0.1", port)) as a, socket.create_server(("127.0.0.1", port + 1)) as b:
        return a.dup(), b.dup()


class Swtpm:
    """A software TPM that lives as long as the `with` block.

    banks: those to allocate (default all four); logs: keep each command for commands()
    """

    def __init__(self, top, banks=None, logs=False):
        self.top, self.banks, self.process, self.port = top, banks, None, None
        self.log = f"{top}/log" if logs else None

    def __enter__(self):
        os.makedirs(self.top)
        self.start()
        if self.banks and sorted(self.banks) != sorted(BANKS):
            tool("tpm2_pcrallocate", "-T", self.tcti, "+".join(f"{b}:{'all' if b in self.banks else 'none'}" for b in BANKS))
            self.stop()
            self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def tcti(self):
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def start(self, port=None):
        """Power on: PCRs are zero.  Port and port + 1 are picked unless given."""
        for _ in range(50):
            self.port = port or free_ports()
            where = "type=tcp,bindaddr=127.0.0.1,port="
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.top}", "--server", f"{where}{self.port}",
                 "--ctrl", f"{where}{self.port + 1}", "--flags", "not-need-init,startup-clear",
                 *(["--log", f"level=20,truncate,file={self.log}"] if self.log else [])],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if self.wait():
                return
            self.stop()
        raise RuntimeError("swtpm does not start")

    def wait(self):
        """Until the TPM answers; False if it ended (a port that somebody has)."""
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.update_counter()
                return self.process.poll() is None
            except OSError:
                time.sleep(0.002)
        return False

    def stop(self):
        """Power off: nothing is saved that the TPM was not told to save."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def commands(self):
        """Each command since the start, in hex."""
        with open(self.log, encoding="ascii", errors="replace") as f:
            blocks = re.findall(r"SWTPM_IO_Read: length \d+\n((?: (?:[0-9A-F]{2} )+\n)+)", f.read())
        return ["".join(block.split()) for block in blocks]

    def command(self, data, timeout=10):
        with socket.create_connection(("127.0.0.1", self.port), timeout) as s:
            s.sendall(data)
            return receive(s)

    def update_counter(self, pcr=10):
        """pcrUpdateCounter: one more for each bank of each PCR that was extended."""
        answer = self.command(struct.pack(">HIIIHB", 0x8001, 20, 0x17e, 1, BANK_IDS["sha1"], 3) + (1 << pcr).to_bytes(3, "little"))
        tag, _, rc, counter = struct.unpack_from(">HIII", answer)
        if (tag, rc) != (0x8001, 0):
            raise RuntimeError(f"TPM2_PCR_Read: {rc:#x}")
        return counter


def receive(s):
    """One command or response; an OSError when the other end went away."""
    data = b""
    while len(data) < 10 or len(data) < int.from_bytes(data[2:6], "big"):
        more = s.recv(4096)
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


# What to expect

def values(records, pcr=10, banks=BANKS):
    """{bank: V(n)} of one PCR."""
    return {b: harness.chain(records, b, pcr=pcr)[-1] for b in banks}


def positions(records, pcr=10, banks=BANKS):
    """{bank: {V(k): k}} of one PCR."""
    return {b: {v: k for k, v in enumerate(harness.chain(records, b, pcr=pcr))} for b in banks}


def position(where, pcr_values):
    """k with V(k) in every bank; None when there is none."""
    at = {where[b].get(v) for b, v in pcr_values.items()}
    return at.pop() if len(at) == 1 else None
