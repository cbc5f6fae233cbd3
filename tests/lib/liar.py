# SPDX-License-Identifier: BSD-2-Clause
"""A service that says whatever a test tells it to: states that no test can reach with a real one in
time, and text that a sound one would never let out.

  with Liar(path, {"org.imareplay.status.GetStatus": [reply, ...]}) as liar: ...

A reply is the parameters of one, Error(name, parameters), Raw(bytes), or a function of the call's
parameters that gives one of these; with `more` all of them are sent, each after PAUSE seconds, else
the first.
"""
import json
import os
import socket
import threading
import time

PAUSE = 0.05


class Error:
    def __init__(self, name, parameters=None):
        self.name, self.parameters = name, parameters or {}


class Raw:
    def __init__(self, data):
        self.data = data


class Liar:
    def __init__(self, path, answers, linger=True):
        self.path, self.answers, self.linger, self.calls = path, answers, linger, []

    def __enter__(self):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        here = os.open(os.path.dirname(self.path), os.O_PATH)
        try:
            # sun_path has no room for a deep directory.
            self.socket.bind(f"/proc/self/fd/{here}/{os.path.basename(self.path)}")
        finally:
            os.close(here)
        self.socket.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()
        os.unlink(self.path)

    def accept(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        buffer = b""
        with s:
            while True:
                try:
                    piece = s.recv(65536)
                except OSError:
                    return
                if not piece:
                    return
                buffer += piece
                while b"\0" in buffer:
                    message, buffer = buffer.split(b"\0", 1)
                    try:
                        if not self.answer(s, json.loads(message)):
                            return
                    except OSError:
                        return

    def answer(self, s, call):
        """False: hang up."""
        self.calls.append(call)
        parameters, more = call.get("parameters") or {}, call.get("more", False)
        replies = self.answers.get(call["method"])
        if replies is None:
            replies = [Error("org.varlink.service.MethodNotFound", {"method": call["method"]})]
        if not more:
            replies = replies[:1]
        for i, reply in enumerate(replies):
            if callable(reply):
                reply = reply(parameters)
            if i:
                time.sleep(PAUSE)
            if isinstance(reply, Raw):
                s.sendall(reply.data)
                continue
            out = {"parameters": reply.parameters, "error": reply.name} if isinstance(reply, Error) \
                else {"parameters": reply}
            if more and i + 1 < len(replies):
                out["continues"] = True
            # As bytes that no JSON library would write: what is in a string goes out as it is.
            s.sendall(json.dumps(out, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\0")
        return self.linger or not more


def status(**change):
    """A GetStatus reply of a machine where all is well, but for what is said."""
    answer = {
        "bootId": "00112233445566778899aabbccddeeff", "verdict": "extended", "mode": "bypass",
        "state": "follow", "reason": None, "message": None, "stateUSec": 5620000,
        "measured": 1983, "extended": 1983, "violations": 0, "refused": 0, "foreign": 0, "trimmed": 0,
        "gate": [{"name": "pkvm", "readiness": "ready", "readyUSec": 4700000, "hint": None},
                 {"name": "ffa", "readiness": "ready", "readyUSec": 5100000, "hint": None},
                 {"name": "tee_supplicant", "readiness": "not_needed", "readyUSec": None, "hint": None},
                 {"name": "tpm", "readiness": "ready", "readyUSec": 5310000, "hint": None}],
        "tpm": {"device": "/dev/tpmrm0", "driver": "tpm_crb_ffa", "software": False, "compareAndSwap": True,
                "resetCount": 17, "restartCount": 0},
        "banks": [{"pcr": 10, "algorithm": "sha256", "value": "5ea9e3d0" * 8, "verified": 1983},
                  {"pcr": 10, "algorithm": "sha384", "value": "91c04aa1" * 12, "verified": 1983}],
        "lag": {"records": 0, "ageUSec": 0, "p50USec": 3120, "p99USec": 11800, "maxUSec": 40200},
        "backlog": {"records": 1545, "startUSec": 5310000, "doneUSec": 5620000},
        "lastExtendUSec": 6102000,
        "spool": {"records": 1983, "size": 400000, "limit": 67108864, "writable": True},
    }
    answer.update(change)
    return answer


def record(position, **change):
    answer = {"position": position, "pcr": 10, "template": "ima-ng",
              "digests": {"sha256": "ab" * 32}, "name": f"/usr/bin/{position}",
              "fileDigest": "sha256:" + "4f" * 32, "violation": False, "data": None,
              "seenUSec": 5000000 + 1000 * position, "extendedUSec": 5618000 + 1000 * position}
    answer.update(change)
    return answer


def listing(records, end=None):
    end = len(records) if end is None else end
    return {"records": records, "next": end, "end": end,
            "running": {"pcr": 10, "algorithm": "sha256", "value": "00" * 32}}
