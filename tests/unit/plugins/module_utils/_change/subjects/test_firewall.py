# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One table of the packet filter, exchanged in one step."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.firewall import FilterTable, listing
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import FakeHost

TABLE = FilterTable("inet healthops")
RULES = "table inet healthops {\n\tchain input {\n\t}\n}\n"


def test_rules_come_and_go_and_other_tables_are_left() -> None:
    host = FakeHost()
    host.tables["inet theirs"] = "table inet theirs { }\n"
    before = TABLE.capture(host)
    assert before == {"rules": None}
    TABLE.put(host, {"rules": RULES})
    assert listing(host, TABLE.table) == RULES
    TABLE.put(host, before)
    assert host.tables == {"inet theirs": "table inet theirs { }\n"}


def test_line_breaks_differ_between_versions_of_nft() -> None:
    assert TABLE.matches({"rules": RULES}, {"rules": RULES.replace("\n\t", " ")})
    assert not TABLE.matches({"rules": RULES}, {"rules": None})
    assert not TABLE.matches({"rules": RULES}, {"rules": RULES.replace("input", "output")})


def test_a_table_is_whole_or_somebody_elses() -> None:
    before, after = {"rules": None}, {"rules": RULES}
    assert TABLE.is_partial(before, before, after)
    assert TABLE.is_partial(after, before, after)
    assert not TABLE.is_partial({"rules": "table inet healthops { }"}, before, after)


def test_what_nft_refuses_is_checked_first_and_nothing_is_loaded() -> None:
    host = FakeHost()
    host.nft_refuses_new = "syntax error"
    with pytest.raises(ClinicalError, match="Error: syntax error"):
        TABLE.put(host, {"rules": RULES.replace("input", "policy drop")})
    assert host.tables == {}
    assert host.operations == []


def test_a_kernel_that_lets_nobody_have_rules_is_told_and_no_nft_needs_none() -> None:
    host = FakeHost()
    host.nft_refuses = "Operation not permitted"
    with pytest.raises(ClinicalError, match="Operation not permitted"):
        TABLE.capture(host)
    host.programs.discard("nft")
    assert TABLE.capture(host) == {"rules": None}
    TABLE.put(host, {"rules": None})
    assert host.operations == []
