# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the probe modules share, and how a probe ends. Private to the collection."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Callable, Dict, Mapping, Optional

from .._errors import ClinicalError
from .answer import Answer, not_probed
from .connection import Endpoint, Tls

TLS: Dict[str, Any] = {
    "ca_path": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path"},
    "server_name": {"type": "str"},
}
COMMON: Dict[str, Any] = {
    **TLS,
    "timeout": {"type": "float", "default": 5.0},
    "fail_unhealthy": {"type": "bool", "default": True},
}
PEER: Dict[str, Any] = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "tls": {"type": "bool", "default": False},
}


def within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ClinicalError(f"Using {name}", str(value), "it is out of range", f"It goes from {low} to {high}.")


def timeout(params: Mapping[str, Any]) -> float:
    within("timeout", params["timeout"], 0.1, 600)
    return float(params["timeout"])


def max_answer(params: Mapping[str, Any]) -> int:
    within("max_answer", params["max_answer"], 64, 64 * 1024 * 1024)
    return int(params["max_answer"])


def address(scheme: str, params: Mapping[str, Any]) -> str:
    """Whom a probe was for that could not even be tried."""
    return f"{scheme}{'s' if params['tls'] else ''}://{Endpoint(params['host'], params['port'])}"


def endpoint(params: Mapping[str, Any]) -> Endpoint:
    within("port", params["port"], 1, 65535)
    return Endpoint(params["host"], params["port"])


def tls(params: Mapping[str, Any]) -> Tls:
    if params["client_key"] and not params["client_cert"]:
        raise ClinicalError("Using client_key", params["client_key"], "there is no client_cert", "Give both.")
    return Tls(*(params[name] or "" for name in ("ca_path", "client_cert", "client_key", "server_name")))


def tls_if_wanted(params: Mapping[str, Any]) -> Optional[Tls]:
    """Never in clear text because one option was forgotten."""
    told = tls(params)
    if told != Tls() and not params["tls"]:
        raise ClinicalError("Probing", params["host"], "there are options of TLS, and tls is false", "Say tls: true.")
    return told if params["tls"] else None


def finish(module: Any, target: str, probe: Callable[[], Answer]) -> None:
    """Probe and end the module. What cannot even be tried fails always, with the same keys in its result."""
    try:
        found = probe()
    except ClinicalError as error:
        module.fail_json(msg=str(error), changed=False, **asdict(not_probed(error, target)))
        return
    if found.healthy or not module.params["fail_unhealthy"]:
        module.exit_json(changed=False, **asdict(found))
        return
    module.fail_json(msg=f"{found.target} is not healthy ({found.state}): {found.saw}.", changed=False, **asdict(found))
