# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package manager in a unit of its own: it is waited for, and its complaints are found in what it said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import unit
from fake_host import FakeHost

ACTIVE = ("systemctl", "is-active", "--quiet", unit.UNIT)
LOG = "/var/lib/healthops/patch/log"


def test_one_that_is_still_at_work_is_waited_for() -> None:
    host = FakeHost()
    states = iter([0, 0, 3])
    host.answers[ACTIVE] = lambda _host, argv: CommandResult(tuple(argv), next(states), "", "")
    before = host.monotonic()
    unit.wait(host)
    assert host.monotonic() - before == 2 * unit.PAUSE


def test_one_that_never_ends_is_an_error() -> None:
    host = FakeHost()
    host.answers[ACTIVE] = CommandResult(ACTIVE, 0, "", "")
    with pytest.raises(ClinicalError, match="still at work after 10 s"):
        unit.wait(host, patience=10.0)


def test_without_systemd_it_runs_as_it_is_and_what_it_says_is_added_to_the_log() -> None:
    host = FakeHost()
    del host.nodes["/run/systemd/system"]
    host.programs.add("lab")
    host.add_file(LOG, "earlier\n")
    host.answers[("lab", "-y")] = CommandResult(("lab", "-y"), 100, "Reading\n", "E: no\n")
    done = unit.as_unit(host, ["lab", "-y"], LOG, {})
    assert (done.rc, done.out, done.err) == (100, "Reading\nE: no\n", "E: no")
    assert host.text(LOG) == "earlier\nReading\nE: no\n"


def test_with_systemd_it_outlives_who_waits_and_gets_its_environment() -> None:
    class UnitHost(FakeHost):
        def run(
            self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
        ) -> CommandResult:
            self.runs.append(tuple(argv))
            return CommandResult(tuple(argv), 0, "", "")

    host = UnitHost()
    host.programs.add("lab")
    assert unit.as_unit(host, ["lab", "-y"], LOG, {"A": "b"}).err == ""
    (argv,) = host.runs
    assert argv[0] == "systemd-run"
    assert {f"--unit={unit.UNIT}", "--setenv=A=b", "--setenv=LC_ALL=C", "--property=KillMode=process"} <= set(argv)
    assert argv[-3:] == ("--", "/usr/bin/lab", "-y")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Reading\nE: Could not get lock\nE: Unable\n", "E: Could not get lock\nE: Unable"),
        ("dpkg: error of lab (--configure):\n sub failed\n", "dpkg: error of lab (--configure): sub failed"),
        (
            "Waiting for cache lock: Could not get lock /l. It is held by process 7 (a b)...\nE: Unable to acquire\n",
            "Could not get lock /l. It is held by process 7 (a b)\nE: Unable to acquire",
        ),
        ("one\ntwo\nthree\nfour\n", "two\nthree\nfour"),
    ],
)
def test_what_went_wrong_in_its_own_words(said: str, told: str) -> None:
    assert unit.complaint(said) == told
