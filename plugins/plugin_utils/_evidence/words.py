# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of evidence, and the one spelling of its values. Pure data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import WORST_FIRST
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.run_id import RunId

Json = dict[str, Any]

RECORD_SCHEMA = "healthops.clinical/record/1"
#: From 2 on, what a control is stands once for the whole run, under "controls".
RUN_SCHEMA = "healthops.clinical/run/2"

#: What a host came to; of a probed one nothing is known but how its services answered.
STATES = ("enforced", "reverted", "patched", "configured", "failed", "probed")

#: What is kept of a result. Everything else (invocation, ansible_facts, diff, exception, _ansible_*) is dropped:
#: only what is named here can be evidence, so nothing secret slips in beside it.
KEPT = (
    "changed",
    "msg",
    "run_id",
    "state",
    "check_mode",
    "tier",
    "started",
    "finished",
    "catalogue",
    "host",
    "summary",
    "findings",
    "changes",
    "guard",
    "warnings",
    "restored",
    "reverted_run_id",
    "reverted_runs",
    "left",
    "failed",
    "unreachable",
    "waivers",
    "availability",
    "probes",
    "frameworks",
    "profiles",
)
#: A record's times and what the baseline calls them: Ansible keeps "started" and "finished" in results for async tasks,
#: and from 2.21 on makes a boolean of the latter.
TIMES = {"started": "began", "finished": "ended"}
FINDING_KEYS = (
    "id",
    "title",
    "rationale",
    "severity",
    "hazard",
    "tier",
    "kind",
    "result",
    "reason",
    "subject",
    "wanted",
    "before",
    "after",
    "verdicts",
    "references",
)
REFERENCE_KEYS = ("framework", "title", "status", "reference", "strength")
#: What a rollback left as it is.
LEFT_KEYS = ("subject", "entry", "before", "set", "now", "reason", "run_id")
CHANGE_KEYS = ("subject", "before", "after", "why", "controls")
WAIVER_KEYS = (
    "control",
    "reason",
    "owner",
    "approver",
    "ticket",
    "compensating_control",
    "expires",
    "hosts",
    "groups",
    "value",
    "days_left",
    "used",
    "expired",
)
PROFILE_KEYS = ("id", "title")
PROBE_KEYS = ("probe", "target", "healthy", "state", "latency_ms", "saw")
FRAMEWORK_KEYS = ("title", "version", "status", "as_of", "source", "quotable")
MESSAGE_LIMIT = 4000

TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


def canonical(value: Any) -> bytes:
    """The one spelling of a value: sorted keys, no spaces, UTF-8, one newline at the end.

    Bytes that were no text (kept by Python as lone surrogates) become JSON's own ``\\udcXX`` and so are not lost.
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as exc:
        raise ClinicalError("Writing", "evidence as JSON", str(exc), "Only plain data can be evidence.") from exc
    return text.encode("utf-8", "backslashreplace") + b"\n"


def visible(text: str) -> str:
    """The text with characters that could not be seen, or that turn text around, made visible."""
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def plain(value: Any, where: str = "result") -> Any:
    """A deep copy made of exact built-in types only; Ansible hands over tagged, lazy or "unsafe" subclasses of them."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {_key(key, where): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise ClinicalError(
        "Recording", where, f"it is a {type(value).__name__}, not plain data", "Pass the registered result."
    )


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise ClinicalError("Recording", where, f"the key {key!r} is not text", "Pass the registered result.")
    return str.__str__(key)


def count(findings: Sequence[Json]) -> dict[str, int]:
    """Return how many findings have each result word; every word is there."""
    counted = dict.fromkeys(WORST_FIRST, 0)
    for finding in findings:
        counted[finding["result"]] += 1
    return counted


def check_run_id(run_id: str) -> RunId:
    """The run id, if it may name a directory of evidence; else ClinicalError."""
    if run_id == "latest":
        reason = "it is the name of the link to the newest run"
        raise ClinicalError("Using", f"the run id {run_id!r}", reason, "Choose another.")
    return RunId.of(run_id)


def check_host_name(name: str) -> str:
    """The inventory name, if it may name a file and cannot lead anywhere else; else ClinicalError."""
    bad = ""
    if not name or name != name.strip():
        bad = "it is empty or has blanks around it"
    elif name.startswith("."):
        bad = "it starts with a dot"
    elif "/" in name or "\\" in name or _CONTROL_CHARACTER.search(name):
        bad = "it has a slash, a backslash or a control character in it"
    elif len(name.encode("utf-8", "surrogatepass")) > 200:
        bad = "it is longer than 200 bytes"
    if bad:
        raise ClinicalError(
            "Using", f"the host name {name!r}", f"{bad}, so it cannot name a record", "Rename the host."
        )
    return name
