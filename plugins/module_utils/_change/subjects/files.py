# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, directories and links; and owner and mode alone."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import EXCHANGED, EXCHANGED_ADVICE, TEMPORARY_SUFFIX, Host, Stat
from .base import Image, WholeSubject

ABSENT: Image = {"kind": "absent"}


def file_image(content: bytes, mode: int | None = None) -> Image:
    """Return a wanted file; owner, attributes and (unless given) mode stay as they are, or root 0644 for a new one.

    Of a file that is there, ``mode`` takes bits away and gives none but those to run it: what is stricter stays.
    """
    image: Image = {"kind": "file", "content": _pack(content)}
    return image if mode is None else {**image, "mode": mode}


def with_xattrs(image: Image, xattrs: Mapping[str, bytes]) -> Image:
    """Return a wanted file that has these extended attributes (ACLs) and no others, and just its owner and mode."""
    return {**image, "xattrs": {name: _pack(value) for name, value in xattrs.items()}}


def link_image(target: str) -> Image:
    """Return a wanted link."""
    return {"kind": "link", "target": target}


def content_of(image: Image) -> bytes:
    """Return the bytes in a file image; none for any other kind."""
    return base64.b64decode(image.get("content", ""))


def path_image(host: Host, path: str) -> Image:
    """Return the complete image of whatever is at ``path``: kind, content, mode, owner, extended attributes (ACLs)."""
    info = host.stat(path)
    if info is None:
        return dict(ABSENT)
    if info.kind == "link":
        return {"kind": "link", "target": info.target}
    image: Image = {"kind": info.kind, "mode": info.mode, "uid": info.uid, "gid": info.gid}
    if info.kind == "file":
        image["content"] = _pack(host.read(path) or b"")
        image["xattrs"] = {name: _pack(value) for name, value in host.xattrs(path).items()}
    return image


def restore_path(host: Host, path: str, image: Image) -> None:
    """Make ``path`` again what ``path_image`` found there: content, mode, owner, extended attributes (ACLs) and all.

    An image without ``xattrs``, ``mode`` or owner leaves those as they are; raises ClinicalError for what is neither a
    file, a link nor a directory.
    """
    File(path).put(host, image)


@dataclass(frozen=True)
class File(WholeSubject):
    """A regular file, a link, a directory or nothing, as a whole."""

    path: str
    type = "file"

    @property
    def name(self) -> str:
        return self.path

    def capture(self, host: Host) -> Image:
        return path_image(host, self.path)

    def put(self, host: Host, image: Image) -> None:
        self.sweep(host)
        now = host.stat(self.path)
        if image["kind"] == "absent":
            in_use = now is not None and now.kind == "dir" and host.listdir(self.path)
            if now is not None and not in_use:
                host.remove(self.path)
            return
        if now is not None and now.kind != image["kind"]:
            if "dir" in (now.kind, image["kind"]):  # anything else is replaced in one step
                host.remove(self.path)
            now = None
        if image["kind"] == "link":
            host.symlink(self.path, image["target"])
        elif image["kind"] == "dir":
            host.mkdir(self.path, *_meta(image, now, 0o755))
        elif image["kind"] == "file":
            strict = _as_strict(image, now)
            host.write(self.path, content_of(image), *_meta(strict, now, 0o644), self._xattrs(host, image, now))
        else:
            raise ClinicalError("Restoring", self.path, f"it was a {image['kind']} and cannot be made again")

    def _xattrs(self, host: Host, image: Image, now: Stat | None) -> dict[str, bytes]:
        if "xattrs" in image:
            return {name: base64.b64decode(value) for name, value in image["xattrs"].items()}
        return host.xattrs(self.path) if now is not None else {}

    def sweep(self, host: Host) -> None:
        folder, name = posixpath.split(self.path)
        temporary = posixpath.join(folder, f".{name}{TEMPORARY_SUFFIX}")
        if host.stat(temporary) is not None:
            host.remove(temporary)


def _as_strict(image: Image, now: Stat | None) -> Image:
    """Return a wanted file with no wider mode than the file has; one with an owner or attributes is put back whole."""
    mode = image.get("mode")
    if now is None or mode is None or "uid" in image or "xattrs" in image:
        return image
    return {**image, "mode": (now.mode & mode) | (mode & 0o111)}


def narrower_image(kind: str, bits: int, owner: int, sticky: bool = False) -> Image:
    """Return a wanted mode without these bits, whatever else was set before it came to that.

    ``owner`` is whose it was when that was planned; what is somebody else's by then is left alone. With ``sticky``, a
    folder that everybody may still write keeps each from removing what others put there.
    """
    return {"kind": kind, "clear": bits, "sticky": sticky, "owner": owner}


@dataclass(frozen=True)
class Meta(WholeSubject):
    """Owner, group and mode of something that exists; its content is somebody else's business."""

    path: str
    type = "owner and mode of"

    @property
    def name(self) -> str:
        return self.path

    def capture(self, host: Host) -> Image:
        info = host.stat(self.path)
        if info is None:
            return dict(ABSENT)
        return {"kind": info.kind, "mode": info.mode, "uid": info.uid, "gid": info.gid}

    def put(self, host: Host, image: Image) -> None:
        now = host.stat(self.path)
        if image["kind"] == "absent" or now is None:
            return
        if now.kind == "link":
            raise ClinicalError("Setting owner and mode of", self.path, "it has become a link, which is not followed")
        if now.kind != image["kind"] or now.uid != image.get("owner", now.uid):
            raise ClinicalError("Setting owner and mode of", self.path, EXCHANGED, EXCHANGED_ADVICE)
        host.set_meta(self.path, *_meta({"mode": _narrowed(now.mode, image), **image}, now, now.mode), now)

    def matches(self, image: Image, wanted: Image) -> bool:
        if "clear" not in wanted:
            return super().matches(image, wanted)
        return bool(image["kind"] == wanted["kind"] and image["mode"] == _narrowed(image["mode"], wanted))


def _narrowed(mode: int, image: Image) -> int:
    narrow = mode & ~int(image.get("clear", 0))
    return narrow | 0o1000 if image.get("sticky") and narrow & 0o002 else narrow


def _meta(image: Image, now: Stat | None, mode: int) -> tuple[int, int, int]:
    """Return mode and owner of an image; what it leaves out stays, and is root's with this mode in a new file."""
    present = now or Stat("file", mode, 0, 0)
    values = (image.get("mode"), image.get("uid"), image.get("gid"))
    defaults = (present.mode, present.uid, present.gid)
    wanted = [default if value is None else int(value) for value, default in zip(values, defaults)]
    return (wanted[0], wanted[1], wanted[2])


def _pack(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
