# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals: what lets a host's changes through, and what does not."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import approvals

NOW = datetime(2026, 11, 25, 22, 0, tzinfo=timezone.utc)
DIGEST = f"sha256:{'a1' * 32}"
GOOD = f"""# Filled in by the planner.
approver: Tomas Brandt, security officer
expires: "2026-11-28"
ticket: CHG-118
hosts:
  pacs-01: {DIGEST}
  hl7-01: sha256:{"b2" * 32}
"""


def approved(folder: Path, text: str, host: str = "pacs-01", now: datetime = NOW) -> approvals.Approval:
    path = folder / "approvals.yml"
    path.write_text(text, encoding="utf-8")
    return approvals.approved(path, host, now)


def test_an_approval_says_who_let_exactly_what_through(tmp_path: Path) -> None:
    assert approved(tmp_path, GOOD).as_result() == {
        "digest": DIGEST,
        "approver": "Tomas Brandt, security officer",
        "expires": "2026-11-29T00:00:00Z",
        "ticket": "CHG-118",
        "sha256": hashlib.sha256(GOOD.encode()).hexdigest(),
    }


@pytest.mark.parametrize(
    ("expires", "last"),
    [
        pytest.param('"2026-11-28"', datetime(2026, 11, 28, 23, 59, 59, tzinfo=timezone.utc), id="a day, to its end"),
        pytest.param("2026-11-28", datetime(2026, 11, 28, 23, 59, 59, tzinfo=timezone.utc), id="without quotes"),
        pytest.param("2026-11-28T02:30Z", datetime(2026, 11, 28, 2, 29, 59, tzinfo=timezone.utc), id="a minute"),
        pytest.param("2026-11-28T02:30:10Z", datetime(2026, 11, 28, 2, 30, 9, tzinfo=timezone.utc), id="a second"),
    ],
)
def test_an_approval_holds_to_its_end_and_not_a_second_longer(tmp_path: Path, expires: str, last: datetime) -> None:
    text = GOOD.replace('"2026-11-28"', expires)
    assert approved(tmp_path, text, now=last).digest == DIGEST
    with pytest.raises(ClinicalError, match=r"it ended on 2026-11-28.*; Tomas Brandt, security officer gave it"):
        approved(tmp_path, text, now=last + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param("approver: Tomas Brandt, security officer", "approver:", "approver: no value", id="not filled in"),
        pytest.param("approver: Tomas Brandt, security officer\n", "", "approver: missing key", id="no approver"),
        pytest.param("Tomas Brandt, security officer", '" "', "approver: saw ' '", id="a blank approver"),
        pytest.param('expires: "2026-11-28"\n', "", "expires: missing key", id="no end"),
        pytest.param("2026-11-28", "soon", "expires: saw 'soon'; allowed: a day", id="no day"),
        pytest.param("2026-11-28", "2026-02-30", "expires: saw '2026-02-30'; allowed: a day", id="Feb 30"),
        pytest.param("2026-11-28", "2027-06-01", "31 days from now at the latest", id="too long"),
        pytest.param("ticket", "tickets", "did you mean ticket?", id="a misspelt key"),
        pytest.param(DIGEST, "sha256:a1", "hosts.pacs-01: saw 'sha256:a1'; allowed: the digest of a plan", id="digest"),
        pytest.param(DIGEST, "yes", "pacs-01: yes, which YAML", id="yes is no digest"),
        pytest.param("hl7-01", "pacs-01", "the key 'pacs-01' stands twice", id="a host twice"),
        pytest.param("hosts:", "hosts: [", "broken YAML", id="broken"),
        pytest.param(GOOD, "", "the file is empty", id="empty"),
        pytest.param(GOOD, "[]", "a mapping with approver", id="a list"),
        pytest.param(GOOD[GOOD.index("hosts:") :], "hosts: {}\n", "saw no host", id="no host"),
    ],
)
def test_a_file_that_is_no_approval_lets_nothing_through(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(ClinicalError) as refused:
        approved(tmp_path, GOOD.replace(old, new))
    assert told in str(refused.value)
    assert "Nothing was changed on any host" in str(refused.value)


def test_a_host_that_is_not_named_is_not_approved(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match=r"it does not name the host pacs-02; did you mean pacs-01\?"):
        approved(tmp_path, GOOD, host="pacs-02")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match=r"missing\.yml.*No such file"):
        approvals.approved(tmp_path / "missing.yml", "pacs-01", NOW)
