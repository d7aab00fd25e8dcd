# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two systems on a host: whatever becomes of one of them, the other answers, and each of them is taken back.

After the drills, on the same hosts: the clinic's page makes room. On the first host, the release before this one has
configured the gateway, and it is taken over.
"""

from __future__ import annotations

import json
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


@pytest.fixture(scope="module", autouse=True)
def prepared(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The clinic's page is gone, the hosts are hardened, and the release before has configured the first one."""
    play("prepare")
    folder = tmp_path_factory.mktemp("released")
    collection = folder / "ansible_collections" / "healthops" / "clinical"
    with tarfile.open(RELEASED) as roles:
        roles.extractall(collection)  # our own file, and the Python of Debian 12 knows no filter
    play("gateway", drill_host=TAKEN_OVER.name, environment={"ANSIBLE_COLLECTIONS_PATH": str(folder)})
    write_down("hardened")


def results(folder: Path) -> dict[str, dict[str, Any]]:
    return {host.name: json.loads((folder / f"{host.name}.json").read_text("utf-8")) for host in HOSTS}


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


def test_each_is_taken_back_and_the_other_answers() -> None:
    with configured.clients(HOSTS, {"gateway": QUESTIONS["gateway"]}) as clients:
        play("take_back", drill_runs=["two-1-appointments"])
    assert clients.unanswered("gateway") == []
    write_down("without the page")
    for host in HOSTS:
        of_others = [line for line in differences(host, "configured", "without the page") if not of_the_page(line)]
        assert of_others == [], host.name
        assert host.page(8091).startswith("nothing")
    play("take_back", drill_runs=["two-1-interface_gateway"])
    write_down("without both")
    for host in HOSTS:
        assert differences(host, "hardened", "without both") == [], host.name
        served = "accepted" if host == TAKEN_OVER else "nothing"
        assert host.acknowledgement(2575).startswith(served), host.name


def of_the_page(line: str) -> bool:
    return any(word in line for word in OF_THE_PAGE)
