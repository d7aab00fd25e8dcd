# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two accounts with a shell did their worst during all of it: no check went blind, and root did nothing for them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import outside
import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

#: Controls that look at what people keep, and so see what these two have in their homes.
ABOUT_FILES_OF_PEOPLE = ("homes_", "files_")
PEOPLE = ("mallory", "trudy")
JUDGE = "python3 /srv/besieged.py compare /srv/besieged.json"


def audit(host: Host, moment: str) -> dict[str, dict[str, Any]]:
    path = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "manifests", outside.name(host), f"{moment}.json")
    return {finding["id"]: finding for finding in json.loads(path.read_text(encoding="utf-8"))}


def test_each_went_round_again_and_again(host: Host) -> None:
    for name in PEOPLE:
        assert outside.root(host, f"cat /srv/people/{name}/said").out == ""
        assert int(outside.root(host, f"cat /srv/people/{name}/rounds").out) > 5


def test_no_check_went_blind(host: Host) -> None:
    quiet, besieged = audit(host, "quiet"), audit(host, "besieged")
    errors = [
        {name: finding["reason"] for name, finding in findings.items() if finding["result"] == "error"}
        for findings in (quiet, besieged)
    ]
    assert quiet.keys() == besieged.keys()
    assert errors[1] == errors[0]
    elsewhere = [name for name in quiet if not name.startswith(ABOUT_FILES_OF_PEOPLE)]
    assert len(elsewhere) > 100
    assert [name for name in elsewhere if besieged[name]["result"] != quiet[name]["result"]] == []


@pytest.mark.parametrize("control", ["files_not_writable_by_everybody", "homes_start_files_closed"])
def test_what_they_have_is_seen(host: Host, control: str) -> None:
    assert audit(host, "besieged")[control]["result"] in ("fail", "fixed")


def test_root_did_nothing_for_them(host: Host) -> None:
    judged = outside.root(host, JUDGE)
    assert (judged.rc, judged.out) == (0, "")


@pytest.mark.parametrize(
    ("careless", "seen"),
    [
        ("ln -s /srv/sentinels/list $HOME_OF/borrowed && chown mallory $HOME_OF/borrowed", "/srv/sentinels/list"),
        ("ln -s /srv/sentinels $HOME_OF/lent && chmod 0640 $HOME_OF/lent/authorized_keys", "authorized_keys"),
        (
            "ln /srv/named/$(ls /srv/named | head -n 1) $HOME_OF/another_name && chmod 0606 $HOME_OF/another_name",
            "/srv/named/",
        ),
        ("touch $HOME_OF/left", "people/mallory/left"),
        ("bash $HOME_OF/.local/bin/stat", "a trap was run"),
    ],
    ids=["chown through a link", "chmod through a folder", "chmod of another name", "a file left", "a trap run"],
)
def test_the_judge_sees_what_a_careless_program_does(host: Host, careless: str, seen: str) -> None:
    done = outside.root(host, careless.replace("$HOME_OF", "/srv/people/mallory"))
    assert done.rc == 0
    judged = outside.root(host, JUDGE)
    assert judged.rc == 1
    assert seen in judged.out
