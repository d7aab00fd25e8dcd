# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a control is on another distribution: what is sent, what the host makes of it, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls import model
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.facts import read_facts
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load as catalogue
from fake_host import FakeHost

HEAD = "title: T\n  rationale: R\n  severity: low\n  hazard: none\n  tier: standard\n"
CRON = f"""
- id: cron_runs
  {HEAD}
  applies: {{requires_path: [/usr/sbin/cron]}}
  kind: service
  settings: {{unit: cron.service, state: enabled}}
  differs:
    RedHat:
      unit: crond.service
      applies: {{requires_path: [/usr/sbin/crond]}}
"""
TRIES = f"""
- id: login_tries
  {HEAD}
  kind: config
  settings: {{file: /etc/login.defs, format: login_defs, key: LOGIN_RETRIES, value: 3}}
  tunables:
    tries: {{type: int, default: 4, min: 1, max: 6, about: Tries.}}
  differs:
    Debian: {{value: {{tunable: tries}}}}
    Ubuntu: {{op: at_most}}
    RedHat: {{kind: sudo, default: passwd_tries, value: {{tunable: tries}}}}
"""
SYSTEMS = {
    "debian": "ID=debian\nVERSION_ID=12\n",
    "ubuntu": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n',
    "rocky": 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n',
}


def load(root: Path, *texts: str) -> catalogue.Catalogue:
    (root / "controls").mkdir(exist_ok=True)
    (root / "controls" / "all.yml").write_text("".join(texts), encoding="utf-8")
    return catalogue.load([root])


def refusal(root: Path, *texts: str) -> str:
    with pytest.raises(ClinicalError) as caught:
        catalogue.select(load(root, *texts), "standard")
    return str(caught.value)


def sent(root: Path, text: str, tunables: Any = None) -> model.Control:
    (control,) = catalogue.select(load(root, text), "standard", tunables).controls
    return model.Control(**control)


def host(system: str) -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/os-release", SYSTEMS[system])
    return made


@pytest.mark.parametrize(
    ("system", "kind", "settings"),
    [
        pytest.param("debian", "config", {"value": 5}, id="the family"),
        pytest.param("ubuntu", "config", {"value": 5, "op": "at_most"}, id="the distribution over its family"),
        pytest.param("rocky", "sudo", {"default": "passwd_tries", "value": 5}, id="another kind"),
    ],
)
def test_a_host_takes_what_differs_there(tmp_path: Path, system: str, kind: str, settings: Dict[str, Any]) -> None:
    seen = read_facts(host(system))
    control = sent(tmp_path, TRIES, {"tries": 5}).for_system(seen["family"], seen["distribution"])
    below = {"file": "/etc/login.defs", "format": "login_defs", "key": "LOGIN_RETRIES"} if kind == "config" else {}
    assert (control.kind, control.settings) == (kind, {**below, **settings})


def test_what_differs_nowhere_is_taken_as_it_is(tmp_path: Path) -> None:
    control = sent(tmp_path, CRON)
    assert control.for_system("Debian", "Debian") is control


@pytest.mark.parametrize(
    ("system", "path", "subject"),
    [("debian", "/usr/sbin/cron", "cron.service"), ("rocky", "/usr/sbin/crond", "crond.service")],
)
def test_a_run_judges_what_the_host_has(tmp_path: Path, system: str, path: str, subject: str) -> None:
    made = host(system)
    wish = _baseline.BaselineRequest("a", (sent(tmp_path, CRON),))
    (absent,) = _baseline.audit(made, wish).findings
    made.add_file(path, "")
    (present,) = _baseline.audit(made, wish).findings
    assert (absent["result"], absent["reason"]) == ("notapplicable", f"{path} is not on this host")
    assert subject in present["subject"]


BAD = [
    pytest.param("RedHat:", "Redhat:", ["differs.Redhat", "unknown family", "did you mean RedHat?"], id="name"),
    pytest.param("unit: crond.service", "unti: crond", ["differs.RedHat", "did you mean unit?"], id="setting"),
    pytest.param("unit: crond.service", "unit: 5", ["differs.RedHat: settings.unit is 5"], id="value"),
    pytest.param("unit: crond.service", "kind: services", ["differs.RedHat.kind", "did you mean service?"], id="kind"),
    pytest.param(
        "unit: crond.service", "kind: banner", ["differs.RedHat: settings.path is missing"], id="settings of the kind"
    ),
    pytest.param("unit: crond.service", "unit: {tunable: none_such}", ["undefined tunable"], id="tunable"),
    pytest.param("[/usr/sbin/crond]", "[crond]", ["differs.RedHat.applies.requires_path"], id="applies"),
    pytest.param("requires_path: [/usr/sbin/crond]", "families: [RedHat]", ["unknown key"], id="families in it"),
    pytest.param("{requires_path: [/usr/sbin/cron]}", "{families: [Debian]}", ["does not apply to RedHat"], id="vain"),
    pytest.param("applies: {requires_path", "applies: {distributions: {Debain: ['12']}, requires_path", [
        "applies.distributions.Debain", "did you mean Debian?"], id="distribution"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), BAD)
def test_what_is_wrong_in_it_is_refused(tmp_path: Path, old: str, new: str, told: List[str]) -> None:
    assert old in CRON
    message = refusal(tmp_path, CRON.replace(old, new, 1))
    for part in ("all.yml:", "control cron_runs", *told):
        assert part in message


OTHER = CRON.replace("cron_runs", "other").replace("unit: cron.service", "unit: atd.service")


def test_controls_may_fight_elsewhere_only(tmp_path: Path) -> None:
    message = refusal(tmp_path, CRON, OTHER)
    assert message.count("fights over") == 1
    assert "crond.service" in message


def test_controls_of_two_families_do_not_fight(tmp_path: Path) -> None:
    """On Red Hat's family the first is about crond, so that one of its own may be about cron."""
    other = OTHER[: OTHER.index("  differs:")].replace("atd", "cron")
    red = other.replace("{requires_path: [/usr/sbin/cron]}", "{families: [RedHat]}")
    assert len(catalogue.select(load(tmp_path, CRON, red), "standard").controls) == 2
