# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two systems on a host: whatever becomes of one of them, the other answers, and each of them is taken back.

After the drills, on the same hosts: the clinic's page makes room. On the first host, the release before this one has
configured the gateway, and it is taken over.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import configured
import pytest
from configured import ClinicHost

HOSTS = configured.hosts()
RELEASED = configured.SCENARIO.parents[1] / "tests" / "fixtures" / "released" / "roles.tar.xz"
TAKEN_OVER = HOSTS[0]
QUESTIONS: dict[str, configured.Question] = {
    "gateway": lambda host: host.acknowledgement(2575),
    "appointments": lambda host: host.page(8091),
}
ANSWERS = {"gateway": "accepted", "appointments": "free at ten"}
#: Since when they run; another value is a restart.
PROCESSES = "systemctl show --property Id,MainPID,InvocationID,ActiveEnterTimestampMonotonic {}"
#: What belongs to the page, of all that a host's state says.
OF_THE_PAGE = ("appointments", "nginx")
#: Files of the clinic's page that go with it; the drop-in is what somebody else had there before.
OF_THE_CLINIC = {
    "etc/clinic",
    "etc/clinic/door.nft",
    "etc/clinic/secret",
    "etc/clinic/worker.json",
    "etc/haproxy/haproxy.cfg",
    "etc/logrotate.d/clinic",
    "etc/nginx/conf.d/clinic.conf",
    "etc/systemd/system/clinic-worker.service",
    "usr/local/libexec/clinic-worker",
}
OF_ITS_UNITS = re.compile(
    r"^etc/systemd/system/(.*/)?(clinic|haproxy|nginx)[^/]*$|^etc/systemd/.*\.(wants|d)$"
    r"|^etc/rc.\.d/[KS]\d\d(haproxy|nginx)$|^usr/local/libexec$"
)
DROP_IN = "etc/ssh/sshd_config.d/clinic.conf"
LAID = b"ClientAliveInterval 120\n"
#: How a state says what hosts_up.yml had laid there.
STOOD_BEFORE = [
    f"{DROP_IN} f 640 0:0 ",
    f"{hashlib.sha256(LAID).hexdigest()}  {DROP_IN}",
]
#: The clinic's page is removed in check mode and for good, twice.
REMOVALS = ("removal foretold", "removed", "removal foretold again", "removed again")
REMOVED: dict[str, dict[str, dict[str, Any]]] = {}
STATES: dict[str, dict[str, list[str]]] = {}


def play(name: str, *arguments: str, **more: Any) -> str:
    output = configured.begin(*arguments, playbook=f"two_{name}.yml", **more).end()
    assert output.count("failed=0") == len(HOSTS) or more.get("drill_host"), output[-4000:]
    assert "failed=1" not in output, output[-4000:]
    return output


def answers(host: ClinicHost) -> dict[str, str]:
    return {name: question(host) for name, question in QUESTIONS.items()}


def processes(host: ClinicHost) -> str:
    return host.root(PROCESSES.format("haproxy.service interface-gateway-senders.service"))


def write_down(moment: str) -> None:
    STATES[moment] = {host.name: host.state() for host in HOSTS}


def differences(host: ClinicHost, before: str, after: str) -> list[str]:
    return sorted(set(STATES[before][host.name]) ^ set(STATES[after][host.name]))


def results(folder: Path) -> dict[str, dict[str, Any]]:
    return {host.name: json.loads((folder / f"{host.name}.json").read_text("utf-8")) for host in HOSTS}


@pytest.fixture(scope="module", autouse=True)
def prepared(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The clinic's page is gone, the hosts are hardened, and the release before has configured the first one."""
    play("prepare")
    write_down("clinic")
    folder = tmp_path_factory.mktemp("removed")
    for moment, arguments in zip(REMOVALS, (["--check"], [], ["--check"], [])):
        play("remove", *arguments, drill_results=str(folder))
        REMOVED[moment] = results(folder)
        write_down(moment)
    play("harden")
    write_down("hardened alone")
    folder = tmp_path_factory.mktemp("released")
    collection = folder / "ansible_collections" / "healthops" / "clinical"
    with tarfile.open(RELEASED) as roles:
        roles.extractall(collection)  # our own file, and the Python of Debian 12 knows no filter
    play("gateway", drill_host=TAKEN_OVER.name, environment={"ANSIBLE_COLLECTIONS_PATH": str(folder)})
    write_down("hardened")


def test_removed_page_leaves_its_data_and_what_stood_there_before() -> None:
    for host in HOSTS:
        foretold, done, *again = (REMOVED[moment][host.name] for moment in REMOVALS)
        assert (foretold["changed"], done["changed"]) == (True, True)
        assert foretold["changes"] == done["changes"]
        assert foretold["remaining"] == done["remaining"]
        assert {"/var/lib/clinic", "account clinic", "package haproxy", "package nginx-light"} <= set(done["remaining"])
        assert [(result["changed"], result["changes"]) for result in again] == [(False, [])] * 2
        assert differences(host, "clinic", "removal foretold") == []
        assert differences(host, "removed", "removed again") == []
        before, after = (configured.files(STATES[moment][host.name]) for moment in ("clinic", "removed"))
        gone = before.keys() - after.keys()
        assert gone >= OF_THE_CLINIC
        # Beside these: the folders that it made, and the links by which its units start at boot.
        assert [path for path in gone - OF_THE_CLINIC if not OF_ITS_UNITS.search(path)] == []
        changed = {path for path in after if before.get(path) != after[path] and not OF_ITS_UNITS.search(path)}
        assert changed == {DROP_IN}
        assert after[DROP_IN] == STOOD_BEFORE  # before it was hardened
        assert host.root("stat -c %U:%G:%a /var/lib/clinic; id -un clinic").split() == ["clinic:clinic:750", "clinic"]
        of_files = {line for lines in after.values() for line in lines}
        others = [line for line in STATES["removed"][host.name] if "clinic" in line and line not in of_files]
        assert others == []  # neither a unit nor a table


def test_check_run_check_run_on_a_bare_host_and_on_one_that_the_release_before_configured(tmp_path: Path) -> None:
    before = processes(TAKEN_OVER)
    seen = []
    with configured.clients([TAKEN_OVER], {"gateway": QUESTIONS["gateway"]}) as clients:
        for number, arguments in enumerate((["--check"], [], ["--check"], [])):
            play("configure", *arguments, drill_results=str(tmp_path), run_id=f"two-{number}")
            seen.append(results(tmp_path))
    for host in HOSTS:
        for system in QUESTIONS:
            check, run, check_again, run_again = (result[host.name][system] for result in seen)
            changed = [result["changed"] for result in (check, run, check_again, run_again)]
            assert changed == [True, True, False, False], (host.name, system)
            if system == "gateway":  # it comes first, so nothing that it needs is yet to come
                assert check["changes"] == run["changes"], host.name
            foretold, done = ([change["subject"] for change in result["changes"]] for result in (check, run))
            assert set(done) <= set(foretold), (host.name, system)
            # What the gateway of the same play makes for both is not there yet when nothing is made.
            of_both = {change["subject"] for change in seen[0][host.name]["gateway"]["changes"]}
            assert set(foretold) - set(done) <= (of_both if system == "appointments" else set()), (host.name, system)
            assert (run["guard"]["state"], run_again["guard"]["state"]) == ("armed", "none")
        assert answers(host) == ANSWERS
    assert processes(TAKEN_OVER) == before
    assert clients.unanswered("gateway") == []
    write_down("configured")


def test_gateway_that_starts_and_answers_wrongly_has_its_earlier_configuration_back(tmp_path: Path) -> None:
    """HAProxy takes the option, and the engine is well; but it knows no PROXY protocol: no sender is answered."""
    before = [processes(host) for host in HOSTS]
    variables: dict[str, Any] = {"drill_send_proxy": True, "drill_results": str(tmp_path), "run_id": "two-wrong"}
    with configured.clients(HOSTS, {"appointments": QUESTIONS["appointments"]}) as clients:
        output = configured.begin(playbook="two_configure.yml", **variables).end()
    assert output.count("failed=1") == len(HOSTS), output[-4000:]
    assert "because the new one does not answer as it should" in output
    assert "lab, through the gateway" in output
    assert clients.unanswered("appointments") == []
    write_down("answered wrongly")
    for host in HOSTS:
        assert differences(host, "configured", "answered wrongly") == []
        assert answers(host) == ANSWERS
    assert [processes(host) for host in HOSTS] == before


def test_patched_hosts_keep_both(tmp_path: Path) -> None:
    with configured.clients(HOSTS, QUESTIONS) as clients:
        play("patch")
    assert [host.root("cat /usr/share/clinic-tool/version") for host in HOSTS] == ["2"] * len(HOSTS)
    output = play("configure", drill_results=str(tmp_path), run_id="two-patched")
    assert output.count("changed=0") == len(HOSTS), output[-2000:]
    assert [clients.unanswered(name) for name in QUESTIONS] == [[], []]


def taken_back(host: ClinicHost, what: str, *asked: str) -> None:
    """Take one run of a host back, while the clients of what stays there are answered."""
    with configured.clients([host], {name: QUESTIONS[name] for name in asked}) as clients:
        if what == PATCH:
            play("roll_back_patch", drill_host=host.name)
        else:
            play("take_back", drill_host=host.name, drill_runs=[what])
    assert [clients.unanswered(name) for name in asked] == [[] for _name in asked], what
    assert {name: answers(host)[name] for name in asked} == {name: ANSWERS[name] for name in asked}, what


PAGE, GATEWAY, PATCH, HARDENING = "two-1-appointments", "two-1-interface_gateway", "the patch", "two-hardened"


def test_each_run_is_taken_back_in_any_order_and_the_others_answer() -> None:
    """On the first host, the gateway of the release before is there again at the end."""
    first, second = HOSTS
    taken_back(first, PAGE, "gateway")
    write_down("without the page")
    of_others = [line for line in differences(first, "configured", "without the page") if not of_the_page(line)]
    assert of_others == []
    assert first.page(8091).startswith("nothing")
    taken_back(first, PATCH, "gateway")
    taken_back(first, HARDENING, "gateway")
    taken_back(first, GATEWAY)
    assert first.acknowledgement(2575) == "accepted"

    taken_back(second, GATEWAY, "appointments")
    assert second.acknowledgement(2575).startswith("nothing")
    taken_back(second, HARDENING, "appointments")
    taken_back(second, PAGE)
    taken_back(second, PATCH)

    write_down("without all")
    # Empty: the gateway's run had made it, and had to leave it for the page.
    shared = "etc/systemd/system/nftables.service.d d 755 0:0 "
    assert differences(second, "removed again", "without all") in ([], [shared])
    hardened, with_gateway = (set(STATES[moment][first.name]) for moment in ("hardened alone", "hardened"))
    expected = (set(STATES["removed again"][first.name]) | (with_gateway - hardened)) - (hardened - with_gateway)
    assert sorted(expected ^ set(STATES["without all"][first.name])) == []
    assert [host.root("cat /usr/share/clinic-tool/version") for host in HOSTS] == ["1"] * len(HOSTS)


def of_the_page(line: str) -> bool:
    return any(word in line for word in OF_THE_PAGE)
