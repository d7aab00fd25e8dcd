# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One transaction of exactly the set, its restarts held back, and the configuration of the site."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import program
from ansible_collections.healthops.clinical.plugins.module_utils._patch.manager import KeptPackage, ServiceRequest
from dnf_host import SCRIPTS, DnfHost, answer_with, changes_by_name, dnf_on

NEW_MACRO = (
    'if [ $1 -ge 1 ] && [ -x "/usr/lib/systemd/systemd-update-helper" ]; then\n'
    "    /usr/lib/systemd/systemd-update-helper mark-restart-system-units httpd.service htcacheclean@a.service || :\n"
    "fi\nsystemctl --no-reload preset sshd.service\n"
)


def transaction(host: DnfHost) -> dict[str, Any]:
    (found,) = [each for each in host.requests if each["what"] == "transact"]
    return found


def test_a_transaction_names_its_files_and_exactly_what_is_expected() -> None:
    host = DnfHost()
    known = changes_by_name(dnf_on(host).observe())
    folder = "/var/cache/healthops-patch/run"
    host.mkdir("/var/cache", 0o755, 0, 0)
    host.mkdir("/var/cache/healthops-patch", 0o755, 0, 0)
    host.mkdir(folder, 0o755, 0, 0)
    paths = {"lab-conf\tnoarch\t1.1-1": f"{folder}/conf.rpm", "lab-new\tnoarch\t1.0-1": f"{folder}/new.rpm"}
    host.write(f"{folder}/paths.json", json.dumps(paths).encode(), 0o600, 0, 0, {})
    dnf_on(host).install(folder, [known["lab-conf"], known["lab-new"]], "/var/lib/healthops/patch/log")
    assert transaction(host) == {
        "what": "transact",
        "lock_wait": 7,
        "files": [f"{folder}/conf.rpm", f"{folder}/new.rpm"],
        "remove": [],
        "expected": [["lab-conf", "noarch", "upgrade", "1.1-1"], ["lab-new", "noarch", "install", "1.0-1"]],
    }


def test_going_back_is_one_transaction_too() -> None:
    host = DnfHost()
    known = changes_by_name(dnf_on(host).observe())
    kept = [KeptPackage("lab-dep", "noarch", "1.0-1", "/kept/dep.rpm", "mirror")]
    dnf_on(host).put_back([known["lab-dep"], known["lab-new"]], kept, "/var/lib/healthops/patch/log")
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
def test_restarts_are_asked_of_the_scripts_and_outlive_a_cut(scripts: str, units: list[str]) -> None:
    host = DnfHost()
    host.scripts = scripts
    manager = dnf_on(host)
    manager.suspend(again=False)
    manager.put_back([], [KeptPackage("lab-daemon", "noarch", "1.0-1", "/k", "mirror")], "/var/lib/healthops/patch/log")
    conf = changes_by_name(manager.observe())["lab-daemon"]
    manager.put_back(
        [conf], [KeptPackage("lab-daemon", "noarch", "1.0-1", "/k", "mirror")], "/var/lib/healthops/patch/log"
    )
    later = dnf_on(host)
    later.suspend(again=True)
    assert later.resume() == tuple(ServiceRequest(unit, "restart") for unit in units)
    later.suspend(again=False)
    assert later.resume() == ()


def test_the_site_s_configuration_stays_and_the_new_one_lies_beside_it() -> None:
    class Replacing(DnfHost):
        """rpm puts the changed file aside and takes its own."""

        def run(self, argv: Sequence[str], *args: Any, **more: Any) -> CommandResult:
            done = super().run(argv, *args, **more)
            if program.PROGRAM in argv and self.requests[-1]["what"] == "transact":
                self.write("/etc/lab-conf.conf.rpmsave", b"of = ours\n", 0o640, 0, 0, {})
                self.write("/etc/lab-conf.conf", b"of = two\n", 0o644, 0, 0, {})
            return done

    host = Replacing()
    host.add_file("/etc/lab-conf.conf", "of = ours\n")
    conf = changes_by_name(dnf_on(host).observe())["lab-conf"]
    kept = [KeptPackage("lab-conf", "noarch", "1.0-1", "/kept/conf.rpm", "mirror")]
    dnf_on(host).put_back([conf], kept, "/var/lib/healthops/patch/log")
    assert host.read("/etc/lab-conf.conf") == b"of = ours\n"
    assert host.read("/etc/lab-conf.conf.rpmnew") == b"of = two\n"
    assert host.stat("/etc/lab-conf.conf.rpmsave") is None


def test_what_a_cut_transaction_left_beside_the_new_version_is_taken_out() -> None:
    host = DnfHost(observe=answer_with(duplicates=["lab-conf.noarch 0.9-1", "lab-conf.noarch 1.0-1"]))
    dnf_on(host).repair("/var/lib/healthops/patch/log")
    (erased,) = [argv for argv in host.ran if "-e" in argv]
    assert erased[-3:] == ("-e", "--nodeps", "lab-conf-0.9-1.noarch")
    assert dnf_on(DnfHost()).repair("/var/lib/healthops/patch/log").rc == 0
