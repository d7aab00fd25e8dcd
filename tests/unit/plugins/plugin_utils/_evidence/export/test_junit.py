# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JUnit: every host is a suite, and what is unknown is an error."""

from __future__ import annotations

from xml.etree import ElementTree

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, run_facts
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.export.fleets import result_counts, sample_bundle


def test_the_suites_add_up() -> None:
    run = sample_bundle()
    root = ElementTree.fromstring(exported(run, ["junit"])["junit.xml"])
    counted = result_counts(run)
    unhealthy = sum(not probe["healthy"] for _host, probe in run_facts.probes(run))
    assert unhealthy == 1
    assert int(root.get("failures", "")) == counted["fail"] + counted["deferred"] + unhealthy
    assert int(root.get("errors", "")) == counted["error"] + 2
    assert int(root.get("skipped", "")) == counted["waived"] + counted["notchecked"] + counted["notapplicable"]
    assert int(root.get("tests", "")) == len(root.findall("testsuite/testcase"))
    assert [suite.get("name") for suite in root] == sorted([*run["hosts"], "down"])
    passed = [case for case in root.iter("testcase") if len(case) == 0]
    assert len(passed) == counted["pass"] + counted["fixed"] + len(run_facts.probes(run)) - unhealthy


def test_no_character_breaks_the_xml() -> None:
    result = samples.result(0, 1)
    result["findings"][0].update(result="fail")
    result["summary"] = {"fail": 1}
    kept = record.clean_result(result, "a")
    kept["findings"][0]["reason"] = "\x00\x1b<&>\"'\udce9]]>\ufffe"  # as records of older releases may hold it
    run = evidence.bundle(samples.RUN_ID, {"<&>": kept})
    root = ElementTree.fromstring(exported(run, ["junit"])["junit.xml"])
    assert "\\x00\\x1b<&>\"'\\xdce9]]>\\xfffe" in (root[0][0][0].text or "")
