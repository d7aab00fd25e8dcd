# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever breaks: the earlier configuration is there byte for byte, and the pages were there all the time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import configured
import pytest
from configured import ClinicHost

HOSTS = configured.hosts()
SECRET = "PLANTED-SECRET-7f1c"
KILLER = (configured.HOSTS / "inside" / "killer.py").read_text("utf-8")

#: What is broken, by which variables, and what the message then says, in the words of whoever found it.
BROKEN = [
    pytest.param({"clinic_answer": "{{ nobody_has_set_this }}"}, "nobody_has_set_this", id="template"),
    pytest.param({"clinic_more": "  nonsense here"}, "haproxy.cfg:13", id="haproxy"),
    pytest.param({"clinic_nginx": "nonsense here;"}, "clinic.conf:1", id="nginx"),
    pytest.param({"clinic_nft": "nonsense here"}, "door.nft:4", id="nftables"),
    pytest.param({"clinic_sshd": "NonsenseHere yes"}, "clinic.conf", id="sshd"),
    pytest.param({"clinic_packages": ["haproxy", "no-such-package"]}, "no-such-package", id="package"),
    pytest.param({"clinic_worker_lives": 1}, "the licence server does not know this answer", id="daemon dies"),
    pytest.param(
        {"drill_wanted": "another", "clinic_confirm_within": 60}, "Ask it as a client would", id="wrong answer"
    ),
]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[list[list[str]]]:
    """Whatever a drill does: afterwards every host is what it was."""
    before = [host.state() for host in HOSTS]
    yield before
    for host, state in zip(HOSTS, before):
        assert host.state() == state, host.name
        assert host.pages() == dict.fromkeys(configured.PORTS, "first"), host.name


@pytest.mark.parametrize(("variables", "words"), BROKEN)
def test_broken_configuration_is_not_there_afterwards(variables: dict[str, Any], words: str) -> None:
    with configured.clients(HOSTS) as clients:
        output = configured.begin(**{"drill_answer": "second", **variables}).end()
    assert words in output
    assert output.count("failed=1") == len(HOSTS), output[-3000:]
    assert clients.unanswered("haproxy") == clients.unanswered("nginx") == []
    assert SECRET not in output


def test_full_disk_leaves_the_earlier_configuration() -> None:
    sites = "/etc/nginx/conf.d"
    for host in HOSTS:  # there is room for the file that is there, and for no second one
        host.root(
            f"cp -a {sites} /srv/sites && mount -t tmpfs -o size=4k,mode=755 none {sites} && cp -a /srv/sites/. {sites}"
        )
    try:
        with configured.clients(HOSTS) as clients:
            output = configured.begin(drill_answer="second").end()
    finally:
        for host in HOSTS:
            host.root(f"umount {sites}")
    assert "No space left on device" in output
    assert clients.unanswered("haproxy") == clients.unanswered("nginx") == []


def test_control_node_that_dies_before_the_probe_leaves_a_host_that_goes_back_by_itself() -> None:
    play = configured.begin(drill_answer="second", drill_wanted="never", clinic_patience=100, clinic_confirm_within=20)
    configured.wait_for("the new page", lambda: all(host.page(8080) == "second" for host in HOSTS))
    play.kill()
    configured.wait_for("the earlier page", lambda: all(host.page(8080) == "first" for host in HOSTS))
    configured.wait_for("the end of the guard", lambda: not any(_guards(host) for host in HOSTS))


def test_power_cut_before_the_confirmation_boots_the_earlier_configuration() -> None:
    play = configured.begin(
        drill_answer="second", drill_wanted="never", clinic_patience=100, clinic_confirm_within=1800
    )
    configured.wait_for("the new page", lambda: all(host.page(8080) == "second" for host in HOSTS))
    for host in HOSTS:
        host.cut_power()
    play.kill()
    configured.wait_for("the earlier page", lambda: all(host.page(8080) == "first" for host in HOSTS))
    configured.wait_for("the worker", lambda: all(host.page(8082) == "first" for host in HOSTS))
    configured.wait_for("the end of the guard", lambda: not any(_guards(host) for host in HOSTS))


def test_module_that_is_killed_while_it_writes_is_taken_back_by_the_host() -> None:
    for host in HOSTS:
        host.root(f"cat > /srv/killer.py <<'E'\n{KILLER}\nE\n")
        host.root("systemd-run --quiet --unit=killer --collect python3 /srv/killer.py /etc/nginx/conf.d/clinic.conf")
    output = configured.begin(drill_answer="second", clinic_confirm_within=20).end()
    assert output.count("failed=1") == len(HOSTS), output[-3000:]
    for host in HOSTS:
        configured.wait_for("the end of the guard", lambda host=host: not _guards(host))  # type: ignore[misc]


#: A further daemon, which its package would start at once.
LATE: dict[str, Any] = {
    "clinic_packages": ["haproxy", "nginx-light", "vsftpd"],
    "clinic_more_units": [{"name": "vsftpd.service", "enabled": True, "state": "started"}],
}
POLICY = "/usr/sbin/policy-rc.d"


def no_daemon_started(host: ClinicHost) -> None:
    assert host.root("journalctl --quiet --unit vsftpd --output cat") == ""
    assert host.root("dpkg-query --show --showformat='${db:Status-Status}' vsftpd || true") in ("", "not-installed")


def test_module_that_is_killed_while_a_package_comes_leaves_neither_its_daemon_nor_a_policy() -> None:
    for host in HOSTS:
        host.root(f"cat > /srv/killer.py <<'E'\n{KILLER}\nE\n")
        host.root(f"systemd-run --quiet --unit=killer --collect python3 /srv/killer.py {POLICY} 1")
    output = configured.begin(clinic_confirm_within=20, **LATE).end()
    assert output.count("failed=1") == len(HOSTS), output[-3000:]
    for host in HOSTS:
        configured.wait_for("the end of the guard", lambda host=host: not _guards(host))  # type: ignore[misc]
        no_daemon_started(host)


def test_power_cut_while_a_package_comes_leaves_neither_its_daemon_nor_a_policy() -> None:
    def cut(host: ClinicHost) -> None:
        host.root(f"for _ in $(seq 600); do test -e {POLICY} && exit; sleep 0.1; done; exit 1")
        host.cut_power()

    with ThreadPoolExecutor() as pool:
        cuts = [pool.submit(cut, host) for host in HOSTS]
        play = configured.begin(clinic_confirm_within=1800, **LATE)
        for ended in cuts:
            ended.result()
    play.kill()
    configured.wait_for("the worker", lambda: all(host.page(8082) == "first" for host in HOSTS))
    configured.wait_for("the end of the guard", lambda: not any(_guards(host) for host in HOSTS))
    for host in HOSTS:
        no_daemon_started(host)


def test_check_run_check_run_say_changed_changed_ok_ok() -> None:
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "results")
    for host in HOSTS:
        kinds = ("check", "run", "run", "check")
        results = [
            json.loads((folder / f"{host.name}-{n}-{kind}.json").read_text("utf-8")) for n, kind in enumerate(kinds)
        ]
        assert [result["changed"] for result in results] == [True, True, False, False]
        assert results[0]["changes"] == results[1]["changes"]
        assert SECRET not in json.dumps(results)


def test_secret_is_where_only_root_and_the_worker_read_it() -> None:
    for host in HOSTS:
        assert host.root("cat /etc/clinic/secret; stat -c %U:%G:%a /etc/clinic/secret") == f"{SECRET}root:clinic:640"
        readable = host.root(f"grep -rls {SECRET} /var/log /var/lib /tmp /run --exclude-dir=healthops || test $? = 1")
        assert readable == ""
        assert host.root("find /var/lib/healthops -perm /077 -not -type l") == ""
        assert SECRET not in host.root("journalctl --no-pager")


def _guards(host: ClinicHost) -> str:
    return host.root("grep -l '\"armed\"' /var/lib/healthops/journal/*/guard || test $? = 1")
