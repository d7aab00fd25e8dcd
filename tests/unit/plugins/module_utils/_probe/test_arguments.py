# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options become what the probes need or are refused by name; and a probe ends well, fails, or could not be tried."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._probe import arguments
from ansible_collections.healthops.clinical.plugins.module_utils._probe.connection import Endpoint, Tls
from ansible_collections.healthops.clinical.plugins.module_utils._probe.result import ProbeResult

NO_TLS = dict.fromkeys(("ca_path", "client_cert", "client_key", "server_name"))
PEER = {"host": "engine", "port": 2575, "tls": False}


@pytest.mark.parametrize(
    ("check", "params", "value"),
    [
        pytest.param(arguments.timeout, {"timeout": 0.1}, 0.1, id="shortest"),
        pytest.param(arguments.timeout, {"timeout": 600}, 600.0, id="longest"),
        pytest.param(arguments.patience, {"patience": 3600}, 3600.0, id="most-patient"),
        pytest.param(arguments.max_answer, {"max_answer": 64}, 64, id="smallest"),
        pytest.param(arguments.endpoint, {"host": "::1", "port": 65535}, Endpoint("::1", 65535), id="highest-port"),
    ],
)
def test_the_ends_of_a_range_are_inside(check: Any, params: dict[str, Any], value: Any) -> None:
    assert check(params) == value


@pytest.mark.parametrize(
    ("check", "params"),
    [
        pytest.param(arguments.timeout, {"timeout": 0.0}, id="timeout-none"),
        pytest.param(arguments.timeout, {"timeout": float("nan")}, id="timeout-no-number"),
        pytest.param(arguments.timeout, {"timeout": 601}, id="timeout-too-long"),
        pytest.param(arguments.patience, {"patience": -1}, id="patience-less-than-none"),
        pytest.param(arguments.max_answer, {"max_answer": 63}, id="max_answer-too-small"),
        pytest.param(arguments.max_answer, {"max_answer": 2**27}, id="max_answer-too-large"),
        pytest.param(arguments.endpoint, {"host": "h", "port": 0}, id="port-none"),
        pytest.param(arguments.endpoint, {"host": "h", "port": 65536}, id="port-too-high"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(check: Any, params: dict[str, Any]) -> None:
    with pytest.raises(ClinicalError, match=list(params)[-1]):
        check(params)


def test_tls_takes_each_option_in_its_place() -> None:
    options = {"ca_path": "/ca", "client_cert": "/cert", "client_key": "/key", "server_name": "name"}
    assert arguments.tls(options) == Tls(ca_path="/ca", client_cert="/cert", client_key="/key", server_name="name")
    with pytest.raises(ClinicalError, match="client_key"):
        arguments.tls({**NO_TLS, "client_key": "/key"})


def test_tls_is_never_forgotten() -> None:
    assert arguments.tls_if_wanted({**PEER, **NO_TLS}) is None
    assert arguments.tls_if_wanted({**PEER, **NO_TLS, "tls": True}) == Tls()
    for option in NO_TLS:
        if option != "client_key":
            with pytest.raises(ClinicalError, match="tls: true"):
                arguments.tls_if_wanted({**PEER, **NO_TLS, option: "x"})


@pytest.mark.parametrize(("tls", "target"), [(False, "mllp://[::1]:2575"), (True, "mllps://[::1]:2575")])
def test_the_target_names_the_peer_also_when_it_cannot_be_tried(tls: bool, target: str) -> None:
    assert arguments.target("mllp", {"host": "::1", "port": 2575, "tls": tls}) == target


class Module:
    """Records how it was ended."""

    def __init__(self, fail_unhealthy: bool) -> None:
        self.params = {"fail_unhealthy": fail_unhealthy, "patience": 0}
        self.endings: list[tuple[str, dict[str, Any]]] = []

    def exit_json(self, **result: Any) -> None:
        self.endings.append(("exit", result))

    def fail_json(self, **result: Any) -> None:
        self.endings.append(("fail", result))


@pytest.mark.parametrize(
    ("healthy", "fail_unhealthy", "ending"), [(True, True, "exit"), (False, True, "fail"), (False, False, "exit")]
)
def test_a_probe_ends_once_with_all_its_keys(healthy: bool, fail_unhealthy: bool, ending: str) -> None:
    module, result = Module(fail_unhealthy), ProbeResult(healthy, "alive", 2.5, "AR", "mllp://engine:2575")
    arguments.run_probe(module, "unchecked", lambda: result)
    [(how, returned)] = module.endings
    message = returned.pop("msg", "")
    assert how == ending
    assert returned == {"changed": False, **vars(result)}
    assert message == ("mllp://engine:2575 is not healthy (alive): AR." if ending == "fail" else "")


def test_a_probe_that_cannot_be_tried_fails_also_where_unhealthy_peers_may_be() -> None:
    def refused() -> ProbeResult:
        raise ClinicalError("Using port", "0", "it is out of range")

    module = Module(fail_unhealthy=False)
    arguments.run_probe(module, "mllp://engine:0", refused)
    [(how, returned)] = module.endings
    assert (how, returned["state"], returned["target"]) == ("fail", "not_probed", "mllp://engine:0")


@pytest.mark.parametrize(
    ("healthy_after", "patience", "probes"),
    [
        pytest.param(0, 10, 1, id="at-once"),
        pytest.param(3, 10, 4, id="in-time"),
        pytest.param(99, 3, 4, id="never"),
        pytest.param(99, 0, 1, id="no-patience"),
    ],
)
def test_a_peer_gets_time_to_become_healthy(healthy_after: int, patience: float, probes: int) -> None:
    now, states = [0.0], []

    def probe() -> ProbeResult:
        states.append("ready" if now[0] >= healthy_after else "silent")
        return ProbeResult(states[-1] == "ready", states[-1], 2.5, "", "mllp://engine:2575")

    def sleep(seconds: float) -> None:
        now[0] += seconds

    result = arguments.probe_patiently(probe, patience, lambda: now[0], sleep)
    assert (result.healthy, len(states)) == (healthy_after <= patience, probes)
