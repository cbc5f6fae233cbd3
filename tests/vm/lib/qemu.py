# SPDX-License-Identifier: BSD-2-Clause
"""Run QEMU until the guest has handed over its files."""
import base64
import io
import re
import subprocess
import tarfile
import time
from pathlib import Path


def run(argv, console, limit):
    """Until QEMU ends or the limit; the console goes to a file. Return the seconds that it took."""
    start = time.monotonic()
    with open(console, "wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            while process.poll() is None and time.monotonic() - start < limit:
                if b"Kernel panic" in tail(console):
                    break
                time.sleep(0.1)
        finally:
            stop(process)
    return time.monotonic() - start


def stop(process):
    """End a process that we started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def tail(path, n=400):
    with open(path, "rb") as f:
        f.seek(0, 2)
        f.seek(max(0, f.tell() - n))
        return f.read()


def handed_over(console):
    """{name: bytes} of what the guest printed as a tar in base64; empty when it did not get that far."""
    text = Path(console).read_bytes().replace(b"\r", b"")
    m = re.search(rb"^@@BEGIN\n(.*?)^@@END", text, re.S | re.M)
    if not m:
        return {}
    data = base64.b64decode(b"".join(re.findall(rb"^[A-Za-z0-9+/=]+$", m[1], re.M)))
    with tarfile.open(fileobj=io.BytesIO(data)) as t:
        return {Path(i.name).name: t.extractfile(i).read() for i in t.getmembers() if i.isfile()}
