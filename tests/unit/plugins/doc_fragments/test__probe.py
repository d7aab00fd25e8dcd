# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the fragment documents are those that the probes share."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._probe import arguments
from documentation import MODULES, PLUGINS, documentation, fragment


@pytest.mark.parametrize(
    ("name", "shared"),
    [("healthops.clinical._probe", arguments.COMMON), ("healthops.clinical._probe.peer", arguments.PEER)],
)
def test_the_fragment_documents_what_the_probes_share(name: str, shared: dict[str, Any]) -> None:
    documented = fragment(name)["options"]
    assert documented.keys() == shared.keys()
    for option, specified in shared.items():
        described = {key: documented[option].get(key) for key in ("type", "default", "required")}
        assert described == {key: specified.get(key) for key in ("type", "default", "required")}, option


def test_every_probe_extends_it() -> None:
    probes = [name for name in MODULES if "_probe import" in (PLUGINS / "modules" / f"{name}.py").read_text("utf-8")]
    extends = [name for name in MODULES if "healthops.clinical._probe" in fragments_of(name)]
    assert probes == extends == ["dicom_echo", "fhir_capability_info", "mllp_echo"]


def fragments_of(module: str) -> list[str]:
    names: list[str] = documentation(module)["extends_documentation_fragment"]
    return names
