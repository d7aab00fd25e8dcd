# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""dnf and rpm behind the interface of patching, out of what a real dnf 4.14 and rpm 4.18 answered."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Optional, Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import policy
from ansible_collections.healthops.clinical.plugins.module_utils._patch import run as patch_run
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import helper
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import manager as dnf_manager
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf.manager import Dnf
from ansible_collections.healthops.clinical.plugins.module_utils._patch.manager import Asked, Kept
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import Change, LeftOut, Observed
from ansible_collections.healthops.clinical.plugins.module_utils._patch.request import Wish
from ansible_collections.healthops.clinical.plugins.module_utils._patch.roll_back import rolled_back
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import format_stamp
from dnf_host import NOW, OBSERVED, OF_APT, SCRIPTS, DnfHost, UpdatingHost
from patched_host import wish

NEW_MACRO = (
    'if [ $1 -ge 1 ] && [ -x "/usr/lib/systemd/systemd-update-helper" ]; then\n'
    "    /usr/lib/systemd/systemd-update-helper mark-restart-system-units httpd.service htcacheclean@a.service || :\n"
    "fi\nsystemctl --no-reload preset sshd.service\n"
)


def dnf(host: DnfHost, now: datetime = NOW) -> Dnf:
    return Dnf(host, now, 7)


def changes(observed: Observed) -> Dict[str, Change]:
    return {change.name: change for change in observed.changes}


def without(**more: Any) -> Dict[str, Any]:
    return {**OBSERVED, **more}


# --- looking ---


def test_the_upgrade_is_told_with_what_its_advisories_say() -> None:
    found = changes(dnf(DnfHost()).observe())
    security = found["lab-security"]
    assert (security.old, security.new, security.security, security.severity) == ("1.0-1", "1.0-3", True, "critical")
    assert (security.cves, security.advisories) == (("CVE-2026-0001",), ("LAB-2026:0001",))
    assert security.why == ("LAB-2026:0001 says that it is for security",)
    assert (found["lab-feature"].security, found["lab-feature"].severity) == (False, "unknown")
    assert (found["lab-epoch"].new, found["lab-new"].change, found["lab-new"].old) == ("1:1.0~rc1-1", "install", "")


def test_what_is_held_and_what_dnf_leaves_out_is_told_with_the_reason() -> None:
    left_out = {out.change.name: out.reason for out in dnf(DnfHost()).observe().left_out}
    assert left_out["lab-held"] == "held or excluded on the host"
    assert "lab-nobody-has-it" in left_out["lab-lacks"]


def test_installed_packages_have_their_source_and_their_holds() -> None:
    host = DnfHost()
    host.add_file(dnf_manager.VERSIONLOCK, "# Added by hand\nlab-held-0:1.0-1.*\n!lab-conf-0:1.1-1.*\n")
    packages = dnf(host).installed()
    assert (packages["lab-epoch"].version, packages["lab-epoch"].source_version) == ("9.0-1", "9.0-1")
    assert [name for name, package in packages.items() if package.held] == ["lab-held"]


def test_two_versions_of_a_package_are_a_cut_transaction_and_two_kernels_are_not() -> None:
    host = DnfHost()
    host.installed = (
        "lab-conf\tnoarch\t1.1-1\tlab-conf-1.1-1.src.rpm\nlab-conf\tnoarch\t1.0-1\tlab-conf-1.0-1.src.rpm\n"
        "kernel-core\tx86_64\t5.14.0-427.el9\tkernel-5.14.0-427.el9.src.rpm\n"
        "kernel-core\tx86_64\t5.14.0-503.el9\tkernel-5.14.0-503.el9.src.rpm\n"
        "gpg-pubkey\t(none)\t350d275d-6279464b\t(none)\n"
    )
    packages = dnf(host).installed()
    assert {name: (package.version, package.whole) for name, package in packages.items()} == {
        "lab-conf": ("1.1-1", False),
        "kernel-core:x86_64": ("5.14.0-503.el9", True),
    }


@pytest.mark.parametrize(
    ("answer", "now", "told"),
    [
        pytest.param(without(sources=[]), NOW, "no repository is enabled", id="no repository"),
        pytest.param(
            without(sources=[{**OBSERVED["sources"][0], "advisories": False}]),
            NOW,
            "lab has no advisories",
            id="silent",
        ),
        pytest.param(OBSERVED, NOW + timedelta(days=31), "the list of lab is 31 days old", id="old"),
        pytest.param(
            without(failed=["lab: no route"]), NOW, "a list could not be read: lab: no route", id="unreachable"
        ),
        pytest.param(without(complaint="conflict"), NOW, "dnf cannot resolve the upgrade: conflict", id="unresolvable"),
    ],
)
def test_where_nobody_can_tell_the_reason_is_told(answer: Dict[str, Any], now: datetime, told: str) -> None:
    assert any(told in why for why in dnf(DnfHost(observe=answer), now).observe().unknown_because)


def test_where_everything_is_known_nothing_is_unknown() -> None:
    observed = dnf(DnfHost()).observe()
    assert (observed.unknown_because, observed.broken) == ((), ())
    assert observed.sources[0].security
    assert not observed.sources[0].stale


def test_a_cut_transaction_is_seen() -> None:
    observed = dnf(DnfHost(observe=without(duplicates=["lab-conf.noarch 1.0-1"]))).observe()
    assert observed.broken == ("lab-conf.noarch 1.0-1 was not removed: a transaction was cut",)


def test_the_cves_that_the_lists_name_are_those_of_held_packages_as_well() -> None:
    host = DnfHost()
    assert dnf(host).cves(refresh=True) == ("CVE-2026-0001", "CVE-2026-0002")
    assert [each["what"] for each in host.requests] == ["refresh", "observe"]


def test_what_is_known_to_be_exploited_is_the_most_pressing() -> None:
    security = replace(changes(dnf(DnfHost()).observe())["lab-security"], first_seen=format_stamp(NOW))
    told = [{"cve": "CVE-2026-0001", "fixed": security.source_new, "kev_due": "2999-01-01", "epss": 0.9}]
    rated = policy.read({}).rated(security, told, dnf(DnfHost()).within, NOW)
    assert (rated.severity, rated.epss, rated.cves) == ("kev", 0.9, ("CVE-2026-0001",))


def test_what_is_chosen_brings_what_it_needs_unless_that_may_not_come() -> None:
    observed = dnf(DnfHost()).observe()
    known = changes(observed)
    told = [each for each in OBSERVED["changes"] if each["name"] in ("lab-dep", "lab-new")]
    manager = dnf(DnfHost(narrow={"changes": told, "complaint": ""}))
    found, lost = manager.narrowed(observed, [known["lab-dep"]], lambda _change: None)
    assert [(change.name, change.why) for change in found] == [("lab-dep", ()), ("lab-new", ("the others need it",))]
    assert lost == ()
    barred = LeftOut("excluded", known["lab-new"], "never")
    found, lost = manager.narrowed(observed, [known["lab-dep"]], lambda c: barred if c.name == "lab-new" else None)
    assert found == ()
    assert [(out.change.name, out.reason) for out in lost] == [("lab-dep", "it needs a package that may not come")]
    assert manager.narrowed(observed, [], lambda _change: None) == ((), ())


# --- files ---


def test_what_does_not_come_fails_with_the_reason_and_changes_nothing() -> None:
    host = DnfHost(fetch={"paths": {}, "lost": ["lab-conf: 404"], "failed": []})
    conf = changes(dnf(host).observe())["lab-conf"]
    with pytest.raises(ClinicalError, match=r"lab-conf: 404\. Nothing was changed"):
        dnf(host).fetch("/var/cache/healthops-patch/run", [conf])


def test_an_earlier_version_that_nobody_has_is_not_given_up_in_silence() -> None:
    host = DnfHost(fetch={"paths": {}, "lost": [], "failed": []})
    conf = changes(dnf(host).observe())["lab-conf"]
    with pytest.raises(ClinicalError, match=r"no cache has it any more: lab-conf-1\.0-1\.noarch"):
        dnf(host).keep("/var/lib/healthops/patch/kept", [conf])


def test_an_earlier_version_is_kept_with_its_checksum() -> None:
    path = "/var/lib/healthops/patch/kept/lab-conf-1.0-1.noarch.rpm"
    host = DnfHost(fetch={"paths": {"lab-conf\tnoarch\t1.0-1": path}, "lost": [], "failed": []})
    conf = changes(dnf(host).observe())["lab-conf"]
    kept = dnf(host).keep("/var/lib/healthops/patch/kept", [conf])
    assert kept == (Kept("lab-conf", "noarch", "1.0-1", path, "mirror", "aa"),)
    assert dnf(host).damaged(kept) == ()
    assert dnf(host).damaged([replace(kept[0], sha256="bb")]) == (path,)


# --- changing ---


def transaction(host: DnfHost) -> Dict[str, Any]:
    (found,) = [each for each in host.requests if each["what"] == "transact"]
    return found


def test_a_transaction_names_its_files_and_exactly_what_is_expected() -> None:
    host = DnfHost()
    known = changes(dnf(host).observe())
    folder = "/var/cache/healthops-patch/run"
    host.mkdir("/var/cache", 0o755, 0, 0)
    host.mkdir("/var/cache/healthops-patch", 0o755, 0, 0)
    host.mkdir(folder, 0o755, 0, 0)
    paths = {"lab-conf\tnoarch\t1.1-1": f"{folder}/conf.rpm", "lab-new\tnoarch\t1.0-1": f"{folder}/new.rpm"}
    host.write(f"{folder}/paths.json", json.dumps(paths).encode(), 0o600, 0, 0, {})
    dnf(host).install(folder, [known["lab-conf"], known["lab-new"]], "/var/lib/healthops/patch/log")
    assert transaction(host) == {
        "what": "transact",
        "lock_wait": 7,
        "files": [f"{folder}/conf.rpm", f"{folder}/new.rpm"],
        "remove": [],
        "expected": [["lab-conf", "noarch", "upgrade", "1.1-1"], ["lab-new", "noarch", "install", "1.0-1"]],
    }


def test_going_back_is_one_transaction_too() -> None:
    host = DnfHost()
    known = changes(dnf(host).observe())
    kept = [Kept("lab-dep", "noarch", "1.0-1", "/kept/dep.rpm", "mirror")]
    dnf(host).put_back([known["lab-dep"], known["lab-new"]], kept, "/var/lib/healthops/patch/log")
    told = transaction(host)
    assert (told["files"], told["remove"]) == (["/kept/dep.rpm"], [["lab-new", "noarch", "1.0-1"]])
    assert told["expected"] == [["lab-dep", "noarch", "downgrade", "1.0-1"], ["lab-new", "noarch", "remove", "1.0-1"]]


@pytest.mark.parametrize(
    ("scripts", "units"),
    [
        pytest.param(SCRIPTS, ["lab-daemon.service"], id="as a real rpm tells it"),
        pytest.param(NEW_MACRO, ["httpd.service", "htcacheclean@a.service"], id="with the macro of systemd"),
        pytest.param("ldconfig\n", [], id="none"),
    ],
)
def test_restarts_are_asked_of_the_scripts_and_outlive_a_cut(scripts: str, units: List[str]) -> None:
    host = DnfHost()
    host.scripts = scripts
    manager = dnf(host)
    manager.suspend(again=False)
    manager.put_back([], [Kept("lab-daemon", "noarch", "1.0-1", "/k", "mirror")], "/var/lib/healthops/patch/log")
    conf = changes(manager.observe())["lab-daemon"]
    manager.put_back([conf], [Kept("lab-daemon", "noarch", "1.0-1", "/k", "mirror")], "/var/lib/healthops/patch/log")
    later = dnf(host)
    later.suspend(again=True)
    assert later.resume() == tuple(Asked(unit, "restart") for unit in units)
    later.suspend(again=False)
    assert later.resume() == ()


def test_the_site_s_configuration_stays_and_the_new_one_lies_beside_it() -> None:
    class Replacing(DnfHost):
        """rpm puts the changed file aside and takes its own."""

        def run(self, argv: Sequence[str], *args: Any, **more: Any) -> CommandResult:
            done = super().run(argv, *args, **more)
            if dnf_manager.PROGRAM in argv and self.requests[-1]["what"] == "transact":
                self.write("/etc/lab-conf.conf.rpmsave", b"of = ours\n", 0o640, 0, 0, {})
                self.write("/etc/lab-conf.conf", b"of = two\n", 0o644, 0, 0, {})
            return done

    host = Replacing()
    host.add_file("/etc/lab-conf.conf", "of = ours\n")
    conf = changes(dnf(host).observe())["lab-conf"]
    kept = [Kept("lab-conf", "noarch", "1.0-1", "/kept/conf.rpm", "mirror")]
    dnf(host).put_back([conf], kept, "/var/lib/healthops/patch/log")
    assert host.read("/etc/lab-conf.conf") == b"of = ours\n"
    assert host.read("/etc/lab-conf.conf.rpmnew") == b"of = two\n"
    assert host.stat("/etc/lab-conf.conf.rpmsave") is None


def test_what_a_cut_transaction_left_beside_the_new_version_is_taken_out() -> None:
    host = DnfHost(observe=without(duplicates=["lab-conf.noarch 0.9-1", "lab-conf.noarch 1.0-1"]))
    dnf(host).repair("/var/lib/healthops/patch/log")
    (erased,) = [argv for argv in host.ran if "-e" in argv]
    assert erased[-3:] == ("-e", "--nodeps", "lab-conf-0.9-1.noarch")
    assert dnf(DnfHost()).repair("/var/lib/healthops/patch/log").rc == 0


def test_a_hold_is_a_line_of_the_versionlock_list_and_others_stay() -> None:
    host = DnfHost()
    for folder in ("/etc/dnf", "/etc/dnf/plugins"):
        host.mkdir(folder, 0o755, 0, 0)
    host.write(dnf_manager.VERSIONLOCK, b"# theirs\nlab-held-0:1.0-1.*\n", 0o644, 0, 0, {})
    manager = dnf(host)
    manager.set_hold(["lab-epoch"], True)
    assert host.read(dnf_manager.VERSIONLOCK) == b"# theirs\nlab-held-0:1.0-1.*\nlab-epoch-0:9.0-1.*\n"
    manager.set_hold(["lab-epoch"], False)
    assert host.read(dnf_manager.VERSIONLOCK) == b"# theirs\nlab-held-0:1.0-1.*\n"


def test_what_came_along_is_nobody_s_choice_and_the_rest_as_it_was() -> None:
    host = DnfHost()
    known = changes(dnf(host).observe())
    dnf(host).set_marks("lab-conf.noarch\nlab-held.noarch\nlab-gone.noarch\n", [known["lab-new"]])
    marked = [argv[4:] for argv in host.ran if "mark" in argv]
    assert marked == [("mark", "install", "lab-held.noarch"), ("mark", "remove", "lab-dep.noarch")]


# --- the program ---


def test_the_program_is_ours_and_needs_nothing_of_ours() -> None:
    host = DnfHost()
    dnf(host).observe()
    text = (host.read(dnf_manager.PROGRAM) or b"").decode()
    assert "def transact" in text
    assert "ansible" not in text
    compile(text, "patch-dnf.py", "exec")


def test_a_host_without_dnf_is_told_so() -> None:
    host = DnfHost()
    host.remove("/usr/bin/dnf")
    with pytest.raises(ClinicalError, match=r"dnf 4 is needed"):
        dnf(host).observe()


def test_what_the_program_complains_of_is_told() -> None:
    class Broken(DnfHost):
        def run(self, argv: Sequence[str], *args: Any, **more: Any) -> CommandResult:
            done = super().run(argv, *args, **more)
            return replace(done, rc=1, err="Traceback\nerror: bad config\n") if dnf_manager.PROGRAM in argv else done

    with pytest.raises(ClinicalError, match="error: bad config"):
        dnf(Broken()).observe()


def test_versions_are_put_together_as_rpm_tells_them() -> None:
    class Pkg:
        def __init__(self, epoch: int, sourcerpm: Optional[str]) -> None:
            self.name, self.epoch, self.version, self.release, self.sourcerpm = "lib", epoch, "1.0", "2", sourcerpm

    assert helper.evr(Pkg(0, None)) == "1.0-2"
    assert helper.evr(Pkg(3, None)) == "3:1.0-2"
    assert helper.source_of(Pkg(3, "src-pkg-1.1-4.src.rpm")) == ("src-pkg", "3:1.1-4")
    assert helper.source_of(Pkg(0, None)) == ("lib", "1.0-2")


# --- locks of others ---

HOLDS = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); print('held'); sys.stdin.read()"


def test_who_holds_a_lock_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert helper.holder_of(str(path)) == 0
    path.touch()
    assert helper.holder_of(str(path)) == 0
    argv = [sys.executable, "-uc", HOLDS, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        assert helper.holder_of(str(path)) == other.pid
        assert "python" in helper.named(other.pid)


class Locked(Exception):
    """dnf.exceptions.ProcessLockError, which is there only where dnf is."""

    pid = 1


@pytest.mark.parametrize(("times", "wait", "asked", "rc"), [(2, 60, 3, 0), (99, 0, 1, 1)], ids=["freed", "kept"])
def test_a_lock_is_waited_for_as_long_as_the_site_says(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    times: int,
    wait: int,
    asked: int,
    rc: int,
) -> None:
    requests: List[Any] = []

    def answered(request: Any) -> int:
        requests.append(request)
        if len(requests) <= times:
            raise Locked("RPMDB already locked by 1")
        return 0

    monkeypatch.setattr(
        helper, "import_module", lambda _name: SimpleNamespace(exceptions=SimpleNamespace(ProcessLockError=Locked))
    )
    monkeypatch.setattr(helper, "answered", answered)
    monkeypatch.setattr(helper, "PAUSE", 0.0)
    assert (helper.patiently({"lock_wait": wait}), len(requests)) == (rc, asked)
    assert ("It is held by process 1 (" in capsys.readouterr().err) == bool(rc)


# --- a host on which nothing of apt is ---


def request_for(run_id: str = "run", **more: Any) -> Wish:
    return wish(run_id, now=NOW, **more)


def test_a_host_without_apt_goes_the_whole_way() -> None:
    host = UpdatingHost()
    manager, before = dnf(host), dict(host.versions)
    planned = patch_run.planned(host, manager, request_for()).plan
    assert (planned["verdict"], planned["unknown_because"], planned["own_will"]) == ("updates", [], [])
    staged = patch_run.staged(host, manager, request_for(digest=planned["digest"]))
    assert (staged.run["stage"], host.versions) == ("staged", before)
    applied = patch_run.applied(host, manager, request_for(digest=planned["digest"]))
    assert applied.run["stage"] == "applied"
    assert (host.versions["lab-security"], host.versions["lab-held"]) == ("1.0-3", before["lab-held"])
    assert applied.restarted == ("lab-daemon.service",)
    back = rolled_back(host, manager, request_for())
    assert (back.run["stage"], host.versions) == ("rolled_back", before)
    assert [argv for argv in host.ran if argv[0] in OF_APT] == []


def test_the_fake_host_has_nothing_of_apt() -> None:
    host = DnfHost()
    assert [name for name in OF_APT if host.which(name)] == []
    assert host.glob("/etc/apt*") == host.glob("/var/lib/dpkg*") == []
    with pytest.raises(ClinicalError, match="there is no such command"):
        host.run(["apt-config", "dump"])
