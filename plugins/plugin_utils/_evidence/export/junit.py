# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""junit.xml: what a CI server or a job template shows as tests. Private to the collection.

A host is a suite, a control a case. What needs somebody's decision is a failure, what could not be judged an error, and
so is a host without a result. What was waived, left out or does not apply is skipped, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.common import (
    Files,
    describe_verdicts,
    ended,
    found_and_wanted,
    silent,
    text,
    waived,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json

TAGS = {
    "fail": "failure",
    "deferred": "failure",
    "error": "error",
    "waived": "skipped",
    "notchecked": "skipped",
    "notapplicable": "skipped",
}


def export(run: Json) -> Files:
    """Return the run as JUnit XML, a suite for each host, as bytes by name."""
    suites = [_suite(name, result, run) for name, result in run["hosts"].items() if result["state"] != "failed"]
    suites += [_lost(name, why, run) for name, why in silent(run)]
    root = ElementTree.Element("testsuites", {"name": f"{run['mode']} {run['run_id']}", **_sums(suites)})
    root.extend(sorted(suites, key=lambda suite: suite.get("name", "")))
    ElementTree.indent(root, " ")
    return {"junit.xml": ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"}


def _sums(suites: Sequence[ElementTree.Element]) -> dict[str, str]:
    return {
        key: str(sum(int(suite.get(key, "0")) for suite in suites))
        for key in ("tests", "failures", "errors", "skipped")
    }


def _counted(suite: ElementTree.Element) -> ElementTree.Element:
    """The suite with its numbers, which readers want as attributes."""
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    return suite


def _suite(name: str, result: Json, run: Json) -> ElementTree.Element:
    suite = _new_suite(name, ended(run, result))
    for finding in result.get("findings", []):
        case = _case(suite, f"{name}.{finding['kind']}", f"{finding['id']}: {finding['title']}")
        outcome = finding["result"]
        if outcome in TAGS:
            _add_outcome(
                case,
                TAGS[outcome],
                outcome,
                waived(finding) or finding["reason"] or f"wanted {text(finding['wanted'])}",
                finding,
            )
    for probe in result.get("probes", []):
        case = _case(suite, f"{name}.{probe['probe']}", probe["target"])
        if not probe["healthy"]:
            tag = ElementTree.SubElement(case, "failure", {"message": text(probe["state"]), "type": "unhealthy"})
            tag.text = text(probe["saw"])
    if result.get("restored") is not None:
        _case(suite, f"{name}.revert", f"{len(result['restored'])} items put back")
    return _counted(suite)


def _lost(name: str, why: str, run: Json) -> ElementTree.Element:
    suite = _new_suite(name, ended(run))
    tag = ElementTree.SubElement(
        _case(suite, f"{name}.result", "the host gave a result"), "error", {"message": why, "type": "noresult"}
    )
    tag.text = why
    return _counted(suite)


def _new_suite(name: str, stamp: str) -> ElementTree.Element:
    # The schema that most readers know wants a time without its zone; it is UTC.
    return ElementTree.Element("testsuite", {"name": text(name), "timestamp": stamp[:19], "time": "0"})


def _case(suite: ElementTree.Element, group: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", {"classname": text(group), "name": text(name), "time": "0"})


def _add_outcome(case: ElementTree.Element, tag: str, outcome: str, message: str, finding: Json) -> None:
    element = ElementTree.SubElement(
        case, tag, {"message": text(message), **({} if tag == "skipped" else {"type": outcome})}
    )
    if tag != "skipped":
        element.text = "\n".join(
            part for part in (found_and_wanted(finding), describe_verdicts(finding), text(finding["reason"])) if part
        )
