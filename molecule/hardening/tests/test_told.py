# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person has to decide is found, told with the reason, and as wrong after hardening as before."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import outside
import pytest
from catalogue import controls
from exceptions import TOLD
from judges import judge

if TYPE_CHECKING:
    from testinfra.host import Host

CONTROLS = {control["id"]: control for control in controls()}
UNJUDGED = ("sudo_rules_name_what_is_allowed", "sudo_rules_programs_of_root", "sshd_accepted_variables")


def finding(host: Host, name: str) -> dict[str, Any]:
    """What the first enforcing run said of a control."""
    path = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "results", f"{outside.name(host)}-1-run.json")
    found = json.loads(path.read_text("utf-8"))["findings"]
    return next(one for one in found if one["id"] == name)


@pytest.mark.parametrize("name", TOLD)
def test_it_is_still_wrong(host: Host, name: str) -> None:
    complies, saw = judge(host, CONTROLS[name])
    assert not complies, saw


@pytest.mark.parametrize("name", [*TOLD, *UNJUDGED])
def test_a_person_is_told_what_to_do(host: Host, name: str) -> None:
    told = finding(host, name)
    assert (told["result"], told["before"]) == ("fail", told["after"])
    assert len(told["reason"]) > 30


def test_a_folder_in_use_by_several_stays_and_one_that_is_not_is_closed(host: Host) -> None:
    assert outside.root(host, "stat --format %a /srv/access/mixed").out == "777"
    assert outside.root(host, "stat --format %a /srv/access/alone").out == "1777"
    assert "1 entry in /srv/access" in finding(host, "files_open_folders_sticky")["reason"]


def test_what_is_told_names_no_secret(host: Host) -> None:
    """The hashes that the mess planted, and the passwords in the homes."""
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
    texts = [path.read_text("utf-8", "replace") for path in folder.rglob("*.json") if path.is_file()]
    planted = ("CKqUTvPnLZ", "5J2lq6XVb1h5m1n7oqQqQ", "password secret", "ward:secret")
    assert len(texts) > 2
    assert [word for word in planted if any(word in text for text in texts)] == []


def test_the_log_of_the_host_does_not_repeat_what_a_run_was_given(host: Host) -> None:
    """It would be the whole catalogue, and the hash of a password where a tunable holds one."""
    log = outside.root(host, "journalctl --no-pager --output=cat").out
    assert "Invoked with" in log  # of other modules: the log is the one that Ansible writes to
    assert "controls=" not in log
