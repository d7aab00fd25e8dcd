# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration file that a package of the same run brings, and that is edited once it is there."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text.lines import split_lines_with_ends
from .base import Image
from .files import ABSENT, File, content_of, file_image

#: Section, key, value.
Edit = tuple[str, str, str]


def edits_image(form: str, edits: Sequence[Edit], begin: str, silenced: Sequence[str] = ()) -> Image:
    """Return a wanted file: whatever it holds by then, with these settings.

    ``begin`` is how a file begins that is not there, because it is our own drop-in; without it there has to be one.
    Lines that begin with a ``silenced`` key become comments.
    """
    wanted = {"format": form, "edits": [list(edit) for edit in edits], "begin": begin, "silenced": list(silenced)}
    return {"kind": "edits", **wanted}


@dataclass(frozen=True)
class AwaitedFile(File):
    """The file with all its bytes, and whether its folder is there, which goes with it where nothing else is in it."""

    type = "awaited file"

    def capture(self, host: Host) -> Image:
        """Return the image of the file, and under "folder" whether its folder is there."""
        return {**super().capture(host), "folder": host.stat(posixpath.dirname(self.path)) is not None}

    def put(self, host: Host, image: Image) -> None:
        folder = posixpath.dirname(self.path)
        if image["kind"] == "edits":
            if host.stat(folder) is None and image["begin"]:
                host.mkdir(folder, 0o755, 0, 0)
            super().put(host, file_image(_edited(image, self._text(host, image)).encode("utf-8", "surrogateescape")))
            return
        super().put(host, image)
        if not image.get("folder", True) and not host.listdir(folder):
            host.remove(folder)

    def _text(self, host: Host, image: Image) -> str:
        now = File.capture(self, host)
        if now == ABSENT and image["begin"]:
            return str(image["begin"])
        if now["kind"] != "file":
            raise ClinicalError("Changing settings in", self.path, f"it is {now['kind']}", "Was its package installed?")
        return content_of(now).decode("utf-8", "surrogateescape")

    def matches(self, image: Image, wanted: Image) -> bool:
        if wanted["kind"] != "edits":
            return super().matches(image, wanted)
        text = content_of(image).decode("utf-8", "surrogateescape")
        return image["kind"] == "file" and _edited(wanted, text) == text

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Accept whatever a cut run made of a package that it was installing: it is nobody's own change."""
        return after["kind"] == "edits" or super().is_partial(now, before, after)


def _edited(image: Image, text: str) -> str:
    from ..._host.formats import FORMATS  # the way back never edits, and starts without it

    silenced = [[key] for key in image["silenced"]]
    lines = split_lines_with_ends(text)
    text = "".join(f"# healthops: {line}" if line.split()[:1] in silenced else line for line in lines)
    form = FORMATS[image["format"]]
    for section, key, value in image["edits"]:
        if any(reading != value for reading in form.readings(text, key, section)):
            text = form.set(text, key, value, section)
    return text
