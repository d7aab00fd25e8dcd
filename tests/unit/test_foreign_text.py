# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a host's files hold, hostile or merely odd: each control is judged, or is an error that names the file.

The catalogue as a whole and one control or more of each kind are held against a host; every file that they read and
every program that they ask then says something else, a line more or nothing of what it should. Never may an audit
end, never may a Python message reach people, and never may there be fewer assessments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml")

from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.context import SurveyContext
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Assessment, Control
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._host.facts import read_facts
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load, reference
from dirty_host import controls, dirty_host
from fake_host import FakeHost
from strangeness import PYTHON, Strangeness, make_strange, variants

SHIPPED = Path(__file__).resolve().parents[2] / "roles" / "hardening" / "catalogue"
CONTROLS = [
    *(Control(**sent) for sent in load.select(reference.read(SHIPPED).catalogue, "strict").controls),
    *controls(),
]


def strange_host(strangeness: Strangeness) -> FakeHost:
    """Return a host of which each file and program can be made to say something else."""
    host = dirty_host()
    host.add_file("/etc/os-release", 'ID=debian\nVERSION_ID="12"\n')
    host.add_file("/root/.profile", "umask 027\n")
    host.add_file("/etc/profile", "PATH=/bin\nTMOUT=5\n")
    host.add_file("/home/alice/.ssh/authorized_keys", "ssh-ed25519 AAAA alice\n", uid=1000)
    return make_strange(host, strangeness)


def survey(host: FakeHost, kind: str) -> dict[str, Assessment]:
    of_kind = [control for control in CONTROLS if control.kind == kind]
    return dict(_baseline.survey(host, of_kind, SurveyContext(facts=read_facts(host))).assessments)


def complaints(usual: dict[str, Assessment], strange: dict[str, Assessment], source: str) -> list[str]:
    """Return what is wrong with the assessments of a host on which this source says something else."""
    wrong = [f"no assessment of {control}" for control in sorted(usual.keys() - strange.keys())]
    for control, assessment in strange.items():
        if assessment.result != "error" or usual[control].result == "error":
            continue
        if PYTHON.search(assessment.reason):
            wrong.append(f"{control}: {assessment.reason[:200]}")
        elif source.split(" ")[0] not in assessment.reason.replace("dpkg ", "dpkg-query "):
            wrong.append(f"{control} does not name {source}: {assessment.reason[:200]}")
    return wrong


#: The kernel's own tables, and what decides for the whole host whether it can be judged at all.
NOT_TRIED = re.compile(r"/proc/|/etc/os-release$")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_source_of_a_kind_may_say_anything(kind: str) -> None:
    strangeness = Strangeness()
    host = strange_host(strangeness)
    read: Callable[[str], bytes | None] = dirty_host().read
    usual = survey(host, kind)
    sources = sorted(path for path in strangeness.files if not NOT_TRIED.match(path)) + sorted(strangeness.programs)
    wrong: list[str] = []
    for source in sources:
        content = (read(source) or b"x\n") if source.startswith("/") else b"x y\n"
        for variant in variants(content):
            strangeness.instead = {source: variant}
            wrong += complaints(usual, survey(host, kind), source)
    assert list(dict.fromkeys(wrong))[:10] == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_of_control_is_among_those_that_are_tried(kind: str) -> None:
    assert [control.id for control in CONTROLS if control.kind == kind]


@pytest.mark.parametrize("line", ["ID='debian", 'ID_LIKE="', "VERSION_ID='12"])
def test_a_host_that_does_not_say_what_it_is_is_told_by_file_and_line(line: str) -> None:
    host = dirty_host()
    host.add_file("/etc/os-release", f"NAME='Ward's\n{line}\n")
    with pytest.raises(_baseline.ClinicalError, match=r"Reading /etc/os-release:2: "):
        read_facts(host)


def test_what_nobody_foresaw_costs_one_kind_and_is_no_python_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def observe(*_arguments: Any) -> None:
        int("one")

    monkeypatch.setattr(KINDS["cron"], "observe", observe)
    host = dirty_host()
    surveyed = _baseline.survey(host, controls(), SurveyContext(facts=read_facts(host)))
    assert {control.id for control in controls()} == set(surveyed.assessments)
    reasons = {a.reason for a in surveyed.assessments.values() if a.control.startswith("cron_")}
    (reason,) = reasons
    assert re.search(r"something on this host is not as we read it \(ValueError in test_foreign_text.py:\d+\)", reason)
    assert "invalid literal" not in reason


def test_enough_sources_are_tried() -> None:
    """A kind that reads nothing on this host would be tried in vain."""
    strangeness = Strangeness()
    host = strange_host(strangeness)
    for kind in KINDS:
        survey(host, kind)
    assert len([path for path in strangeness.files if not NOT_TRIED.match(path)]) >= 30
    assert {name.split(" ")[0] for name in strangeness.programs} >= {"sshd", "cvtsudoers", "systemctl", "dpkg-query"}
