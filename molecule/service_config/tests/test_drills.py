# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever breaks: the earlier configuration is there byte for byte, and the pages were there all the time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import configured
import pytest
from configured import ClinicHost

HOSTS = configured.hosts()
FULL = os.environ.get("HEALTHOPS_DRILLS") == "full"
SECRET = "PLANTED-SECRET-7f1c"
KILLER = (configured.HOSTS / "inside" / "killer.py").read_text("utf-8")

SSHD = "/etc/ssh/sshd_config.d/clinic.conf"
PUT_BACK = "the host was put back as it was"

#: What is broken, by which variables, and what the message then says, in the words of whoever found it.
BROKEN = [
    pytest.param({"clinic_answer": "{{ nobody_has_set_this }}"}, ["'nobody_has_set_this' is undefined"], id="template"),
    pytest.param(
        {"clinic_more": "  nonsense here"},
        ["[/etc/haproxy/haproxy.cfg:13]", "unknown keyword 'nonsense'", PUT_BACK],
        id="haproxy",
    ),
    pytest.param(
        {"clinic_nginx": "nonsense here;"},
        ['unknown directive "nonsense" in /etc/nginx/conf.d/clinic.conf:1', PUT_BACK],
        id="nginx",
    ),
    pytest.param({"clinic_nft": "nonsense here"}, ["/etc/clinic/door.nft:4:", "syntax error", PUT_BACK], id="nftables"),
    pytest.param(
        {"clinic_sshd": "NonsenseHere yes"},
        [f"{SSHD}: line 1: Bad configuration option: NonsenseHere", PUT_BACK],
        id="sshd",
    ),
    pytest.param(
        {"clinic_packages": ["haproxy", "no-such-package"]},
        ["Planning the packages no-such-package: E: Unable to locate package no-such-package"],
        id="package",
    ),
    pytest.param(
        {"clinic_kernel": {"kernel.no_such_value": "1"}},
        ["kernel.no_such_value: this kernel does not have it; nothing was changed"],
        id="kernel value that is not there",
    ),
    pytest.param(
        {"clinic_kernel": {"net.ipv4.ip_nonlocal_bind": "nonsense"}},
        ["Invalid argument (setting /proc/sys/net/ipv4/ip_nonlocal_bind)", PUT_BACK],
        id="kernel value that is refused",
    ),
    pytest.param(
        {"clinic_worker_lives": 1},
        ["clinic-worker.service", "the licence server does not know this answer", PUT_BACK],
        id="daemon dies",
    ),
    pytest.param(
        {"drill_wanted": "another", "clinic_confirm_within": 60},
        ["has its earlier configuration of clinic back, because the new one does not answer as it should"],
        id="wrong answer",
    ),
]
#: How often the worker is restarted: with the new settings, and with the earlier ones.
THERE_AND_BACK = 2


@pytest.fixture(autouse=True)
def as_before() -> Iterator[list[list[str]]]:
    """Whatever a drill does: afterwards every host is what it was."""
    before = [host.state() for host in HOSTS]
    packages = [host.packages() for host in HOSTS]
    yield before
    for host, state, installed in zip(HOSTS, before, packages):
        assert host.state() == state, host.name
        assert host.packages() == installed, host.name
        assert host.pages() == dict.fromkeys(configured.PORTS, "first"), host.name


@pytest.mark.parametrize(("variables", "words"), BROKEN)
def test_broken_configuration_is_not_there_afterwards(variables: dict[str, Any], words: list[str]) -> None:
    with configured.clients(HOSTS) as clients:
        output = configured.begin(**{"drill_answer": "second", **variables}).end()
    messages = configured.failures(output)
    assert sorted(messages) == [host.name for host in HOSTS], output[-3000:]
    for message in messages.values():
        assert [text for text in words if text not in message] == [], message
    assert output.count("failed=1") == len(HOSTS), output[-3000:]
    # One that has died is started with the earlier settings, and then notified of them like the others.
    require_answers(clients, restarts=THERE_AND_BACK + ("clinic_worker_lives" in variables))
    assert SECRET not in output


def require_answers(clients: configured.Clients, restarts: int) -> None:
    """Both servers answered all the time; the worker was away for no more than its own restarts."""
    assert clients.unanswered("haproxy") == clients.unanswered("nginx") == []
    assert clients.gaps("worker") <= restarts, clients.answers


#: The only package of a repository of the host's own: it comes after the one that it needs, and its script fails.
FAILING = r"""
set -eu
mkdir -p /srv/failing
cd /srv/failing
: > Packages
for name in clinic-helper clinic-failing; do
  mkdir -p "$name/DEBIAN" "$name/etc/$name"
  echo "$name" > "$name/etc/$name/settings"
  printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: Clinic <c@clinic.example>\nDescription: a tool\n' \
    "$name" > "$name/DEBIAN/control"
done
echo 'Depends: clinic-helper' >> clinic-failing/DEBIAN/control
printf '#!/bin/sh\necho no licence for this server >&2\nexit 7\n' > clinic-failing/DEBIAN/postinst
chmod 0755 clinic-failing/DEBIAN/postinst
for name in clinic-helper clinic-failing; do
  dpkg-deb -Znone --build "$name" "$name.deb" > /dev/null
  cat "$name/DEBIAN/control" >> Packages
  printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' \
    "$name" "$(stat -c %s "$name.deb")" "$(sha256sum "$name.deb" | cut -d ' ' -f 1)" >> Packages
done
echo 'deb [trusted=yes] file:/srv/failing ./' > /etc/apt/sources.list.d/failing.list
apt-get -q update -o Dir::Etc::sourcelist=sources.list.d/failing.list -o Dir::Etc::sourceparts=- \
  -o APT::Get::List-Cleanup=0
"""


@pytest.fixture
def failing() -> Iterator[str]:
    """A package that cannot be installed after another has come with it."""
    for host in HOSTS:
        host.root(FAILING)
    yield "clinic-failing"
    for host in HOSTS:
        host.root("rm /etc/apt/sources.list.d/failing.list; rm -f /var/lib/apt/lists/*failing*")


def test_package_whose_script_fails_goes_with_all_that_came_before_it(as_before: list[list[str]], failing: str) -> None:
    laid = [host.state() for host in HOSTS]
    with configured.clients(HOSTS) as clients:
        output = configured.begin(drill_answer="second", clinic_packages=["haproxy", "nginx-light", failing]).end()
    messages = configured.failures(output)
    assert sorted(messages) == [host.name for host in HOSTS], output[-3000:]
    for message in messages.values():
        assert f"error processing package {failing}" in message
        assert "post-installation script" in message
        assert PUT_BACK in message
    assert [host.state() for host in HOSTS] == laid
    for host in HOSTS:
        assert " configure clinic-helper:all " in host.root("cat /var/log/dpkg.log")  # it had come
    require_answers(clients, restarts=0)


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
    messages = configured.failures(output)
    assert sorted(messages) == [host.name for host in HOSTS], output[-3000:]
    assert all("No space left on device" in message and PUT_BACK in message for message in messages.values())
    require_answers(clients, restarts=THERE_AND_BACK)


@pytest.mark.skipif(not FULL, reason="the short form fills the disk of one file")
def test_full_disk_of_the_journal_changes_nothing(as_before: list[list[str]]) -> None:
    stored = f"{STORED}/journal"
    for host in HOSTS:  # there is room for what is there, and for no further run
        host.root(
            f"cp -a {stored} /srv/journal && used=$(du -s --apparent-size /srv/journal | cut -f 1) && "
            f"mount -t tmpfs -o size=$((2 * used))k,mode=700 none {stored} && cp -a /srv/journal/. {stored} && "
            f"dd if=/dev/zero of={stored}/full bs=1k 2> /dev/null || test -s {stored}/full"
        )
    try:
        with configured.clients(HOSTS) as clients:
            messages = configured.failures(configured.begin(drill_answer="second").end())
        assert [host.state() for host in HOSTS] == as_before
    finally:
        for host in HOSTS:
            host.root(f"umount {stored}; rm -r /srv/journal")
    assert sorted(messages) == [host.name for host in HOSTS]
    for message in messages.values():
        assert "No space left on device" in message
        assert "nothing was changed" in message
    require_answers(clients, restarts=0)


@pytest.mark.skipif(not FULL, reason="the short form fills the disk of one file")
def test_full_disk_while_a_package_comes_leaves_nothing_of_it() -> None:
    folder = "/etc/logrotate.d"  # vsftpd brings a file for it
    for host in HOSTS:  # a page for each file that is there, and none for another
        host.root(
            f"cp -a {folder} /srv/rotated && mount -t tmpfs -o size=$((4 * $(ls /srv/rotated | wc -l)))k,mode=755 none "
            f"{folder} && cp -a /srv/rotated/. {folder}"
        )
    try:
        with configured.clients(HOSTS) as clients:
            messages = configured.failures(configured.begin(drill_answer="second", **LATE).end())
    finally:
        for host in HOSTS:
            host.root(f"umount {folder}; rm -r /srv/rotated")
    assert sorted(messages) == [host.name for host in HOSTS]
    assert all("No space left on device" in message and PUT_BACK in message for message in messages.values()), messages
    for host in HOSTS:
        no_daemon_started(host)
    require_answers(clients, restarts=0)


def test_control_node_that_dies_before_the_probe_leaves_a_host_that_goes_back_by_itself() -> None:
    with configured.clients(HOSTS) as clients:
        play = configured.begin(
            drill_answer="second", drill_wanted="never", clinic_patience=100, clinic_confirm_within=20
        )
        configured.wait_for("the new page", lambda: all(host.page(8080) == "second" for host in HOSTS))
        play.kill()
        configured.wait_for("the earlier page", lambda: all(host.page(8080) == "first" for host in HOSTS))
        configured.wait_for("the end of the guard", lambda: not any(_guards(host) for host in HOSTS))
    require_answers(clients, restarts=THERE_AND_BACK)


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


#: A daemon that is new, so that there are its unit and its link to be killed at.
NEW: dict[str, Any] = {
    "clinic_more_files": [
        {
            "path": "/etc/systemd/system/clinic-new.service",
            "content": "[Service]\nExecStart=/usr/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
        }
    ],
    "clinic_more_units": [{"name": "clinic-new.service", "enabled": True, "state": "started"}],
}
STORED = "/var/lib/healthops"
RUN_FOLDER = f"{STORED}/journal/{{}}-clinic"
#: What is there once a run may have changed something.
BEGUN = f"{RUN_FOLDER}/run"
#: Moments at which the module is killed: what has just changed then. The long form has every change.
GUARD, FILE = f"{RUN_FOLDER}/guard", "/etc/nginx/conf.d/clinic.conf"
LINK = "/etc/systemd/system/multi-user.target.wants/clinic-new.service"
WITHIN = 20


def kill_at(path: str) -> None:
    """Have the next run on every host killed once a path has changed."""
    for host in HOSTS:
        host.root(f"cat > /srv/killer.py <<'E'\n{KILLER}\nE\n")
        killer = f"systemd-run --quiet --unit=killer --collect python3 /srv/killer.py {path}"
        host.root(f"systemctl --quiet stop killer 2> /dev/null || true; {killer}")


def killed_at(moment: str, run_id: str, within: int) -> None:
    """Configure, and be killed at this moment on every host."""
    kill_at(moment.format(run_id))
    output = configured.begin(drill_answer="second", clinic_run_id=run_id, clinic_confirm_within=within, **NEW).end()
    assert output.count("failed=1") == len(HOSTS), output[-3000:]
    assert not any("put back" in message for message in configured.failures(output).values()), output[-3000:]


def configure_again(hosts: Sequence[ClinicHost] = HOSTS) -> None:
    """The next run finds everything in order, once it has seen to what the killed one left behind.

    Where that one came as far as to set an alarm, the host sees to it by itself, and lets nobody in meanwhile.
    """
    for host in hosts:
        configured.wait_for("the end of the alarm", lambda host=host: not _alarms(host))  # type: ignore[misc]
    output = configured.begin(drill_answer="first", drill_host=":".join(host.name for host in hosts)).end()
    assert output.count("failed=0") >= len(hosts), configured.failures(output)
    assert [host.name for host in hosts if _guards(host)] == []


@pytest.mark.parametrize(("name", "moment"), [("guard", GUARD), ("file", FILE)])
def test_module_that_is_killed_under_a_guard_is_taken_back_by_the_host(
    as_before: list[list[str]], name: str, moment: str
) -> None:
    with configured.clients(HOSTS) as clients:
        killed_at(moment, f"killed-{name}", WITHIN)
        if moment == GUARD:  # nothing has been changed yet, and no alarm is set
            time.sleep(WITHIN)  # only then is a further run let in
            configure_again()
        for host in HOSTS:
            configured.wait_for("the end of the guard", lambda host=host: not _guards(host))  # type: ignore[misc]
        assert [host.state() for host in HOSTS] == as_before
    require_answers(clients, restarts=THERE_AND_BACK)


def test_module_that_is_killed_without_a_guard_is_taken_back_by_a_rollback(as_before: list[list[str]]) -> None:
    with configured.clients(HOSTS) as clients:
        killed_at(LINK, "unguarded", 0)
        assert take_back("unguarded", HOSTS) == HOSTS
        assert [host.state() for host in HOSTS] == as_before
        configure_again()
    require_answers(clients, restarts=THERE_AND_BACK)


#: Lays an interpreter that ends the module before one of its changes.
CUTTER = f"""
mkdir -p /srv/cut
cat > /srv/cut/sitecustomize.py <<'E'
{(configured.HOSTS / "inside" / "cutter.py").read_text("utf-8")}
E
printf '#!/bin/sh\\nPYTHONPATH=/srv/cut PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 "$@"\\n' > /srv/cut/python3
chmod 0755 /srv/cut/python3
"""


@pytest.fixture
def cut_interpreter(tmp_path: Path) -> Iterator[str]:
    """An inventory in which the hosts have that interpreter."""
    for host in HOSTS:
        host.root(CUTTER)
    own = {host.name: {"ansible_python_interpreter": "/srv/cut/python3"} for host in HOSTS}
    path = tmp_path / "cut.json"
    path.write_text(json.dumps({"test_hosts": {"hosts": own}}), "utf-8")
    yield str(path)
    for host in HOSTS:
        host.root("rm -r /srv/cut")


def cut_before(
    number: int, inventory: str, run_id: str, guarded: dict[ClinicHost, bool]
) -> dict[ClinicHost, list[str]]:
    """Configure, be killed before this change on each of these hosts, and return the changes that each came to."""
    for host in guarded:
        host.root(f"echo {number} > /srv/cut/at; : > /srv/cut/changes")
    within = {host.name: WITHIN if is_guarded else 0 for host, is_guarded in guarded.items()}
    variables = {"clinic_run_id": run_id, "clinic_confirm_within": f"{{{{ {within}[inventory_hostname] }}}}", **NEW}
    configured.begin("-i", inventory, drill_host=":".join(within), drill_answer="second", **variables).end()
    return {host: host.root("cat /srv/cut/changes").splitlines() for host in guarded}


@pytest.mark.skipif(not FULL, reason="the short form has some of the moments")
def test_module_that_is_killed_before_any_of_its_changes_leaves_a_host_that_goes_back(
    as_before: list[list[str]], cut_interpreter: str
) -> None:
    changes: dict[tuple[ClinicHost, bool], int] = {}
    for number in range(2):
        run_id, guarded = f"uncut-{number}", {host: n == number for n, host in enumerate(HOSTS)}
        done = cut_before(0, cut_interpreter, run_id, guarded)
        changes.update({(host, guarded[host]): len(made) for host, made in done.items()})
        for host in HOSTS:
            foretell_the_way_back(run_id, host)
        take_back(run_id, HOSTS)
    assert min(changes.values()) > 30, changes
    for number in range(1, max(changes.values()) + 1):
        roles = {host: (n + number) % 2 == 0 for n, host in enumerate(HOSTS)}
        guarded = {host: is_guarded for host, is_guarded in roles.items() if changes[host, is_guarded] >= number}
        run_id = f"cut-{number:03}"
        done = cut_before(number, cut_interpreter, run_id, guarded)
        assert [len(made) for made in done.values()] == [number] * len(guarded)
        for host, is_guarded in guarded.items():
            if is_guarded:
                goes_back_by_itself(host)
            else:
                take_back(run_id, [host])
        for host, state in zip(HOSTS, as_before):
            assert host.state() == state, f"{host.name}, killed before {done.get(host, [''])[-1]}"


def goes_back_by_itself(host: ClinicHost) -> None:
    """Wait for the host's alarm; where it came to none, nothing was changed, and the next run sees to the rest."""
    configured.wait_for("the end of the alarm", lambda: not _alarms(host))
    if _guards(host):
        time.sleep(WITHIN)  # only then is a further run let in
        configure_again([host])


def foretell_the_way_back(run_id: str, host: ClinicHost) -> None:
    """In check mode it says what would go back, and leaves all as it is."""
    now = host.state()
    runs = [f"{run_id}-clinic"]
    output = configured.begin("--check", playbook="two_take_back.yml", drill_host=host.name, drill_runs=runs).end()
    assert "changed=1" in output, output[-3000:]
    assert "/etc/haproxy/haproxy.cfg" in output, output[-3000:]
    assert host.state() == now


def take_back(run_id: str, hosts: list[ClinicHost]) -> list[ClinicHost]:
    """Take the run of the clinic back on those of the hosts where it had begun, and return them."""
    begun = [host for host in hosts if host.root(f"test -e {BEGUN.format(run_id)} && echo begun || true")]
    for host in begun:
        runs = [f"{run_id}-clinic"]
        output = configured.begin(playbook="two_take_back.yml", drill_host=host.name, drill_runs=runs).end()
        assert "failed=0" in output, output[-3000:]
    return begun


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
    kill_at("/var/lib/dpkg/info/vsftpd.list")  # it is unpacked, and has yet to start its daemon
    with configured.clients(HOSTS) as clients:
        output = configured.begin(clinic_confirm_within=20, **LATE).end()
        assert output.count("failed=1") == len(HOSTS), output[-3000:]
        for host in HOSTS:
            configured.wait_for("the end of the guard", lambda host=host: not _guards(host))  # type: ignore[misc]
            no_daemon_started(host)
    require_answers(clients, restarts=0)


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


def test_file_that_the_next_configuration_has_not_goes_and_what_stood_there_before_is_back(tmp_path: Path) -> None:
    gone = "/etc/clinic/secret"
    results = []
    for arguments in (["--check"], [], ["--check"], []):
        output = configured.begin(
            *arguments, drill_answer="first", clinic_without=[SSHD, gone], drill_results=str(tmp_path)
        ).end()
        assert output.count("failed=0") >= len(HOSTS), output[-3000:]
        results.append({host.name: json.loads((tmp_path / f"{host.name}.json").read_text("utf-8")) for host in HOSTS})
    for host in HOSTS:
        foretold, done, *again = (result[host.name] for result in results)
        assert foretold["changes"] == done["changes"]
        changes = {change["subject"]: change["after"] for change in done["changes"] if change["after"]}
        assert changes == {f"file {SSHD}": "as it was before the configuration", f"file {gone}": "absent"}
        assert [(result["changed"], result["changes"]) for result in again] == [(False, [])] * 2
        assert host.root(f"cat {SSHD}; stat -c %U:%G:%a {SSHD}") == configured.STOOD_BEFORE
        assert host.root(f"test ! -e {gone} && echo gone") == "gone"
    output = configured.begin(drill_answer="first").end()
    assert output.count("changed=1") == len(HOSTS), output[-3000:]


def test_log_is_rotated_by_logrotate_and_its_daemon_is_told() -> None:
    for host in HOSTS:
        host.root("install -d -o clinic -g adm /var/log/clinic && echo first > /var/log/clinic/page.log")
        reloads = "journalctl --unit nginx --output cat | grep -c '^Reloaded '"
        before = host.root(f"{reloads} || true")
        host.root("logrotate --force /etc/logrotate.d/clinic")
        looked = host.root(
            "cd /var/log/clinic && cat page.log.1 && stat -c %U:%G:%a:%s page.log; rm -r /var/log/clinic"
        )
        assert looked == "first\nclinic:adm:640:0"
        assert int(host.root(reloads)) == int(before) + 1


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


def _alarms(host: ClinicHost) -> str:
    """Return the units of an alarm that is set or has gone off."""
    listed = "systemctl list-units --plain --no-legend --state active,activating"
    return host.root(f"{listed} 'healthops-guard.*'")


def _guards(host: ClinicHost) -> str:
    """Return the guards that are armed, and what of an alarm is still there."""
    armed = "cat /var/lib/healthops/journal/*/guard 2> /dev/null | grep '\"armed\"' || test $? = 1"
    alarm = (
        "find /etc/systemd/system /var/lib/healthops -ignore_readdir_race -name 'healthops-guard*' -o -name revert.pyz"
    )
    return host.root(f"{armed}; {alarm}")
