# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""More controls of the kinds there are, so that the cost of many can be seen. They are harmless and already true."""

from __future__ import annotations

from typing import Any

CONF = "/etc/healthops-benchmark.conf"
#: Files that the benchmark makes before it measures: FOLDER/0, FOLDER/1, ...
FOLDER = "/etc/healthops-benchmark"
PER_INTERFACE = ("accept_redirects", "secure_redirects", "send_redirects", "accept_source_route", "log_martians")


def controls(count: int) -> list[dict[str, Any]]:
    """``count`` controls: settings in a file, modes of files, kernel values of an interface, modules, in turn."""
    makers = (_config, _file, _module, _config, _sysctl)
    return [_control(n, *makers[n % len(makers)](n)) for n in range(count)]


def _control(number: int, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"repeated_{number:03}",
        "title": f"Repeated control {number}",
        "rationale": "It stands for one more control of its kind.",
        "severity": "low",
        "hazard": "none",
        "tier": "standard",
        "kind": kind,
        "settings": settings,
    }


def _config(number: int) -> tuple[str, dict[str, Any]]:
    return "config", {"file": CONF, "format": "key_value", "key": f"key{number}", "value": number}


def _file(number: int) -> tuple[str, dict[str, Any]]:
    return "file", {"path": f"{FOLDER}/{number}", "mode": "0644", "owner": "root", "group": "root"}


def _module(number: int) -> tuple[str, dict[str, Any]]:
    return "kernel_module", {"module": f"repeated_{number}"}


def _sysctl(number: int) -> tuple[str, dict[str, Any]]:
    turn = number // 5
    interface = ("lo", "eth0")[turn // len(PER_INTERFACE) % 2]
    if turn >= 2 * len(PER_INTERFACE):
        return _config(number)
    return "sysctl", {"key": f"net.ipv4.conf.{interface}.{PER_INTERFACE[turn % len(PER_INTERFACE)]}", "value": 0}
