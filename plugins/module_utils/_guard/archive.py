# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reverter, and the look at the next boot, each as one file that Python runs by itself: our own sources alone."""

from __future__ import annotations

import io
import zipfile

from .. import _core

#: The rooms that they import from; a test runs it alone and so finds what is missing here.
ROOMS = ("_core", "_errors", "_text", "_vocabulary", "_host", "_change", "_guard")
#: What stands in these rooms and the reverter does without: it has to start where much is broken.
LEFT_OUT = (
    "_change/availability",
    "_guard/authorized_keys",
    "_guard/boot_look",
    "_guard/break_glass",
    "_guard/commit_confirm",
    "_guard/exclusive",
    "_guard/ssh_access",
    "_guard/ways_in",
    "_host/dropin",
    "_host/facts",
    "_host/formats",
    "_host/sockets",
)
_NAME = "healthops"
_MAIN = "import sys\nfrom {name}._guard.{program} import main\nsys.exit(main(sys.argv[1:]))\n"


def pack(program: str = "reverter") -> bytes:
    """Return a zip archive for ``python3 -I -S`` that runs ``program``; the same sources give the same bytes."""
    members = {name: text for name, text in _core.sources().items() if name.partition("/")[0] in ROOMS}
    left_out = LEFT_OUT if program == "reverter" else ()
    files = {f"{_NAME}/{name}.py": text for name, text in members.items() if name not in left_out}
    files.update({f"{_NAME}/__init__.py": "", "__main__.py": _MAIN.format(name=_NAME, program=program)})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:  # stored: zlib is not needed to start it
        for path, text in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(path), text)
    return stream.getvalue()
