# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what nobody learned is closed, tried from outside; and whether the kernel and the next boot agree."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import outside

if TYPE_CHECKING:
    from testinfra.host import Host

NEWCOMER = 8099


def judge(host: Host, settings: dict[str, Any]) -> tuple[bool, str]:
    chains = outside.root(host, "nft list ruleset").out
    drops = "hook input" in chains and "policy drop" in chains
    boots = outside.root(host, "systemctl is-enabled healthops-firewall.service").out == "enabled"
    server = f"python3 -m http.server {NEWCOMER} --directory /srv/empty"
    outside.root(host, f"mkdir -p /srv/empty; systemd-run --quiet --unit=newcomer {server}")
    try:
        up = f"timeout 60 sh -c 'until curl -s http://127.0.0.1:{NEWCOMER}/ > /dev/null; do sleep 0.2; done'"
        assert outside.root(host, up).rc == 0
        closed = not _answers(host, NEWCOMER)
    finally:
        outside.root(host, "systemctl stop newcomer; rmdir /srv/empty")
    answers = _answers(host, 80)
    saw = f"policy drop: {drops}, at boot: {boots}, new port closed: {closed}, port 80 answers: {answers}"
    return drops and boots and closed and answers, saw


def _answers(host: Host, port: int) -> bool:
    try:
        socket.create_connection((outside.variables(host)["ansible_host"], port), timeout=5).close()
    except OSError:
        return False
    return True
