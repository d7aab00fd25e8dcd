# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rooms of the house: which may import from which, and that each source has a test of its name."""

from __future__ import annotations

import graphlib

import pytest
from rooms import PLUGINS, arrows, imports, own_test, sources

#: Room -> the rooms that it may import from; all that is not here is refused.
#: ``modules`` import what AnsiballZ may carry; whatever has an action plugin is sent by ``_core`` instead.
MAY_IMPORT = {
    "module_utils._errors": "",
    "module_utils._core": "",
    "module_utils._text": "",
    "module_utils._vocabulary": "_errors",
    "module_utils._host": "_errors _text _vocabulary",
    "module_utils._change": "_errors _text _vocabulary _host",
    "module_utils._guard": "_errors _text _vocabulary _host _change _core",
    "module_utils._controls": "_errors _text _vocabulary _host _change",
    "module_utils._baseline": "_errors _vocabulary _host _change _guard _controls",
    "module_utils._configuration": "_errors _text _vocabulary _host _change _guard",
    "module_utils._patch": "_errors _text _vocabulary _host _change",
    "module_utils._probe": "_errors _text _vocabulary",
    "module_utils._service": "_errors _text _vocabulary _host",
    "module_utils._calls": "_errors _vocabulary _host _change _guard _controls _baseline _configuration _patch",
    "modules": "_core _errors _text _vocabulary _host _patch _probe _service",
    "doc_fragments": "",
    "lookup": "_vocabulary",
    "plugin_utils._run": "",
    "plugin_utils._data": "_errors _text",
    "plugin_utils._catalogue": "_errors _text _vocabulary _core _controls plugin_utils._data",
    "plugin_utils._evidence": "_errors _text _vocabulary _change plugin_utils._data",
    "plugin_utils._configuration": "_errors _text _vocabulary",
    "plugin_utils._guard": "_errors _text _vocabulary _core plugin_utils._run",
    "plugin_utils._patch": "_errors _vocabulary _patch plugin_utils._data",
    "action": (
        "modules _core _errors _vocabulary _patch plugin_utils._run plugin_utils._catalogue "
        "plugin_utils._configuration plugin_utils._evidence plugin_utils._guard plugin_utils._patch"
    ),
}


def allowed(room: str) -> set[str]:
    names = MAY_IMPORT[room].split()
    return {f"module_utils.{name}" if name.startswith("_") else name for name in names}


def test_every_room_stands_in_the_table() -> None:
    assert sorted(arrows()) == sorted(MAY_IMPORT)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_from_those_it_may(room: str) -> None:
    assert sorted(arrows()[room] - allowed(room)) == []


def test_no_two_rooms_import_from_each_other() -> None:
    graphlib.TopologicalSorter({room: allowed(room) for room in MAY_IMPORT}).prepare()


def test_no_sources_import_each_other() -> None:
    """Neither two nor several in a circle, also where an import is inside of a function."""
    graphlib.TopologicalSorter(
        {source: imports(source, path) - {source} for source, path in sources().items()}
    ).prepare()


def test_every_package_of_the_core_has_an_empty_init() -> None:
    """The core is sent to hosts as one text, which knows no packages without one; older sanity tests want it empty."""
    folders = {path.parent for path in (PLUGINS / "module_utils").rglob("*.py")} - {PLUGINS / "module_utils"}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
    assert [str(path) for path in PLUGINS.rglob("__init__.py") if path.read_bytes()] == []


def test_the_core_imports_no_ansible() -> None:
    for half in ("module_utils", "plugin_utils"):
        for path in (PLUGINS / half).rglob("*.py"):
            lines = [line.split() for line in path.read_text(encoding="utf-8").split("\n")]
            imported = [line[1] for line in lines if len(line) > 1 and line[0] in ("import", "from")]
            assert [name for name in imported if name.partition(".")[0] == "ansible"] == [], path


@pytest.mark.parametrize("source", sorted(sources()))
def test_every_source_has_a_test_of_its_name(source: str) -> None:
    assert own_test(source).is_file()
