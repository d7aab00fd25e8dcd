# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned, held against apt itself; and what nobody can know is said to be unknown."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from laboratory import AFTER, BEFORE, ROOT, Mirror, Patched, excluding

REAL = "/root/sources.list.real"


def simulated(host: Patched) -> set[tuple[str, str, str]]:
    """What apt would do by itself."""
    told = host.look("LC_ALL=C apt-get -s dist-upgrade")
    found = re.findall(r"^Inst (\S+?)(?::\S+)? (?:\[(\S+)\] )?\((\S+) ", told, re.MULTILINE)
    return set(found)


def listed(plan: dict, key: str = "changes") -> set[tuple[str, str, str]]:  # type: ignore[type-arg]
    return {(one["name"], one["from"], one["to"]) for one in plan[key]}


def test_the_plan_is_what_apt_would_do(fresh: Patched) -> None:
    plan = fresh.planned()
    assert listed(plan) == simulated(fresh)
    assert listed(plan) == {(n, BEFORE.get(n, ""), v) for n, v in AFTER.items() if BEFORE.get(n) != v}
    assert listed(plan, "held") == {("lab-held", "1.0-1", "1.0-1+deb12u1")}
    assert listed(plan, "phased") == {("lab-phased", "1.0-1", "1.0-2")}
    assert (plan["verdict"], plan["changed"]) == ("updates", False)
    assert fresh.planned()["digest"] == plan["digest"]


def test_a_fix_that_sits_in_main_is_a_security_update(fresh: Patched) -> None:
    changes = {one["name"]: one for one in fresh.planned()["changes"]}
    main = changes["lab-main"]
    assert (main["to"], main["security"]) == ("1.0-2", True)
    assert "-security" not in main["origin"]
    assert "1.0-1+deb12u1 has the label Debian-Security" in main["why"][0]
    assert {name for name, one in changes.items() if one["security"]} == {
        *("lab-library", "lab-main", "lab-security", "lab-service"),
        *("linux-image-6.90.0-2-lab-amd64", "linux-image-lab-amd64"),
    }


def test_security_only_takes_them_and_nothing_else(fresh: Patched) -> None:
    plan = fresh.planned(policy={"security_only": True})
    assert {one["name"] for one in plan["changes"]} == {
        *("lab-library", "lab-main", "lab-security", "lab-service"),
        *("linux-image-6.90.0-2-lab-amd64", "linux-image-lab-amd64"),
    }
    assert {one["name"] for one in plan["not_allowed"]} >= {"lab-auto", "lab-conf", "lab-feature"}


def test_what_is_excluded_is_told_with_reason_and_end(fresh: Patched) -> None:
    (out,) = fresh.planned(policy=excluding("lab-postinst"))["excluded"]
    assert (out["name"], out["reason"], out["expires"]) == ("lab-postinst", "excluded: of the test", "2099-12-31")


def test_what_it_interrupts_is_foretold(fresh: Patched) -> None:
    changes = {one["name"]: one for one in fresh.planned()["changes"]}
    users = {"lab-daemon.service", "lab-reader.service", "lab-service.service"}
    assert set(changes["lab-library"]["restarts"]) == users
    assert changes["lab-daemon"]["restarts"] == ["lab-daemon.service"]
    assert [name for name, one in changes.items() if one["reboot"]] == [
        *("linux-image-6.90.0-2-lab-amd64", "linux-image-lab-amd64"),
    ]


def test_advisories_name_the_deadline(fresh: Patched, tmp_path: Path) -> None:
    fixed = {"status": "resolved", "repositories": {}, "fixed_version": "0.9-2", "urgency": "high"}
    tracker = {"lab-auto": {"CVE-2026-0009": {"releases": {"bookworm": fixed, "trixie": fixed}}}}
    (tmp_path / "tracker.json").write_text(json.dumps(tracker), encoding="utf-8")
    carried_in = {"debian_tracker": str(tmp_path / "tracker.json")}
    plan = fresh.planned(advisory_files=carried_in, advisory_cache=str(tmp_path / "cache"))
    auto = next(one for one in plan["changes"] if one["name"] == "lab-auto")
    assert (auto["security"], auto["severity"], auto["cves"]) == (True, "high", ["CVE-2026-0009"])
    assert auto["days_left"] == 14


def test_check_mode_leaves_no_trace(fresh: Patched) -> None:
    fresh.look("apt-get update")  # the lists are not read anew in check mode
    assert fresh.planned(check=True)["verdict"] == "updates"
    assert fresh.look("ls /var/lib/healthops /var/cache/healthops/packages 2> /dev/null", check=False) == ""


def test_a_mirror_that_is_no_longer_renewed_is_unknown(fresh: Patched, mirror: Mirror) -> None:
    mirror.show("stale")
    fresh.look("rm -rf /var/lib/apt/lists/*")
    plan = fresh.planned()
    assert plan["verdict"] == "unknown"
    assert any("-security is 60 days old" in why for why in plan["unknown_because"])
    assert {source["codename"].partition("-")[2]: source["stale"] for source in plan["sources"]} == {
        "": False,  # a release of Debian itself is renewed only with the next point release
        "security": True,
        "updates": True,
    }
    mirror.show("after")


def test_without_a_source_of_security_it_is_unknown(fresh: Patched) -> None:
    fresh.look("sed -i 's/ [a-z]*-security$//' /etc/apt/sources.list.d/lab.sources")
    plan = fresh.planned()
    fresh.look("sed -i 's/^Suites: \\([a-z]*\\) .*/& \\1-security/' /etc/apt/sources.list.d/lab.sources")
    assert plan["verdict"] == "unknown"
    assert "no source brings the security updates" in plan["unknown_because"][0]
    assert {one["security"] for one in plan["changes"]} == {None}
    assert fresh.planned()["verdict"] == "updates"


def test_a_mirror_that_does_not_answer_is_unknown(fresh: Patched, mirror: Mirror) -> None:
    fresh.look("apt-get update")
    mirror.up(False)
    plan = fresh.planned()
    mirror.up(True)
    assert plan["verdict"] == "unknown"
    assert any("could not be read anew" in why for why in plan["unknown_because"])


def test_what_would_act_by_itself_is_told(fresh: Patched) -> None:
    assert fresh.planned()["own_will"] == []  # the timers of the test hosts are masked
    fresh.look(
        "systemctl unmask apt-daily-upgrade.timer && systemctl enable --now apt-daily-upgrade.timer &&"
        " echo 'Unattended-Upgrade::Automatic-Reboot \"true\";' > /etc/apt/apt.conf.d/99lab &&"
        " echo \"\\$nrconf{restart} = 'a';\" > /etc/needrestart/conf.d/lab.conf"
    )
    told = fresh.planned()["own_will"]
    fresh.look(
        "systemctl disable --now apt-daily-upgrade.timer && systemctl mask apt-daily-upgrade.timer &&"
        " rm /etc/apt/apt.conf.d/99lab /etc/needrestart/conf.d/lab.conf"
    )
    assert [sentence.partition(":")[0].partition(",")[0] for sentence in told] == [
        "unattended-upgrades installs by itself",
        "unattended-upgrades restarts the host by itself",
        "needrestart restarts services by itself after every apt",
    ]


@pytest.mark.parametrize("seed", [1])
def test_this_dpkg_orders_versions_as_we_do(host: Patched, seed: int) -> None:
    sys.path.insert(0, str(ROOT / "tests" / "unit"))
    sys.path.insert(0, str(ROOT / "tests" / "unit" / "plugins" / "module_utils" / "_patch" / "apt"))
    sys.path.insert(0, str(Path(ROOT, ".cache", "collections")))
    from test_versions import claims

    told = "\n".join(" ".join(claim) for claim in claims(5000, seed))
    ask = 'dpkg --compare-versions "$one" "$word" "$other"'
    script = f'while read -r one word other; do {ask} || echo "$one $word $other"; done'
    assert host.look(f"{script} <<'CLAIMS'\n{told}\nCLAIMS\n") == ""


def test_a_plan_against_the_real_mirror_is_what_apt_would_do(fresh: Patched) -> None:
    """Plan only. Where an older version of openssl is still to be had, it is a fix that sits in main."""
    fresh.look(f"mv /etc/apt/sources.list.d/lab.sources /root && cp {REAL} /etc/apt/sources.list")
    try:
        plan = fresh.planned()
        assert listed(plan) == simulated(fresh)
        assert not [why for why in plan["unknown_because"] if "no source" in why or "not signed" in why]
        assert {source["label"] for source in plan["sources"]} == {"Debian", "Debian-Security"}
        assert all(source["released"] for source in plan["sources"])
    finally:
        fresh.look("mv /root/lab.sources /etc/apt/sources.list.d/ && rm /etc/apt/sources.list && apt-get update -qq")
