# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as root in a test host: prints what OpenSCAP and Lynis say of it, as one line of JSON."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

CONTENT = "/srv/ssg/usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml"
LEVELS = ("minimal", "intermediary", "enhanced")
PREFIX = "xccdf_org.ssgproject.content_"
XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"
REPORT = Path("/srv/judged.xml")
#: It takes some 10 s. At times its threads wait for each other forever.
PATIENCE, ATTEMPTS = 180.0, 3


def openscap(level: str) -> dict[str, str]:
    """Rule -> result, of those that the level selects. OpenSCAP ends with 2 where a rule failed."""
    argv = ["oscap", "xccdf", "eval", "--profile", f"{PREFIX}profile_anssi_bp28_{level}", "--results", str(REPORT)]
    done = asked([*argv, CONTENT])
    if done.returncode not in (0, 2):
        raise SystemExit(done.stderr)
    results = ET.parse(REPORT).getroot().iter(f"{XCCDF}rule-result")
    pairs = ((one.get("idref", ""), one.findtext(f"{XCCDF}result", "")) for one in results)
    return {rule.replace(f"{PREFIX}rule_", ""): result for rule, result in pairs if result != "notselected"}


def asked(argv: list[str]) -> subprocess.CompletedProcess[str]:
    for _attempt in range(ATTEMPTS):
        try:
            return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            continue
    raise SystemExit(f"{argv[0]} came to no end, {ATTEMPTS} times for {PATIENCE:.0f} s")


def lynis() -> dict[str, Any]:
    """The index, and the tests that warned of something or suggested something."""
    subprocess.run(["lynis", "audit", "system", "--quick", "--no-colors", "--quiet"], capture_output=True, check=True)
    lines = Path("/var/log/lynis-report.dat").read_text("utf-8", "replace").splitlines()
    pairs = [line.partition("=")[::2] for line in lines]
    told = {key: [value.split("|") for name, value in pairs if name == f"{key}[]"] for key in ("warning", "suggestion")}
    (index,) = [int(value) for name, value in pairs if name == "hardening_index"]
    return {"index": index, **{f"{key}s": [words[:2] for words in found] for key, found in told.items()}}


print(json.dumps({"openscap": {level: openscap(level) for level in LEVELS}, "lynis": lynis()}))
