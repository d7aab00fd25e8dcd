# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says of a gateway is of its form, or is quoted: HAProxy reads each value as one word, as it is."""

from __future__ import annotations

import copy
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rooms import ROOT

pytest.importorskip("ansible")

import yaml

from roles import plays

ROLE = ROOT / "roles" / "interface_gateway"
ROUTE: dict[str, Any] = {
    "name": "lab",
    "port": 2575,
    "tls": False,
    "senders": [
        {"name": "his", "addresses": ["10.1.2.0/24", "fd00::/64"], "connections": 2, "certificate_name": "his"}
    ],
    "engines": [{"name": "one", "address": "10.9.9.9", "port": 6661, "server_name": "one.example"}],
    "probe": {"port": 6662, "ready_text": "READY", "interval": 5},
}
#: Odd values that are right all the same.
ODD: dict[str, tuple[str, Any]] = {
    "blank": ("senders.0.certificate_name", "HIS Main"),
    "quote": ("senders.0.certificate_name", "O'Brien's \"engine\" # not a comment"),
    "dash": ("senders.0.certificate_name", "-f /etc/passwd"),
    "braces": ("senders.0.certificate_name", "} or { always_true"),
    "variable": ("senders.0.certificate_name", "$HOME ${HOME} \\ %[src]"),
    "umlaut": ("senders.0.certificate_name", "Röntgen Süd"),
    "text": ("probe.ready_text", "ready to go, isn't it"),
    "six": ("address", "fd00::1"),
    "name": ("engines.0.address", "localhost"),
    "any_text": ("probe.ready_text", ""),
}
#: Values that no form allows.
HOSTILE: dict[str, tuple[str, Any]] = {
    "line": ("senders.0.certificate_name", "his\n    tcp-request session accept"),
    "tab": ("senders.0.certificate_name", "his\x0b"),
    "long": ("senders.0.certificate_name", "x" * 65),
    "sender": ("senders.0.name", "his\n"),
    "network": ("senders.0.addresses", ["10.1.2.3 0.0.0.0/0"]),
    "network_line": ("senders.0.addresses", ["10.1.2.3\n"]),
    "listen": ("address", "* ssl crt /etc/x"),
    "engine": ("engines.0.address", "10.9.9.9:1 backup #"),
    "engine_name": ("engines.0.name", "one two"),
    "server_name": ("engines.0.server_name", "one.example verify none"),
    "port": ("engines.0.port", 66000),
    "probe": ("probe.port", 0),
    "interval": ("probe.interval", 0),
    "ready": ("probe.ready_text", "READY\n"),
}
PATHS = {
    "path_blank": {"interface_gateway_certificate": "/etc/my certificate.pem"},
    "path_relative": {"interface_gateway_sender_ca": "ca.pem"},
    "path_options": {"interface_gateway_sender_crl": "/etc/crl.pem verify none"},
    "pilot_client": {"interface_gateway_pilot_clients": ["../../root/.ssh/authorized_keys"]},
    "pilot_name": {"interface_gateway_pilot_names": ["DNS:a,email:b"]},
    "hours": {"interface_gateway_idle_hours": 0},
    "client_without_route": {"interface_gateway_client": {"from": "his.example"}},
    "client_of_another_route": {"interface_gateway_client": {"routes": ["lab", "imaging"]}},
}


def with_value(path: str, value: Any) -> dict[str, Any]:
    """Return the route with one value put at a dotted path."""
    route = copy.deepcopy(ROUTE)
    place: Any = route
    *above, last = path.split(".")
    for key in above:
        place = place[int(key)] if key.isdigit() else place[key]
    place[last] = value
    return {"interface_gateway_routes": [route]}


CASES = {name: with_value(*case) for name, case in {**ODD, **HOSTILE}.items()} | {
    name: {"interface_gateway_routes": [ROUTE], **more} for name, more in PATHS.items()
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with how each case ended, and the configuration that came of the good ones."""
    made = tmp_path_factory.mktemp("gateway")
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    blocks = []
    for name, case in CASES.items():
        template = {"src": str(ROLE / "templates" / "haproxy.cfg.j2"), "dest": str(made / f"{name}.cfg")}
        tasks = [
            {"ansible.builtin.include_tasks": str(ROLE / "tasks" / "values.yml")},
            {"ansible.builtin.template": template},
        ]
        blocks.append(plays.outcome(name, tasks, case))
    play = {"vars": defaults, "vars_files": [str(ROLE / "vars" / "main.yml")]}
    plays.run(made, [{**play, "tasks": [*blocks, plays.keep_outcomes(made)]}])
    return made


@pytest.mark.parametrize("name", [*HOSTILE, *PATHS])
def test_a_value_of_another_form_is_refused_with_what_it_should_be(name: str, folder: Path) -> None:
    assert re.search(
        "The route lab: |The paths of certificates|interface_gateway_client.routes names ", plays.reason(name, folder)
    ), name
    assert not (folder / f"{name}.cfg").exists()


@pytest.mark.parametrize("name", ODD)
def test_an_odd_value_is_one_word_as_it_is(name: str, folder: Path) -> None:
    assert plays.reason(name, folder) == ""
    path, value = ODD[name]
    text = (folder / f"{name}.cfg").read_text(encoding="utf-8")
    if path.endswith("certificate_name"):
        (line,) = [line for line in text.split("\n") if "ssl_c_s_dn" in line]
        words = shlex.split(line)
        assert words[words.index("--") + 1] == value
        assert words[words.index("--") + 2 :] == ["}"]
    elif path.endswith("ready_text") and value:
        (line,) = [line for line in text.split("\n") if "expect string" in line]
        assert shlex.split(line) == ["tcp-check", "expect", "string", value, "error-status", "L7OKC"]


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="there is no haproxy here; the scenario asks a real one")
@pytest.mark.parametrize("name", ODD)
def test_haproxy_itself_takes_it(name: str, folder: Path) -> None:
    text = (folder / f"{name}.cfg").read_text(encoding="utf-8")
    # Where the role would have put the files, and whom HAProxy becomes, is no matter of the configuration's words.
    plain = "\n".join(
        line for line in text.split("\n") if not re.match(r"\s+(chroot|user|group|server-state-file)", line)
    )
    (folder / f"{name}.checked").write_text(plain, encoding="utf-8")
    done = subprocess.run(
        ["haproxy", "-c", "-f", str(folder / f"{name}.checked")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
