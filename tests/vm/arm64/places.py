# SPDX-License-Identifier: BSD-2-Clause
"""The addresses of monitor/places.h."""
import re
from pathlib import Path

PLACES = {name: int(value, 16) for name, value in
          re.findall(r"#define (MON_\w+)\s+(0x[0-9a-f]+)UL", (Path(__file__).parent / "monitor/places.h").read_text())}
