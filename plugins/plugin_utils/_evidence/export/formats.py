# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats in which a bundle can be had, one writer each (``<format>.py``)."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json

#: Format -> the file or directory in the bundle that its writer makes.
FORMATS = {
    "csv": "findings.csv",
    "hdf": "hdf",
    "junit": "junit.xml",
    "ocsf": "ocsf.jsonl",
    "oscal": "oscal.json",
    "prometheus": "metrics.prom",
}


def exported(run: Json, formats: Iterable[str]) -> dict[str, bytes]:
    """All files of the named formats: path in the bundle -> bytes. A writer that nobody asked for is not even read."""
    files: dict[str, bytes] = {}
    for name in sorted(set(formats)):
        writer = import_module(f"ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.{name}")
        files.update(writer.export(run))
    return files


def present(bundle: Path) -> set[str]:
    """The formats that a bundle is already written in; what is made again must not leave these behind."""
    return {name for name, path in FORMATS.items() if (bundle / path).exists()}
