#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""plot.py: the picture and the page of `ima-replayctl plot`, of the real service and of one that has
every mark and nasty names; the page opened in a headless Chromium.

IMA_REPLAY_KEEP=DIR keeps pictures, pages and screenshots there, to be looked at.
"""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import liar  # noqa: E402
import serve  # noqa: E402
import world  # noqa: E402
from daemon import Daemon, caught_up  # noqa: E402
from harness import Count, check, finish, program, run, skip, write  # noqa: E402
from kernel import Kernel, now_usec  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
BACKLOG, MORE = 400, 120
WINDOW = (1280, 1000)
COLOURS = {"recorded": (0x8f, 0x5a, 0x14), "extended": (0x12, 0x80, 0x4a)}
NASTY = "/tmp/</script><script>document.title='evil'</script><img src=x onerror=alert(1)>\"'&"
# Texts of the picture that touch each other, and those that leave it: nothing may.
LOOK = """<script>
const texts = [...document.querySelectorAll('svg text')].map(t => ({t: t.textContent, b: t.getBoundingClientRect()}));
const box = document.querySelector('svg').getBoundingClientRect(), bad = [];
for (const a of texts) {
  if (a.b.left < box.left || a.b.right > box.right || a.b.top < box.top || a.b.bottom > box.bottom) bad.push('out: ' + a.t);
  for (const b of texts)
    if (a !== b && a.b.left < b.b.right && b.b.left < a.b.right && a.b.top + 2 < b.b.bottom && b.b.top + 2 < a.b.bottom)
      bad.push(a.t + ' over ' + b.t);
}
if (document.documentElement.scrollWidth > innerWidth) bad.push('wider than the window');
document.body.dataset.bad = JSON.stringify(bad);
document.body.dataset.texts = texts.length;
</script>"""
FILTER = """<script>
word.value = 'MADE/7'; word.dispatchEvent(new Event('input'));
document.body.dataset.shown = rows.filter(r => !r.hidden).length + ' ' + sum.value;
word.value = ''; only.checked = true; only.dispatchEvent(new Event('input'));
document.body.dataset.violations = rows.filter(r => !r.hidden).length;
</script>"""


def chromium():
    return next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)


def browse(browser, top, page, *options):
    """(stdout, what the page's console and the browser complain of)"""
    p = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
                        "--enable-logging=stderr", f"--user-data-dir={top}/profile", f"--window-size={WINDOW[0]},{WINDOW[1]}",
                        "--virtual-time-budget=2000", *options, f"file://{page}"], stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=120, env=dict(os.environ, HOME=top))
    check(p.returncode == 0, f"{page}: the browser ends with {p.returncode}: {p.stderr[-300:]!a}")
    console = [line for line in p.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
    return p.stdout.decode(errors="replace"), console


def pixels(path):
    """(width, height, [bytes of each row], bytes of a pixel) of a PNG of 8 bits a sample."""
    with open(path, "rb") as f:
        data = f.read()
    at, body = 8, b""
    while at < len(data):
        n, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at + 8:at + 8 + n]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack_from(">IIBB", chunk)
        elif kind == b"IDAT":
            body += chunk
        at += 12 + n
    assert depth == 8 and colour in (2, 6)
    k = 3 if colour == 2 else 4
    raw, rows, above = zlib.decompress(body), [], bytes(width * k)
    for y in range(height):
        kind, row = raw[y * (width * k + 1)], bytearray(raw[y * (width * k + 1) + 1:(y + 1) * (width * k + 1)])
        for i in range(len(row)):
            a, b, c = row[i - k] if i >= k else 0, above[i], above[i - k] if i >= k else 0
            if kind == 1:
                row[i] = row[i] + a & 255
            elif kind == 2:
                row[i] = row[i] + b & 255
            elif kind == 3:
                row[i] = row[i] + (a + b) // 2 & 255
            elif kind == 4:
                p = a + b - c
                row[i] = row[i] + min((a, b, c), key=lambda v: abs(p - v)) & 255
        above = bytes(row)
        rows.append(above)
    return width, height, rows, k


def check_screenshot(name, path):
    width, height, rows, k = pixels(path)
    check((width, height) == WINDOW, f"{name}: {width}x{height}")
    counts = {}
    for row in rows:
        for i in range(0, len(row), k):
            colour = bytes(row[i:i + 3])
            counts[colour] = counts.get(colour, 0) + 1
    check(counts.get(b"\xff\xff\xff", 0) > width * height // 2, f"{name}: not on white")
    check(len(counts) > 50, f"{name}: blank: {len(counts)} colours")
    for what, colour in COLOURS.items():
        check(counts.get(bytes(colour), 0) > 100, f"{name}: no line for {what}: {counts.get(bytes(colour), 0)} pixels")
    shade = sum(n for (r, g, b), n in counts.items() if r > 240 and 215 < g < 240 and 150 < b < 215)
    check(shade > 500, f"{name}: the gap is not shaded: {shade} pixels")


def check_svg(name, text, texts):
    root = xml.fromstring(text)
    paths = {c: [p for p in root.iter(f"{SVG}path") if p.get("class") == c] for c in ("recorded", "extended", "gap", "mark")}
    check(all(paths.values()), f"{name}: {({c: len(p) for c, p in paths.items()})}")
    shown = " | ".join(t.text or "" for t in root.iter(f"{SVG}text"))
    for want in texts:
        check(re.search(want, shown), f"{name}: {want} is not in {shown}")
    check("http" not in text.replace("http://www.w3.org/2000/svg", ""), f"{name}: leads outside")
    for p in root.iter(f"{SVG}path"):
        for x in re.findall(r"[MH](-?[0-9.]+)", p.get("d")):
            check(0 <= float(x) <= 960, f"{name}: a line leaves the picture: {p.get('d')[:80]}")


def check_page(name, top, path, n_rows, shown):
    """In a browser."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    check(not re.search(r"(src|href)=(?!\"?data:)", re.sub(r"<td>.*?</td>", "", text)), f"{name}: leads outside")
    browser = chromium()
    if not browser:
        return False
    picture = f"{top}/{name}.png"
    _, console = browse(browser, top, path, f"--screenshot={picture}")
    check(console == [], f"{name}: console: {console}")
    check_screenshot(name, picture)
    probe = write(f"{top}/{name}-probe.html", text.replace("</body>", f"{LOOK}{FILTER}</body>"))
    dom, console = browse(browser, top, probe, "--dump-dom")
    check(console == [], f"{name}: console: {console}")
    check("<svg" in dom and dom.count("<tr") == n_rows + 1, f"{name}: {dom.count('<tr')} rows for {n_rows}")
    data = dict(re.findall(r'data-(\w+)="([^"]*)"', dom))
    check(data.get("bad") == "[]", f"{name}: {data.get('bad')}")
    check(int(data.get("texts", 0)) > 15, f"{name}: {data.get('texts')} texts")
    check(data.get("shown") == f"{shown} {shown} of {n_rows} records", f"{name}: the filter shows {data.get('shown')}")
    check("<title>IMA replay</title>" in dom, f"{name}: a name became a script")
    return data


def keep(top):
    where = os.environ.get("IMA_REPLAY_KEEP")
    if where:
        os.makedirs(where, exist_ok=True)
        for name in os.listdir(top):
            if name.endswith((".svg", ".html", ".png")):
                shutil.copy(f"{top}/{name}", where)


def make(ctl, root, top, name, *options):
    """PATH of the picture, PATH of the page."""
    out = {}
    for ending, more in (("svg", ()), ("html", ("--html",))):
        rc, text, err = run(ctl, f"--root={root}", "plot", *more, *options)
        check(rc == 0, f"{name}: plot {more}: exit {rc}: {err}")
        out[ending] = write(f"{top}/{name}.{ending}", text)
    return out["svg"], out["html"]


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def test_real(ctl, top):
    root = f"{top}/root"
    with Kernel(root) as kernel:
        kernel.say("burst", BACKLOG - 1)
        with Daemon(root, f"libtpms:{top}/tpm/state") as daemon, serve.Server(root) as server:
            daemon.wait_for(lambda s: s["state"] == "wait_tpm", 30, "waits")
            begun = now_usec()
            time.sleep(1)
            os.mkdir(f"{top}/tpm")
            daemon.wait_for(caught_up(BACKLOG), 30, "caught up")
            kernel.say("rate", 60)
            time.sleep(MORE / 60)
            kernel.say("stop")
            n = kernel.state["total"]
            daemon.wait_for(caught_up(n), 30, "follows")
            server.wait_for(lambda s: s["extended"] == n, 10, "served")
            svg, page = make(ctl, root, top, "real", f"--since={begun / 1e6 - 1:.2f}", f"--until={now_usec() / 1e6:.2f}")
            rc, _, err = run(ctl, f"--root={root}", "plot", "--since=9", "--until=9")
            check(rc == 2, f"an empty window: exit {rc}: {err}")
            whole = run(ctl, f"--root={root}", "plot")
    check_svg("real", read(svg), [rf"recorded: {n}\b", rf"in the TPM: {n}\b", rf"not in the TPM yet: at most {BACKLOG}", "first look",
                                  "backlog done", rf"the {BACKLOG} records that were there when ima-replayd first looked", "seconds since boot"])
    check_svg("whole", whole[1], ["backlog done", "first look"])
    shown = sum("made/7" in f"made/{i}" for i in range(n))
    return check_page("real", top, page, n, shown)


def lots(n=1983):
    """A machine that has every mark: a late TPM behind FF-A, a backlog, and a TPM that is slow once."""
    records = []
    for i in range(n):
        seen = 4710000 if i < 1545 else 5620000 + (i - 1545) * 9000
        wait = 600000 + i * 200 if i < 1545 else 350000 - (i - 1700) * 3400 if 1700 < i < 1800 else 5000
        records.append(liar.record(i, seenUSec=seen, extendedUSec=seen + max(wait, 5000), violation=i % 400 == 7,
                                   name=NASTY if i == 3 else f"/usr/lib/x86_64-linux-gnu/made/{i}.so.0"))
    return records


def test_liar(ctl, top):
    records = lots()
    gate = [{"name": n, "readiness": "ready", "readyUSec": t, "hint": None}
            for n, t in (("pkvm", 4710000), ("ffa", 5100000), ("tee_supplicant", 5140000), ("tpm", 5310000))]
    answers = {"org.imareplay.status.GetStatus": [liar.status(gate=gate)],
               "org.imareplay.replay.ReadList": [liar.listing(records[:1000], len(records)), liar.listing(records[1000:], len(records))]}
    sockets = f"{top}/liar/run/ima-replay"
    with liar.Liar(f"{sockets}/{serve.STATUS}", answers), liar.Liar(f"{sockets}/{serve.REPLAY}", answers):
        svg, page = make(ctl, f"{top}/liar", top, "liar")
        answers["org.imareplay.status.GetStatus"] = [liar.status(mode="kernel", verdict="kernel", state="kernel_owns", gate=[], backlog=None)]
        answers["org.imareplay.replay.ReadList"] = [liar.listing([dict(r, extendedUSec=None) for r in records])]
        rc, out, err = run(ctl, f"--root={top}/liar", "plot", "--until=10")
        check(rc == 0 and "The kernel extends by itself" in out and 'class="extended"' not in out, f"plot, kernel: exit {rc}: {err}")
        answers["org.imareplay.replay.ReadList"] = [liar.listing([])]
        rc, out, err = run(ctl, f"--root={top}/liar", "plot")
        check(rc == 1 and out == "" and "nothing to draw" in err, f"plot of nothing: exit {rc}: {err}")
    check_svg("liar", read(svg), ["pKVM", "FF-A", "tee-supplicant", "TPM ready", "backlog done", "the 1545 records"])
    check(page and NASTY not in read(page) and "&lt;/script&gt;" in read(page), "a name is escaped in the page")
    data = check_page("liar", top, page, len(records), sum("made/7" in r["name"] for r in records))
    if data:
        check(int(data["violations"]) == sum(r["violation"] for r in records), f"violations only: {data['violations']}")
    return data


def main():
    ctl = program("IMA_REPLAYCTL")
    world.set_library_path()
    with tempfile.TemporaryDirectory() as top:
        browsed = [test_liar(ctl, top), test_real(ctl, top)]
        keep(top)
    if not all(browsed) and not Count.failed:
        skip("the page in a browser: not installed: chromium (pictures and pages were checked without)")
    finish()


if __name__ == "__main__":
    main()
