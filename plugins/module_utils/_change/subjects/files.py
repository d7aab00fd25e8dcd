# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, directories and links; and owner and mode alone."""

from __future__ import annotations

import base64
import posixpath
from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import EXCHANGED, EXCHANGED_ADVICE, TEMPORARY_SUFFIX, Host, Stat
from .base import Image, WholeSubject

ABSENT: Image = {"kind": "absent"}


def file_image(content: bytes, mode: int | None = None) -> Image:
    """Return a wanted file; owner, attributes and (unless given) mode stay as they are, or root 0644 for a new one."""
    image: Image = {"kind": "file", "content": _pack(content)}
    return image if mode is None else {**image, "mode": mode}


def owned_image(kind: str, mode: int, user: str, group: str, content: bytes | None = None) -> Image:
    """Return a wanted file or directory whose owner and group are names, which may only come with a package."""
    image: Image = {"kind": kind, "mode": mode, "user": user, "group": group}
    return image if content is None else {**image, "content": _pack(content)}


def numbered_image(host: Host, image: Image) -> Image:
    """Return an ``owned_image`` with the numbers of its owner and group. Raises ClinicalError where one is unknown."""
    numbers = {"uid": host.uid(image["user"]), "gid": host.gid(image["group"])}
    for key, number in numbers.items():
        if number is None:
            noun, name = ("account", image["user"]) if key == "uid" else ("group", image["group"])
            raise ClinicalError("Giving a file to", name, f"there is no such {noun}", "Does its package make it?")
    return {**{key: value for key, value in image.items() if key not in ("user", "group")}, **numbers}


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
        if "user" in image:
            image = numbered_image(host, image)
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
            host.write(self.path, content_of(image), *_meta(image, now, 0o644), self._xattrs(host, image, now))
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
