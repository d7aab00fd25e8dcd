# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts are for: data that is checked before any host is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import purposes as host_purposes
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import Problems

SHIPPED = Path(__file__).resolve().parents[5] / "roles" / "hardening" / "catalogue"


def own(folder: Path, text: str) -> Path:
    (folder / "purposes").mkdir()
    (folder / "purposes" / "own.yml").write_text(text, encoding="utf-8")
    return folder


def test_what_is_shipped_is_sound() -> None:
    problems = Problems()
    known = host_purposes.load([SHIPPED], problems)
    assert not problems
    assert {"web_server", "mail_server", "file_server", "database", "container_host", "dns_server"} <= set(known)


def test_a_purpose_keeps_names_and_says_why() -> None:
    told = host_purposes.keeps([SHIPPED], ["web_server"], ["engine.service"])
    assert told["nginx"] == told["nginx.service"] == "this host is declared as web_server"
    assert told["engine.service"] == "hardening_required_services names it"
    assert "smbd.service" not in told


def test_a_site_adds_purposes_and_to_purposes(tmp_path: Path) -> None:
    text = "- {id: ward_engine, title: Runs the ward, keeps: [mirth.service]}\n"
    text += "- {id: web_server, title: Serves, keeps: [caddy.service]}\n"
    told = host_purposes.keeps([SHIPPED, own(tmp_path, text)], ["ward_engine", "web_server"], [])
    assert {"mirth.service", "caddy.service", "nginx.service"} <= set(told)


def test_nothing_is_read_where_nothing_is_declared(tmp_path: Path) -> None:
    assert host_purposes.keeps([own(tmp_path, "{")], [], []) == {}


@pytest.mark.parametrize(
    ("text", "purposes", "services", "words"),
    [
        pytest.param("", ["web_sever"], [], "did you mean web_server?", id="mistyped purpose"),
        pytest.param("", [], ["nginx"], "hardening_required_services", id="no unit"),
        pytest.param("- {id: x, keeps: [a]}\n", ["web_server"], [], "title: missing key", id="no title"),
        pytest.param("nothing\n", ["web_server"], [], "a list of purposes", id="no list"),
        pytest.param("{", ["web_server"], [], "own.yml", id="no YAML"),
    ],
)
def test_what_is_wrong_is_refused(
    tmp_path: Path, text: str, purposes: list[str], services: list[str], words: str
) -> None:
    catalogues = [SHIPPED, *([own(tmp_path, text)] if text else [])]
    with pytest.raises(ClinicalError) as error:
        host_purposes.keeps(catalogues, purposes, services)
    assert words in str(error.value)
