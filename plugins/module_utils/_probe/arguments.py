# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the probe modules share, and how a probe ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from .._errors import ClinicalError
from .._text.outlet import finish
from .connection import Endpoint, Tls
from .result import ProbeResult, not_probed

TLS: dict[str, Any] = {
    "ca_path": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path"},
    "server_name": {"type": "str"},
}
COMMON: dict[str, Any] = {
    **TLS,
    "timeout": {"type": "float", "default": 5.0},
    "patience": {"type": "float", "default": 0.0},
    "fail_unhealthy": {"type": "bool", "default": True},
}
#: Seconds between two probes of a peer that is not healthy yet.
PAUSE = 1.0
PEER: dict[str, Any] = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "tls": {"type": "bool", "default": False},
}


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ClinicalError unless the option ``name`` is from ``low`` to ``high``."""
    if not low <= value <= high:
        raise ClinicalError(f"Using {name}", str(value), "it is out of range", f"It goes from {low} to {high}.")


def timeout(params: Mapping[str, Any]) -> float:
    """Return the seconds that a probe may take; raise ClinicalError where they are out of range."""
    check_range("timeout", params["timeout"], 0.1, 600)
    return float(params["timeout"])


def patience(params: Mapping[str, Any]) -> float:
    """Return for how many seconds a peer may become healthy; raise ClinicalError where they are out of range."""
    check_range("patience", params["patience"], 0, 3600)
    return float(params["patience"])


def max_answer(params: Mapping[str, Any]) -> int:
    """Return the bytes that an answer may have; raise ClinicalError where they are out of range."""
    check_range("max_answer", params["max_answer"], 64, 64 * 1024 * 1024)
    return int(params["max_answer"])


def target(scheme: str, params: Mapping[str, Any]) -> str:
    """Return the URL of the peer from unchecked options, for the result of a probe that could not be tried."""
    return f"{scheme}{'s' if params['tls'] else ''}://{Endpoint(params['host'], params['port'])}"


def endpoint(params: Mapping[str, Any]) -> Endpoint:
    """Return where the peer listens; raise ClinicalError where the port is none."""
    check_range("port", params["port"], 1, 65535)
    return Endpoint(params["host"], params["port"])


def tls(params: Mapping[str, Any]) -> Tls:
    """Return the options of TLS; raise ClinicalError where there is a key without its certificate."""
    if params["client_key"] and not params["client_cert"]:
        raise ClinicalError("Using client_key", params["client_key"], "there is no client_cert", "Give both.")
    return Tls(
        ca_path=params["ca_path"] or "",
        client_cert=params["client_cert"] or "",
        client_key=params["client_key"] or "",
        server_name=params["server_name"] or "",
    )


def tls_if_wanted(params: Mapping[str, Any]) -> Tls | None:
    """Return the options of TLS, or None for clear text.

    Raise ClinicalError where there are some and ``tls`` is false: never in clear text because one was forgotten.
    """
    options = tls(params)
    if options != Tls() and not params["tls"]:
        raise ClinicalError("Probing", params["host"], "there are options of TLS, and tls is false", "Say tls: true.")
    if params["tls"]:
        return options
    return None


def run_probe(module: Any, unchecked_target: str, probe: Callable[[], ProbeResult]) -> None:
    """Probe and end the module. What cannot even be tried fails always, with the same keys in its result."""
    try:
        result = probe_patiently(probe, patience(module.params))
    except ClinicalError as error:
        values = asdict(not_probed(error, unchecked_target))
        finish(module, {**values, "changed": False, "failed": True, "msg": str(error)})
        return
    answer = {**asdict(result), "changed": False}
    if not result.healthy and module.params["fail_unhealthy"]:
        answer |= {"failed": True, "msg": f"{result.target} is not healthy ({result.state}): {result.saw}."}
    finish(module, answer)


def probe_patiently(
    probe: Callable[[], ProbeResult],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Any] = time.sleep,
) -> ProbeResult:
    """Return the first healthy result; that of the last probe where none was in so many seconds."""
    end = clock() + seconds
    result = probe()
    while not result.healthy and clock() < end:
        sleep(PAUSE)
        result = probe()
    return result
