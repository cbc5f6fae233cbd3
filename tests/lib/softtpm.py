# SPDX-License-Identifier: BSD-2-Clause
"""The state file of the libtpms TCTI module (tools/libtpms-state.h), without that module: by libtpms itself.

  make()  a new TPM that was started, with the banks that are wanted
  look()  the values of a PCR and its update counter; the file is only read
  put()   another value for a PCR, as if the list had been extended, which would take minutes

libtpms has one TPM per process, so one look at a time; processes may look at once.
"""
import ctypes
import ctypes.util
import hashlib
import struct

import harness

BANK_IDS = {"sha1": 0x4, "sha256": 0xb, "sha384": 0xc, "sha512": 0xd}
MAGIC = b"imr-tpm2"
PERMANENT, VOLATILE = 1, 2
LIBC = ctypes.CDLL(None)
LIBC.malloc.restype, LIBC.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
TPM_RETRY = 0x800           # tpm_error.h: how libtpms wants to hear that there is nothing
PLATFORM, PASSWORD = 0x4000000c, 0x40000009


class Memory:
    """What libtpms keeps of a TPM; without callbacks it would be a file in the current directory."""

    kept = {}
    none = ctypes.CFUNCTYPE(ctypes.c_uint32)
    loads = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_uint32),
                             ctypes.c_uint32, ctypes.c_char_p)
    stores = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_char_p)

    class Callbacks(ctypes.Structure):
        """struct libtpms_callbacks of tpm_library.h; what is zero is not called."""

    @staticmethod
    def init():
        return 0

    @classmethod
    def load(cls, data, n, _, name):
        if name not in cls.kept:
            return TPM_RETRY
        n[0] = len(cls.kept[name])
        data[0] = LIBC.malloc(n[0])
        ctypes.memmove(data[0], cls.kept[name], n[0])
        return 0

    @classmethod
    def store(cls, data, n, _, name):
        cls.kept[name] = ctypes.string_at(data, n)
        return 0

    @classmethod
    def callbacks(cls):
        c = cls.Callbacks(ctypes.sizeof(cls.Callbacks), cls.none(cls.init), cls.loads(cls.load), cls.stores(cls.store))
        return c


Memory.Callbacks._fields_ = [("size", ctypes.c_int), ("init", Memory.none), ("load", Memory.loads), ("store", Memory.stores),
                             *((name, ctypes.c_void_p) for name in ("delete", "io_init", "locality", "presence"))]


class Libtpms:
    library = None

    @classmethod
    def get(cls):
        if not cls.library:
            name = ctypes.util.find_library("tpms")
            if not name:
                harness.skip("no libtpms")
            cls.library = ctypes.CDLL(name)
            cls.call("ChooseTPMVersion", 1)
            cls.callbacks = Memory.callbacks()
            cls.call("RegisterCallbacks", ctypes.byref(cls.callbacks))
        return cls

    @classmethod
    def call(cls, function, *arguments):
        rc = getattr(cls.library, f"TPMLIB_{function}")(*arguments)
        if rc:
            raise RuntimeError(f"TPMLIB_{function}: {rc:#x}")

    @classmethod
    def command(cls, code, body=b"", tag=0x8001):
        """The parameters of the response."""
        data = struct.pack(">HII", tag, 10 + len(body), code) + body
        response, n, size = ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_uint32(), ctypes.c_uint32()
        cls.call("Process", ctypes.byref(response), ctypes.byref(n), ctypes.byref(size),
                 ctypes.create_string_buffer(data, len(data)), len(data))
        out = ctypes.string_at(response, n.value)
        LIBC.free(response)
        rc = struct.unpack_from(">I", out, 6)[0]
        if rc:
            raise RuntimeError(f"TPM command {code:#x}: {rc:#x}")
        return out[10:]

    @classmethod
    def state(cls, kind):
        data, n = ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_uint32()
        cls.call("GetState", kind, ctypes.byref(data), ctypes.byref(n))
        out = ctypes.string_at(data, n.value)
        LIBC.free(data)
        return out


def power_on(tpm):
    tpm.call("MainInit")
    tpm.command(0x144, b"\0\0")             # Startup(CLEAR)


def make(path, banks):
    tpm = Libtpms.get()
    Memory.kept.clear()
    power_on(tpm)
    body = struct.pack(">IIIHBHI", PLATFORM, 9, PASSWORD, 0, 0, 0, len(BANK_IDS))
    body += b"".join(struct.pack(">HB3s", BANK_IDS[b], 3, b"\xff\xff\xff" if b in banks else bytes(3)) for b in BANK_IDS)
    tpm.command(0x12b, body, 0x8002)        # PCR_Allocate
    tpm.command(0x145, b"\0\0")             # Shutdown(CLEAR)
    permanent = tpm.state(PERMANENT)
    tpm.library.TPMLIB_Terminate()
    tpm.call("SetState", PERMANENT, permanent, len(permanent))
    power_on(tpm)
    write(path, tpm.state(PERMANENT), tpm.state(VOLATILE))
    tpm.library.TPMLIB_Terminate()


def write(path, permanent, volatile):
    data = MAGIC + struct.pack(">III", 1, len(permanent), len(volatile)) + permanent + volatile
    with open(path, "wb") as f:
        f.write(data + hashlib.sha256(data).digest())


def read(path):
    """(permanent, volatile)"""
    with open(path, "rb") as f:
        data = f.read()
    version, n, m = struct.unpack_from(">III", data, 8)
    if data[:8] != MAGIC or version != 1 or len(data) != 20 + n + m + 32 or hashlib.sha256(data[:-32]).digest() != data[-32:]:
        raise ValueError(f"{path}: no state of a TPM")
    return data[20:20 + n], data[20 + n:20 + n + m]


def read_pcr(tpm, pcr):
    """({bank: hex}, update counter) of the TPM that is on."""
    body = struct.pack(">I", len(BANK_IDS))
    body += b"".join(struct.pack(">HB", i, 3) + (1 << pcr).to_bytes(3, "little") for i in BANK_IDS.values())
    out = tpm.command(0x17e, body)
    counter, n = struct.unpack_from(">II", out)
    out, given = out[8:], []
    for _ in range(n):
        alg, size = struct.unpack_from(">HB", out)
        if any(out[3:3 + size]):
            given.append(next(b for b, i in BANK_IDS.items() if i == alg))
        out = out[3 + size:]
    values, out = {}, out[4:]
    for bank in given:
        size = struct.unpack_from(">H", out)[0]
        values[bank] = out[2:2 + size].hex()
        out = out[2 + size:]
    return values, counter


def look(path, pcr=10):
    """({bank: hex}, update counter)"""
    tpm = Libtpms.get()
    resume(path)
    try:
        return read_pcr(tpm, pcr)
    finally:
        tpm.library.TPMLIB_Terminate()


def resume(path):
    for kind, blob in zip((PERMANENT, VOLATILE), read(path)):
        Libtpms.call("SetState", kind, blob, len(blob))
    Libtpms.call("MainInit")


def variables():
    """[(address, size)] of libtpms' variables: its writable mappings, and the anonymous one behind them."""
    out, is_ours = [], False
    with open("/proc/self/maps", encoding="ascii", errors="replace") as f:
        for line in f:
            span, mode, _, _, inode, *name = line.split()
            is_ours = "libtpms" in name[0] if name else is_ours and inode == "0"
            if is_ours and mode.startswith("rw"):
                begin, end = (int(x, 16) for x in span.split("-"))
                out.append((begin, end - begin))
    return out


def put(path, values, pcr=10):
    """The PCR, which must not be zeros, gets {bank: hex}: its state has a checksum, so libtpms must write it."""
    tpm = Libtpms.get()
    resume(path)
    for bank, old in read_pcr(tpm, pcr)[0].items():
        at = [(begin + i) for begin, size in variables()
              for i in [ctypes.string_at(begin, size).find(bytes.fromhex(old))] if i >= 0]
        if len(at) != 1:
            raise RuntimeError(f"PCR {pcr} is in {len(at)} places of libtpms' memory")
        new = bytes.fromhex(values[bank])
        ctypes.memmove(at[0], new, len(new))
    write(path, tpm.state(PERMANENT), tpm.state(VOLATILE))
    tpm.library.TPMLIB_Terminate()
    if look(path, pcr)[0] != values:
        raise RuntimeError("libtpms does not take the state")
