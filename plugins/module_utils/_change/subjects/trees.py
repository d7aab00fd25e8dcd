# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole directory trees, for commands that write where they like (a package manager, systemctl enable)."""

from __future__ import annotations

import hashlib
import json
import posixpath
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ..._host.door import TEMPORARY_SUFFIX, Host
from .base import Image
from .files import ABSENT, File, path_image


@dataclass(frozen=True)
class Tree:
    """Everything below some folders, joined by ``:`` in its name.

    An image holds a digest for each path, and a before-image all the bytes. After the change only the paths that it
    touched are remembered, so that what others change below the same folders is neither drift nor ever put back.
    """

    folders: str
    type = "tree"

    @property
    def name(self) -> str:
        return self.folders

    def capture(self, host: Host) -> Image:
        paths = {p: path_image(host, p) for folder in self.folders.split(":") for p in _walk(host, folder)}
        packed = zlib.compress(json.dumps(paths, sort_keys=True).encode(), 6)
        return {"digests": _digests(paths), "packed": b64encode(packed).decode("ascii")}

    def put(self, host: Host, image: Image) -> None:
        """Restore the paths in ``touched``, or every path that differs where that is not known."""
        before: dict[str, Image] = json.loads(zlib.decompress(b64decode(image["packed"])))
        touched = image.get("touched") or _differences(image["digests"], self.capture(host)["digests"])
        for path in sorted((p for p in touched if p not in before), reverse=True):  # deepest first
            File(path).put(host, ABSENT)
        for path in sorted(p for p in touched if p in before):
            if before[path]["kind"] != "other":
                File(path).put(host, before[path])

    def matches(self, image: Image, wanted: Image) -> bool:
        touched = wanted.get("touched")
        if touched is None:
            return bool(image["digests"] == wanted["digests"])
        return all(image["digests"].get(path, "") == wanted["digests"].get(path, "") for path in touched)

    def capture_after(self, host: Host, before: Image) -> Image:
        now: dict[str, str] = self.capture(host)["digests"]
        touched = _differences(before["digests"], now)
        return {"digests": {path: now[path] for path in touched if path in now}, "touched": touched}

    def renewed(self, host: Host, image: Image, paths: Collection[str]) -> Image:
        """Return an image that ``capture_after`` gave, with some of its paths as they are now."""
        now: dict[str, str] = self.capture(host)["digests"]
        digests = {path: digest for path, digest in image["digests"].items() if path not in paths}
        return {**image, "digests": {**digests, **{path: now[path] for path in paths if path in now}}}

    def inverse(self, before: Image, after: Image) -> Image:
        return {**before, "touched": after["touched"]}

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Compare path by path; a cut run could not note what it touched, and then nothing speaks against it."""
        for path in after.get("touched", ()):
            digest, old, new = (image["digests"].get(path, "") for image in (now, before, after))
            if digest not in (old, new):
                return False
        return True

    def sweep(self, host: Host) -> None:
        paths = [path for folder in self.folders.split(":") for path in _walk(host, folder)]
        for path in paths:
            if path.endswith(TEMPORARY_SUFFIX):
                host.remove(path)


def _digests(paths: dict[str, Image]) -> dict[str, str]:
    texts = {path: json.dumps(image, sort_keys=True).encode() for path, image in paths.items()}
    return {path: hashlib.sha256(text).hexdigest()[:32] for path, text in texts.items()}


def _differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    return sorted(path for path in {**before, **now} if before.get(path) != now.get(path))


def _walk(host: Host, folder: str) -> Iterator[str]:
    info = host.stat(folder)
    if info is None:
        return
    yield folder
    if info.kind != "dir":
        return
    for name in host.listdir(folder):
        yield from _walk(host, posixpath.join(folder, name))
