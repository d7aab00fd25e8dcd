# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that would stop a run is told at once; each problem once, whichever hosts have it."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest

pytest.importorskip("ansible")

from ansible.errors import AnsibleActionFail
from ansible_collections.healthops.clinical.plugins.action import preflight
from unit_tests.action.evidence_calls import call

Json = t.Dict[str, t.Any]


def asked(tmp_path: Path, hostvars: Json, *, known: t.Optional[Json] = None, **options: t.Any) -> str:
    """The message of a preflight for these hosts, whether it stops the run or not."""
    args = {"path": str(tmp_path / "evidence"), "hosts": list(hostvars), **options}
    try:
        made: str = call(preflight, args, hostvars=hostvars, groups={"all": list(hostvars)}, **(known or {}))["msg"]
    except AnsibleActionFail as error:
        return str(error)
    return made


def test_nothing_stands_in_the_way(tmp_path: Path) -> None:
    hostvars: Json = {"a": {}, "b": {"hardening_tier": "strict"}}
    assert asked(tmp_path, hostvars, roles=["hardening", "patching"]) == "Nothing stands in the way of 2 hosts."


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("in the way", encoding="utf-8")
    hostvars: Json = {"a": {"hardening_tier": "stric"}, "b/c": {}, "d": {"patching_policy": {"deadline": {}}}}
    text = asked(tmp_path, hostvars, roles=["hardening", "patching"], signing_key=str(tmp_path / "none"), approvals="")
    assert text.startswith("No host was touched: 6 things stand in the way.\n(1) ")
    for part in (
        "a file is in its place",
        "the host name 'b/c': it has a slash",
        "Signing with",
        "patching_approvals is empty",
        "a: value of hardening_tier must be one of: essential, standard, strict, got: stric",
        "d: ",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        pytest.param({"hardening_tunables": {"no_such": 1}}, "no_such", id="tunable"),
        pytest.param({"hardening_skip": {"no_such": "because"}}, "no_such", id="skip"),
        pytest.param({"hardening_profiles": ["no_such"]}, "no_such", id="profile"),
        pytest.param(
            {"hardening_waivers": [{"control": "no_such"}]}, "missing required arguments: approver", id="waiver"
        ),
        pytest.param({"hardening_extra_catalogues": ["site"]}, "there is no such directory in ", id="catalogue"),
        pytest.param({"hardening_journal_keep": "many"}, "hardening_journal_keep", id="type"),
        pytest.param({"patching_advisory_files": {"epss": "/no/such"}}, "/no/such", id="advisories"),
    ],
)
def test_a_problem_of_many_hosts_is_told_once(tmp_path: Path, variables: Json, problem: str) -> None:
    hostvars = {f"web{number}": variables for number in range(5)}
    text = asked(tmp_path, hostvars, roles=["hardening", "patching"])
    assert text.count(problem) == 1
    assert text.startswith("No host was touched. web0, web1, web2 and 2 others: ")


def test_a_catalogue_of_the_site_is_looked_for_beside_the_inventory(tmp_path: Path) -> None:
    (tmp_path / "inventory" / "site").mkdir(parents=True)
    hostvars: Json = {"a": {"hardening_extra_catalogues": ["site"], "inventory_dir": str(tmp_path / "inventory")}}
    assert f"{tmp_path}/inventory/site/controls: " in asked(tmp_path, hostvars, roles=["hardening"])


def test_what_a_host_does_not_say_is_what_the_play_says(tmp_path: Path) -> None:
    hostvars: Json = {"a": {"hardening_tier": "strict"}, "b": {}}
    text = asked(tmp_path, hostvars, known={"hardening_tier": "stric"}, roles=["hardening"])
    assert text.startswith("No host was touched. b: value of hardening_tier")


def test_approvals_that_are_over_stop_the_run(tmp_path: Path) -> None:
    path = tmp_path / "approvals.yml"
    path.write_text(f"approver: A\nexpires: 2020-01-01\nhosts:\n  a: sha256:{'0' * 64}\n", encoding="utf-8")
    assert "it ended on 2020-01-01" in asked(tmp_path, {"a": {}}, approvals=str(path))


def test_a_key_with_a_passphrase_and_a_signed_chain_without_key_stop_the_run(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret words", "-f", str(key)], check=True)
    assert "Signing with" in asked(tmp_path, {"a": {}}, signing_key=str(key))
