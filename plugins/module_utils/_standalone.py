# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reverter as one file that Python runs by itself: our own sources and nothing else. Private to the collection."""

from __future__ import annotations

import importlib
import io
import posixpath
import zipfile

from ._errors import ClinicalError

#: All that the reverter imports of us; a test runs it alone and so finds what is missing here.
MEMBERS = (
    "_alarm",
    "_change.steps",
    "_errors",
    "_guard",
    "_host.door",
    "_host.login",
    "_change.journal",
    "_change.lock",
    "_change.revert",
    "_reverter",
    "_runs",
    "_standalone",
    "_change.subjects.base",
    "_change.subjects.accounts",
    "_change.subjects.audit",
    "_change.subjects.awaited",
    "_change.subjects.compiled",
    "_change.subjects.files",
    "_change.subjects.firewall",
    "_change.subjects.kernel",
    "_change.subjects.made",
    "_change.subjects.mounts",
    "_change.subjects.packages",
    "_change.subjects.authselect",
    "_change.subjects.pam",
    "_change.subjects.trees",
    "_change.subjects.units",
)
_NAME = "healthops"
_MAIN = f"import sys\nfrom {_NAME}._reverter import main\nsys.exit(main(sys.argv[1:]))\n"


def pack() -> bytes:
    """A zip archive for ``python3 -I -S``; the same sources give the same bytes."""
    packages = {"", *(member.rpartition(".")[0] for member in MEMBERS)}
    files = {posixpath.join(_NAME, package.replace(".", "/"), "__init__.py"): "" for package in packages}
    files["__main__.py"] = _MAIN
    files.update({f"{_NAME}/{member.replace('.', '/')}.py": _source(member) for member in MEMBERS})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:  # stored: zlib is not needed to start it
        for path, text in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(path), text)
    return stream.getvalue()


def _source(member: str) -> str:
    module = importlib.import_module(f".{member}", __package__)
    source = module.__loader__.get_source(module.__name__) if module.__loader__ else None  # type: ignore[attr-defined]
    if source is None:
        raise ClinicalError(
            "Packing the reverter", member, "its source cannot be read", "This is a defect: please report."
        )
    return str(source)
