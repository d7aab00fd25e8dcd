# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, directories and links; and owner and mode alone."""

from __future__ import annotations

import base64
import hashlib
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._errors import ClinicalError
from ..._host import acl as access_lists
from ..._host.door import READ_LIMIT, TEMPORARY_SUFFIX, Host, Stat, exchanged
from ..._text import data_folders
from .base import Conflict, Image, Subject, WayBack, WholeSubject, withheld_names

ABSENT: Image = {"kind": "absent"}
#: A longer text is compared as a whole, in bytes.
MERGED_UP_TO = 1024 * 1024


def file_image(content: bytes, mode: int | None = None) -> Image:
    """Return a wanted file; owner, attributes and (unless given) mode stay as they are, or root 0644 for a new one.

    Of a file that is there, ``mode`` takes bits away and gives none but those to run it: what is stricter stays.
    """
    image: Image = {"kind": "file", "content": _pack(content)}
    return image if mode is None else {**image, "mode": mode}


def with_xattrs(image: Image, xattrs: Mapping[str, bytes]) -> Image:
    """Return a wanted file that has these extended attributes (ACLs) and no others, and just its owner and mode."""
    return {**image, "xattrs": {name: _pack(value) for name, value in xattrs.items()}}


def owned_image(
    kind: str, mode: int, user: str, group: str, content: bytes | None = None, acl: Sequence[str] | None = None
) -> Image:
    """Return a wanted file or directory whose owner and group are names, which may only come with a package.

    ``acl`` is its whole access control list, as ``_host.acl`` writes it; without one, what is there stays.
    """
    image: Image = {"kind": kind, "mode": mode, "user": user, "group": group}
    if acl is not None:
        image["acl"] = list(acl)
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


def has_acl(host: Host, image: Image, acl: Sequence[str]) -> bool:
    """Return whether the image of a path has just this access control list; whom nobody knows is in none."""
    try:
        wanted = access_lists.packed(acl, host.uid, host.gid)
    except ValueError:
        return False
    return access_lists.entries_of(_xattrs_of(image)) == access_lists.entries_of(wanted)


def acl_of(host: Host, image: Image) -> tuple[str, ...]:
    """Return the access control list in the image of a path, in words."""
    return access_lists.describe(_xattrs_of(image), host.owner_name, host.group_name)


def _xattrs_of(image: Image) -> dict[str, bytes]:
    return {name: base64.b64decode(value) for name, value in image.get("xattrs", {}).items()}


def path_image(host: Host, path: str) -> Image:
    """Return the complete image of whatever is at ``path``: kind, content, mode, owner, times, attributes (ACLs).

    Of a file that is too large to be read the image holds a digest, which tells whether it was changed.
    """
    info = host.stat(path)
    if info is None:
        return dict(ABSENT)
    if info.kind == "link":
        return {"kind": "link", "target": info.target}
    image: Image = {"kind": info.kind, "mode": info.mode, "uid": info.uid, "gid": info.gid}
    if info.kind == "file" and info.size > READ_LIMIT:
        image["sha256"] = host.digest(path)
    elif info.kind == "file":
        image["content"] = _pack(host.read(path) or b"")
    if info.kind in ("file", "dir"):
        image["xattrs"] = {name: _pack(value) for name, value in host.xattrs(path).items()}
        image["mtime"] = info.mtime
    return image


def is_kept(image: Image) -> bool:
    """Return whether an image holds all that is needed to make its file again."""
    return "sha256" not in image


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
    STANDS_ALONE = False

    @property
    def name(self) -> str:
        return self.path

    def capture(self, host: Host) -> Image:
        """Return kind, owner, mode, attributes and content, or the digest of a content that is too large to be kept."""
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
            self._put_folder(host, image, now)
        elif image["kind"] == "file":
            self._put_file(host, image, now)
        else:
            raise ClinicalError("Restoring", self.path, f"it was a {image['kind']} and cannot be made again")

    def _put_folder(self, host: Host, image: Image, now: Stat | None) -> None:
        host.mkdir(self.path, *_meta(image, now, 0o755))
        xattrs = self._xattrs(host, image, now)
        if xattrs != host.xattrs(self.path):
            host.set_xattrs(self.path, xattrs)

    def _put_file(self, host: Host, image: Image, now: Stat | None) -> None:
        if not is_kept(image):
            if now is None or path_image(host, self.path).get("sha256") != image["sha256"]:
                reason = f"it was larger than {READ_LIMIT} bytes, so only its digest was kept"
                raise ClinicalError("Restoring", self.path, reason, "Restore it from a backup.")
            host.set_meta(self.path, *_meta(image, now, 0o644), now)
            return
        strict = _as_strict(image, now)
        host.write(self.path, content_of(image), *_meta(strict, now, 0o644), self._xattrs(host, image, now))
        if "mtime" in image:
            host.set_mtime(self.path, image["mtime"])

    def way_back(self, before: Image, after: Image, now: Image, force: bool = False) -> WayBack:
        """Take the run's lines or entries out of the text, where others have changed other ones of it since."""
        images = (before, after, now)
        if {image["kind"] for image in images} == {"file"}:
            return self._merged(before, after, now, force)
        if self.is_partial(now, before, after) or now == ABSENT == before:
            return WayBack(before)
        return WayBack(before if force else now, (Conflict("", *map(describe, images)),))

    def _merged(self, before: Image, after: Image, now: Image, force: bool) -> WayBack:
        rest = super().way_back(_without_content(before), _without_content(after), _without_content(now), force)
        if WholeSubject.is_partial(self, _content(now), _content(before), _content(after)):
            return WayBack({**before, **rest.goal} if rest.conflicts else before, rest.conflicts)
        old, made, present = (_text(image) for image in (before, after, now))
        if old is None or made is None or present is None:
            conflict = Conflict("content", *map(describe, (before, after, now)))
            goal = before if force else {**rest.goal, **_content(now)}
            return WayBack(goal, (conflict, *rest.conflicts))
        from .registers import merge  # most ways back need not read it

        readable = all(image["mode"] & 0o004 for image in (before, after, now))
        merged = merge(self.path, old, made, present, force=force, readable=readable)
        goal = {**before, **rest.goal, **file_image(merged.text.encode("utf-8", "surrogateescape"))}
        goal.pop("mtime", None)  # it is a text that never was
        return WayBack(goal, (*merged.conflicts, *rest.conflicts))

    def astray(self, image: Image, wanted: Image) -> list[str]:
        """Accept a folder in the place of nothing: ``put`` leaves one in which somebody has something."""
        if wanted["kind"] == "absent" and image["kind"] == "dir":
            return []
        return super().astray(image, wanted)

    def describe(self, part: str, value: Any) -> str:
        return describe(value) if part == "xattrs" else _mode_or_owner(part, value)

    def _xattrs(self, host: Host, image: Image, now: Stat | None) -> dict[str, bytes]:
        if "xattrs" in image:
            return _xattrs_of(image)
        present = host.xattrs(self.path) if now is not None else {}
        if "acl" not in image:
            return present
        try:
            return {**access_lists.without(present), **access_lists.packed(image["acl"], host.uid, host.gid)}
        except ValueError as error:
            raise ClinicalError("Giving access to", self.path, str(error), "Does a package make it?") from error

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


def describe(image: object) -> str:
    """Return what an image shows of itself: its kind, and of contents a digest alone."""
    if not isinstance(image, dict):
        return "nothing"
    if image.get("kind") in ("absent", "dir", "other", "unknown"):
        return str(image["kind"])
    if image.get("kind") == "link":
        return f"link to {image['target']}"
    text = str(sorted(image.items())) if "kind" not in image else str(image.get("content", image.get("sha256")))
    return f"sha256 {hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _content(image: Image) -> Image:
    return {key: image.get(key) for key in ("content", "sha256") if key in image}


def _without_content(image: Image) -> Image:
    return {key: value for key, value in image.items() if key not in ("content", "sha256")}


def _text(image: Image) -> str | None:
    """Return the text in a file image, None for what is no text or too long to be compared by line."""
    content = content_of(image)
    if not is_kept(image) or b"\0" in content or len(content) > MERGED_UP_TO:
        return None
    return content.decode("utf-8", "surrogateescape")


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
    INCIDENTAL = frozenset({"inode"})

    @property
    def name(self) -> str:
        return self.path

    def shown_name(self, image: Image) -> str:
        return data_folders.named(self.path, image.get("kind") == "dir")

    def capture(self, host: Host) -> Image:
        """Return kind, mode and owner without the content; of what is not root's its inode as well."""
        with withheld_names(lambda path: path != self.path):
            info = host.stat(self.path)
        if info is None:
            return dict(ABSENT)
        image = {"kind": info.kind, "mode": info.mode, "uid": info.uid, "gid": info.gid}
        # What is taken from others can be given back to them, and nothing that they put in its place.
        return {**image, "inode": info.inode} if info.uid != 0 else image

    def put(self, host: Host, image: Image) -> None:
        with withheld_names(lambda path: path != self.path or image["kind"] == "dir"):
            self._put(host, image)

    def _put(self, host: Host, image: Image) -> None:
        now = host.stat(self.path)
        if image["kind"] == "absent" or now is None:
            return
        if now.kind == "link":
            raise exchanged(self.path, "it has become a link, which is not followed")
        if now.kind != image["kind"] or now.uid != image.get("owner", now.uid):
            raise exchanged(self.path)
        mode, uid, gid = _meta({"mode": _narrowed(now.mode, image), **image}, now, now.mode)
        host.set_meta(self.path, mode, uid, gid, now, taken=image.get("inode", 0))

    def describe(self, part: str, value: Any) -> str:
        return _mode_or_owner(part, value)

    def matches(self, image: Image, wanted: Image) -> bool:
        if "clear" not in wanted:
            return super().matches(image, wanted)
        return bool(image["kind"] == wanted["kind"] and image["mode"] == _narrowed(image["mode"], wanted))


def is_of_account(host: Host, subject: Subject, *images: Image) -> bool:
    """Check whether an account decides what a path leads to: one of the images is its own, or the folder is."""
    if not isinstance(subject, (File, Meta)):
        return False
    if any(image.get("uid", 0) for image in images):
        return True
    folder = posixpath.dirname(subject.path)
    while (info := host.stat(folder)) is None:
        folder = posixpath.dirname(folder)
    return info.uid != 0


def _mode_or_owner(part: str, value: Any) -> str:
    return f"{value:04o}" if part == "mode" and value is not None else str(value)


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
