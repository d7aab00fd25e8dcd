# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue that the collection ships: complete, explained, linked, and safe on a clinical server."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Tuple

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.tiers import HAZARDS
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load as catalogue
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import purposes
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import Problems

DIRECTORY = Path(__file__).resolve().parents[3] / "roles" / "hardening" / "catalogue"
LOADED = catalogue.load([DIRECTORY])
STRICT = catalogue.select(LOADED, "strict")
SENT: Dict[str, Dict[str, Any]] = {control["id"]: control for control in STRICT.controls}
TEXTS = sorted(path for path in DIRECTORY.rglob("*") if path.is_file())


def settings_of(kind: str) -> Dict[str, Dict[str, Any]]:
    return {name: control["settings"] for name, control in SENT.items() if control["kind"] == kind}


def test_there_are_enough_controls_in_the_tiers_that_are_on_by_default() -> None:
    assert len(catalogue.select(LOADED, "standard").controls) >= 70
    assert len(catalogue.select(LOADED, "essential").controls) >= 40


def test_every_resource_kind_is_used_at_least_twice() -> None:
    counts = Counter(control.kind for control in LOADED.controls)
    once = {"firewall"}  # a host has one packet filter
    assert {kind: counts[kind] for kind in KINDS if counts[kind] < 2 - (kind in once)} == {}


@pytest.mark.parametrize("tier", ["essential", "standard", "strict"])
def test_no_two_controls_of_a_tier_fight(tier: str) -> None:
    assert catalogue.select(LOADED, tier).warnings == []


def test_ids_are_unique_over_all_files() -> None:
    ids = re.findall(
        r"^- id: (\S+)$", "".join(path.read_text() for path in TEXTS if path.parent.name == "controls"), re.M
    )
    assert len(ids) == len(set(ids)) == len(LOADED.controls)


def test_whoever_loses_an_idle_session_is_told_by_every_run_that_sees_to_it() -> None:
    settings = {name: control["settings"].values() for name, control in SENT.items()}
    ending = {
        name for name, values in settings.items() if {"StopIdleSessionSec", "shell_timeout"} & {*map(str, values)}
    }
    assert ending == {"console_idle_sessions", "shell_idle_timeout"}
    assert ending <= STRICT.cautions.keys()
    assert catalogue.select(LOADED, "standard").cautions == {}


@pytest.mark.parametrize("control", LOADED.controls, ids=lambda control: control.id)
def test_a_control_says_what_it_is_for(control: catalogue.Control) -> None:
    assert 15 <= len(control.title) <= 110
    assert not control.title.endswith(".")
    assert control.hazard in HAZARDS
    assert 40 <= len(control.rationale) <= 420
    assert control.rationale.endswith(".")
    assert 1 <= len(re.findall(r"[.:](?= |$)", control.rationale)) <= 4
    assert LOADED.references.get(control.id), "no framework reference names it"


@pytest.mark.parametrize("framework", LOADED.frameworks, ids=lambda framework: framework.id)
def test_a_framework_names_its_source_without_a_host(framework: Any) -> None:
    assert len(framework.source) > 30
    assert "://" not in framework.source
    assert framework.references


def test_the_proposed_rule_is_not_sold_as_law() -> None:
    statuses = {framework.id: framework.status for framework in LOADED.frameworks}
    assert statuses == {
        "cis_debian12": "benchmark",
        "gdpr_article_32": "law",
        "hicp_2023": "guidance",
        "hipaa_security_nprm": "proposed",
        "hipaa_security_rule": "law",
        "hph_cpg": "guidance",
        "ncsc_caf": "guidance",
        "nist_800_53r5": "guidance",
    }
    assert ["proposed" in f.title for f in LOADED.frameworks if f.status == "proposed"] == [True]


@pytest.mark.parametrize("framework", LOADED.frameworks, ids=lambda framework: framework.id)
def test_a_benchmark_gives_its_numbers_only(framework: Any) -> None:
    assert framework.quotable == (framework.status != "benchmark")
    if not framework.quotable:
        assert all(re.fullmatch(r"[0-9.]+", reference.id) for reference in framework.references)


@pytest.mark.parametrize("name", ["nist_800_53r5", "gdpr_article_32", "hph_cpg", "hicp_2023", "ncsc_caf"])
def test_every_control_supports_something(name: str) -> None:
    (framework,) = [framework for framework in LOADED.frameworks if framework.id == name]
    linked = {control for reference in framework.references for control in reference.controls}
    assert [control.id for control in LOADED.controls if control.id not in linked] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_text_names_a_host_or_a_benchmark_number(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    # REUSE-IgnoreStart
    assert text.startswith(("# SPDX-FileCopyrightText:", "<!--\nSPDX-FileCopyrightText:"))
    assert "SPDX-License-Identifier: GPL-3.0-or-later" in text.split("\n\n")[0]
    # REUSE-IgnoreEnd
    plain = re.sub(r"@openssh\.com|/issue\.net|\bdocker\.io\b", "", text)
    assert re.findall(r"https?://|\b[\w-]+\.(?:org|com|net|io)\b", plain) == []
    # The benchmark is named where its numbers are linked, and nowhere else.
    assert path.stem == "cis_debian12" or re.findall(r"\bCIS\b|\bSTIG\b", text) == []


def test_ssh_takes_away_no_way_to_log_in() -> None:
    options = {settings["option"] for settings in settings_of("sshd").values()}
    takes_away = {
        "AllowTcpForwarding",
        "AllowUsers",
        "AuthenticationMethods",
        "DenyGroups",
        "DenyUsers",
        "DisableForwarding",
        "KbdInteractiveAuthentication",
        "ListenAddress",
        "PasswordAuthentication",
        "Port",
        "PubkeyAuthentication",
    }
    assert options & takes_away == set()
    assert settings_of("sshd")["sshd_uses_pam"]["value"] == "yes"
    assert settings_of("sshd")["sshd_access_limited"]["value"] == "none"  # the site has to name its groups first
    root = settings_of("sshd")["sshd_root_login"]
    assert (root["value"], root["accept"]) == ("prohibit-password", ["no", "forced-commands-only"])


def test_the_kernel_can_go_back_and_goes_on_forwarding() -> None:
    one_way = {
        "kernel.kexec_load_disabled": (1,),
        "kernel.modules_disabled": (1,),
        "kernel.unprivileged_bpf_disabled": (1,),
        "kernel.yama.ptrace_scope": (3,),
    }
    for settings in settings_of("sysctl").values():
        assert settings["value"] not in one_way.get(settings["key"], ()), settings
        assert settings["key"] not in ("user.max_user_namespaces", "kernel.unprivileged_userns_clone")


def test_only_the_strict_tier_ends_forwarding_and_never_where_containers_run() -> None:
    found = [c for c in LOADED.controls if c.kind == "sysctl" and "forward" in str(c.settings["key"])]
    assert len(found) == 2
    for control in found:
        assert (control.tier, control.hazard) == ("strict", "availability")
        assert control.applies["unless_container_engine"] is True


def test_a_full_audit_disk_stops_nothing_and_the_rules_stay_changeable() -> None:
    stopping = {"HALT", "SINGLE", "EXEC", "KEEP_LOGS"}
    daemon = [s for s in settings_of("config").values() if s["file"] == "/etc/audit/auditd.conf"]
    assert {"disk_full_action", "admin_space_left_action", "space_left_action"} <= {s["key"] for s in daemon}
    for settings in daemon:
        values = [settings["value"], *settings.get("accept", ())]
        assert {str(value).upper() for value in values} & stopping == set()
    rules = [rule for settings in settings_of("audit_rules").values() for rule in settings["rules"]]
    assert len(rules) > 60
    assert {rule.split()[0] for rule in rules} == {"watch", "calls", "runs"}  # so none can be "-e 2"


def test_a_boot_password_is_never_on_by_itself_and_kernel_arguments_can_go_back() -> None:
    boot = settings_of("boot")
    assert [s["password_hash"] for s in boot.values() if "password_hash" in s] == ["none"]
    assert {SENT[name]["hazard"] for name, s in boot.items() if "argument" in s} <= {"reboot", "app_break"}


def test_automation_keeps_its_sudo_and_nothing_expires() -> None:
    defaults = {settings["default"]: name for name, settings in settings_of("sudo").items() if "default" in settings}
    assert defaults.keys() & {"requiretty", "noexec", "umask"} == set()
    assert SENT[defaults["authenticate"]]["hazard"] == "lockout"  # taken back where automation counted on it
    ageing = {name: settings for name, settings in settings_of("accounts").items() if "groups" in settings}
    assert {tuple(settings["groups"]) for settings in ageing.values()} == {()}
    keys = {settings["key"] for settings in settings_of("config").values()}
    assert keys & {"PASS_MAX_DAYS", "PASS_MIN_DAYS", "INACTIVE"} == set()


def test_programs_still_start_from_the_folders_that_installers_use() -> None:
    found = {settings["path"] for settings in settings_of("mount").values() if "noexec" in settings.get("options", ())}
    assert found == {"/dev/shm", "/var/log", "/var/log/audit"}


def test_what_can_break_something_says_so() -> None:
    def hazard_of(name: str) -> Tuple[str, str]:
        return name, SENT[name]["hazard"]

    harmless = [name for name, control in SENT.items() if control["hazard"] == "none"]
    removing = {name for name, settings in settings_of("package").items() if settings["state"] == "absent"}
    assert removing & set(harmless) == {"package_talk"}
    restarting = {name for name, settings in settings_of("config").items() if settings.get("unit")}
    assert {hazard_of(name) for name in restarting if SENT[name]["hazard"] not in ("restart", "app_break")} == set()
    assert "lockout" in hazard_of("sshd_root_login")


def test_what_decides_who_gets_in_is_done_under_the_guard() -> None:
    """Whoever adds such a control must not forget the hazard: it is what has the change taken back."""
    deciding = {
        "Ciphers",
        "HostbasedAuthentication",
        "HostKeyAlgorithms",
        "IgnoreRhosts",
        "KexAlgorithms",
        "MACs",
        "MaxAuthTries",
        "PermitEmptyPasswords",
        "PermitRootLogin",
        "PubkeyAcceptedAlgorithms",
        "RequiredRSASize",
        "StrictModes",
    }
    guarded = {name for name, settings in settings_of("sshd").items() if settings["option"] in deciding}
    guarded |= {
        name for name, settings in settings_of("sudo").items() if settings.get("default") in ("env_reset", "use_pty")
    }
    guarded |= {name for name, settings in settings_of("sysctl").items() if "conf.all.rp_filter" in settings["key"]}
    guarded |= {name for name, settings in settings_of("file").items() if re.search(r"shadow$|hosts", settings["path"])}
    assert len(guarded) > 10
    assert {name for name in guarded if SENT[name]["hazard"] != "lockout"} == {"file_gshadow"}  # no login reads it


def test_drop_ins_sort_after_those_of_the_distribution() -> None:
    """Debian 13 ships journald.conf.d/syslog.conf and limits.d/10-coredump-debian.conf; the last name wins in both."""
    names = {Path(settings["drop_in"]).name for settings in settings_of("config").values() if "drop_in" in settings}
    assert names == {"zz-healthops.conf"}


def test_the_worked_examples_of_the_readme_load(tmp_path: Path) -> None:
    text = (DIRECTORY / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.S)
    control = next(block for block in blocks if block.startswith("- id:"))
    link = next(block for block in blocks if block.startswith("extends:"))
    tunable = next(block for block in blocks if "tunables:" in block).replace("sshd_max_auth_tries", "readme_tries")
    head = {"title": "T", "rationale": "R", "severity": "low", "hazard": "none", "tier": "strict", "kind": "sshd"}
    tuned = "- id: readme_tuned\n" + "".join(f"  {key}: {value}\n" for key, value in head.items()) + tunable
    for folder, name, content in (
        ("controls", "one.yml", control),
        ("controls", "two.yml", tuned.replace("MaxAuthTries", "X11DisplayOffset")),
        ("frameworks", "nist.yml", link.replace("site_pacs_login_tries", "kernel_core_names_process")),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(content, encoding="utf-8")
    selection = catalogue.select(catalogue.load([DIRECTORY, tmp_path]), "strict", {"readme_tries": 3})
    supported = selection.metadata["kernel_core_names_process"]["references"].values()
    assert [list(references) for references in supported] == [["AC-7"]]
    assert selection.controls[-1]["settings"]["value"] == 3


def test_the_readme_names_every_setting_of_every_kind() -> None:
    text = (DIRECTORY / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.M))
    wanted = {name: set(kind.SETTINGS) for name, kind in KINDS.items()}
    assert {name: {key for key in keys if f"`{key}`" not in rows.get(name, "")} for name, keys in wanted.items()} == {
        name: set() for name in KINDS
    }


def test_every_purpose_of_a_profile_is_known() -> None:
    texts = [path.read_text(encoding="utf-8") for path in TEXTS if path.parent.name == "profiles"]
    named = {
        word for text in texts for line in re.findall(r"^purposes: \[(.*)\]", text, re.M) for word in line.split(", ")
    }
    known = purposes.load([DIRECTORY], Problems())
    assert {"database", "web_server"} <= named <= set(known)
