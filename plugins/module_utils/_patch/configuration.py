# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which configuration files a patch run may put back. How a file is captured and restored is ``_change``'s business.

Runs of earlier releases noted content, mode and owner alone. What they wrote is read for as long as it says something.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from .._change.subjects.base import Image
from .._change.subjects.files import ABSENT, File
from .._errors import ClinicalError
from .._host.door import Host

#: Path -> the image of what was there, or None where nothing was.
Images = Mapping[str, Optional[Mapping[str, Any]]]
#: Where dpkg and rpm leave the package's own version beside one that the site has changed.
_BESIDE = (".dpkg-dist", ".rpmnew")
#: What can be put back; anything else, as a directory, stays as it is.
_RESTORABLE = ("absent", "file", "link")


def capture(host: Host, paths: Iterable[str]) -> dict[str, Image | None]:
    """Return the image of each file, and of what lies beside it; None where there is nothing."""
    places = [f"{path}{ending}" for path in paths for ending in ("", *_BESIDE)]
    images = {path: File(path).capture(host) for path in places}
    return {path: None if image == ABSENT else image for path, image in images.items()}


def checksums(host: Host, paths: Iterable[str]) -> dict[str, str]:
    """Return path -> a checksum of the file there, attributes included, by which a later change of it is seen."""
    return {path: _checksum(File(path).capture(host)) for path in paths}


def changed_since(host: Host, after: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths of files that somebody has changed since ``checksums`` returned ``after``."""
    paths = (path for path in after if not path.endswith(_BESIDE))  # those are the package manager's own
    return tuple(path for path in paths if not _matches(File(path).capture(host), after[path]))


@dataclass(frozen=True)
class Restored:
    """The paths that were put back, and why others are not what they were, a sentence each."""

    paths: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def restore(host: Host, before: Images, after: Mapping[str, str], spared: Iterable[str]) -> Restored:
    """Put back what the run changed or brought, except for the paths in ``spared``, and look whether it is back.

    Each file is tried, whatever becomes of the others.
    """
    untouchable = frozenset(spared)
    restored, problems = [], []
    for path in dict.fromkeys((*before, *after)):
        if path in untouchable:
            continue
        try:
            if _put_back(host, File(path), before.get(path)):
                restored.append(path)
        except ClinicalError as error:
            problems.append(str(error))
    return Restored(tuple(restored), tuple(problems))


def _put_back(host: Host, file: File, noted: Mapping[str, Any] | None) -> bool:
    """Make the file what was noted of it; return whether it was something else.

    Raises ClinicalError where it is still something else afterwards.
    """
    # Earlier releases noted a file without its kind and attributes, and of a link that there was no file.
    wanted: Image = ABSENT if noted is None else {"kind": "file", **noted}
    now = file.capture(host)
    if file.matches(now, wanted) or wanted["kind"] not in _RESTORABLE or (noted is None and now["kind"] != "file"):
        return False
    file.put(host, wanted)
    if not file.matches(file.capture(host), wanted):
        raise ClinicalError("Restoring", file.path, "it was written, and is not what it was before the run")
    return True


def _checksum(image: Image) -> str:
    """Return the checksum of what an image means; when its file was last written is no part of that."""
    meaning = {part: value for part, value in image.items() if part not in File.INCIDENTAL}
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


def _matches(image: Image, noted: str) -> bool:
    """Return whether an image has the noted checksum, as this release or an earlier one worked it out."""
    return noted in (_checksum(image), _earlier_checksum(image))


def _earlier_checksum(image: Image) -> str:
    if image["kind"] != "file" or "content" not in image:
        return ""
    text = f"{image['content']} {image['mode']} {image['uid']} {image['gid']}"
    return hashlib.sha256(text.encode()).hexdigest()
