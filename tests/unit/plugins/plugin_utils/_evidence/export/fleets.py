# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet in which everything occurs, for the tests of all formats."""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export import common
from unit_tests.plugin_utils._evidence import samples

Json = t.Dict[str, t.Any]


def sample_bundle(hosts: int = 3, controls: int = 100, mode: str = "harden") -> Json:
    """A fleet in which everything occurs, also a host that failed early and one that gave no record."""
    records = {
        samples.host_name(number): record.clean_result(samples.whole(number, controls, mode), "a")
        for number in range(hosts)
    }
    records["early"] = record.clean_result({"failed": True, "msg": "no python"}, "early", samples.RUN_ID)
    records["only-asked"] = record.clean_probes([samples.probe()], "only-asked", samples.RUN_ID)
    return evidence.bundle(samples.RUN_ID, records, [*records, "down"])


def result_counts(run: Json) -> t.Counter[str]:
    return Counter(finding["result"] for _name, _result, finding in common.findings(run))
