#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Make the seeds of fuzz-varlink: make-seeds-varlink.py [--check] DIR."""
import sys

sys.dont_write_bytecode = True
import seedfiles  # noqa: E402

ECHO = b'{"method":"a.b.Echo"}\0'


def call(text):
    return text.encode() + b"\0"


SEEDS = {
    "echo": b"\0" + ECHO,
    "pieces": b"\3" + ECHO * 3,
    "parameters": b"\0" + call('{"method":"a.b.Echo","parameters":{"text":"\\u001b\\u009b \xe9","map":{"k":[]},"array":[{},1,null]}}'),
    "held": b"\0" + call('{"method":"a.b.Echo","parameters":{"n":3},"more":true}') + ECHO,
    "held-once": b"\5" + call('{"method":"a.b.Echo","parameters":{"n":3}}') * 2,
    "oneway": b"\0" + call('{"method":"a.b.Echo","oneway":true,"parameters":{"flag":false}}') + ECHO,
    "upgrade": b"\0" + call('{"method":"a.b.Echo","upgrade":true}'),
    "later": b"\0" + call('{"method":"a.b.Later","org.vendor":{"x":1}}'),
    "info": b"\0" + call('{"method":"org.varlink.service.GetInfo","parameters":null}'),
    "description": b"\0" + call('{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"a.b"}}'),
    "not-found": b"\0" + call('{"method":"a.c.\\u0000Echo"}') + call('{"method":"a.b.\\u202eEcho"}') + call('{"method":""}'),
    "duplicate": b"\0" + call('{"method":"a.b.Echo","method":"a.b.Echo"}'),
    "duplicate-escaped": b"\0" + call('{"method":"a.b.Echo","parameters":{"n":1,"\\u006e":2}}'),
    "quotes": b"\0" + call("{'method':'a.b.Echo'}"),
    "deep": b"\0" + call('{"method":"a.b.Echo","parameters":{"array":' + "[" * 15 + "]" * 15 + "}}"),
    "numbers": b"\0" + call('{"method":"a.b.Echo","parameters":{"n":18446744073709551616}}') + call('{"method":"a.b.Echo","parameters":{"n":1e400}}'),
    "utf8": b"\0" + b'{"method":"a.b.\xc0\xaf\xed\xa0\x80"}\0',
    "empty": b"\0\0\0\0",
    "reply": b"\x80" + call('{"parameters":{"a":1}}') + call('{"error":"a.B","parameters":null}') + call('{"continues":true}'),
    "reply-bad": b"\x80" + call('{"parameters":[]}'),
    "reply-half": b"\x80" + b'{"parameters":{',
}
HELD = call('{"method":"a.b.Echo","parameters":{"n":1,"text":"x"},"more":true}')


def seeds():
    """With the byte that says which call fails."""
    for name, data in SEEDS.items():
        yield name, b"\0" + data
    for n in range(1, 17):
        yield f"fails-{n:02}", bytes([n]) + SEEDS["parameters"] + HELD
        yield f"fails-reply-{n:02}", bytes([n]) + SEEDS["reply"]


seedfiles.run(__doc__, seeds())
