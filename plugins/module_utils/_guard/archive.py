# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reverter as one file that Python runs by itself: our own sources and nothing else."""

from __future__ import annotations

import io
import zipfile

from .. import _core

#: The rooms that the reverter imports from; a test runs it alone and so finds what is missing here.
ROOMS = ("_core", "_errors", "_text", "_vocabulary", "_host", "_change", "_guard")
#: What stands in these rooms and is needed only while the control node is there.
LEFT_OUT = (
    "_change/availability",
    "_guard/authorized_keys",
    "_guard/break_glass",
    "_guard/commit_confirm",
    "_guard/exclusive",
    "_guard/ssh_access",
    "_host/dropin",
    "_host/facts",
    "_host/formats",
    "_host/processes",
    "_host/sockets",
)
_NAME = "healthops"
_MAIN = f"import sys\nfrom {_NAME}._guard.reverter import main\nsys.exit(main(sys.argv[1:]))\n"


def pack() -> bytes:
    """Return a zip archive for ``python3 -I -S``; the same sources give the same bytes."""
    members = {name: text for name, text in _core.sources().items() if name.partition("/")[0] in ROOMS}
    files = {f"{_NAME}/{name}.py": text for name, text in members.items() if name not in LEFT_OUT}
    files.update({f"{_NAME}/__init__.py": "", "__main__.py": _MAIN})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:  # stored: zlib is not needed to start it
        for path, text in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(path), text)
    return stream.getvalue()
