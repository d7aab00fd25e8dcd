# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole directory trees, for commands that write where they like (a package manager, systemctl enable)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import posixpath
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from ..._host.door import TEMPORARY_SUFFIX, Host
from ..._text import data_folders
from . import derived
from .base import Conflict, Image, SharedFolder, WayBack, WholeSubject, withheld_names
from .files import ABSENT, File, describe, is_kept, path_image
from .orphans import GROUP, PASSWD, hand_over
from .registers import REGISTERS

ACCOUNTS = (PASSWD, GROUP, "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid")


@dataclass(frozen=True)
class Tree(WholeSubject):
    """Everything below some folders, joined by ``:`` in its name.

    An image holds a digest for each path, and all the bytes. After the change only the paths that it touched are
    remembered, as the change left them, so that what others change below the same folders is neither drift nor ever put
    back. The image of a way back holds what each path is to become (``goals``). What has to be merged once more when it
    is put, because commands of the way back change it too, stands in ``before`` and ``ours``.
    """

    folders: str
    type = "tree"

    @property
    def name(self) -> str:
        return self.folders

    def capture(self, host: Host) -> Image:
        """Return all that lies below the folders: digests by path, and the packed images."""
        with withheld_names(self._is_named):
            paths = {p: path_image(host, p) for folder in self.folders.split(":") for p in _walk(host, folder)}
        return {"digests": _digests(paths), "packed": _pack(paths)}

    def put(self, host: Host, image: Image) -> None:
        """Restore the paths in ``touched``, or every path that differs where that is not known."""
        with withheld_names(self._is_named):
            self._put(host, image)

    def _put(self, host: Host, image: Image) -> None:
        accounts = {path: host.read_text(path, "surrogateescape") for path in (PASSWD, GROUP)}
        with _accounts_locked(host, image):
            put = self._put_goals(host, image) if "goals" in image else self._put_whole(host, image)
        for path, text in accounts.items():
            hand_over(host, path, text)
        derived.make_anew(host, put)

    def _put_whole(self, host: Host, image: Image) -> list[str]:
        before = _unpack(image)
        touched = image.get("touched") or _differences(image["digests"], self.capture(host)["digests"])
        known = "touched" in image  # then it is long ago, and what is whose in a register cannot be told
        paths = [path for path in touched if not _is_made(path) and not (known and path in REGISTERS)]
        _put_paths(host, {path: before.get(path, ABSENT) for path in paths})
        return list(touched)

    def _put_goals(self, host: Host, image: Image) -> list[str]:
        goals = _unpack(image, "goals")
        now = {path: path_image(host, path) for path in goals}
        goals.update(_merged(image, now))
        _put_paths(host, {path: goal for path, goal in goals.items() if not _same(now[path], goal)})
        for path, goal in goals.items():  # a program may have made the very same again
            if (
                _same(now[path], goal)
                and goal["kind"] == "file"
                and goal.get("mtime", now[path]["mtime"]) != now[path]["mtime"]
            ):
                host.set_mtime(path, goal["mtime"])
        return list(image["touched"])

    def matches(self, image: Image, wanted: Image) -> bool:
        return not self._unlike(image, wanted)

    def astray(self, image: Image, wanted: Image) -> list[str]:
        paths = [path for path in self._unlike(image, wanted) if derived.maker_of(path) is None]
        return list(dict.fromkeys(f"file {data_folders.named(path, self._is_named(path))}" for path in paths))

    def _is_named(self, path: str) -> bool:
        """Return True for a folder that somebody named himself, and that is told by its name."""
        return path in self.folders.split(":")

    def shown_conflict(self, conflict: Conflict) -> Conflict:
        named = any(f"{conflict.entry} ".startswith(f"{folder} ") for folder in self.folders.split(":"))
        if named or data_folders.data_folder(conflict.entry) is None:
            return conflict
        return Conflict(data_folders.named(conflict.entry), "as it was", "as it was set", "something else")

    def _unlike(self, image: Image, wanted: Image) -> list[str]:
        """Return the paths that are not as wanted, without what is a program's alone."""
        if "goals" in wanted:
            now, goals = _unpack(image), _unpack(wanted, "goals")
            goals.update(_merged(wanted, now))
            return [path for path, goal in goals.items() if not _same(now.get(path, ABSENT), goal)]
        digests, wanted_digests = image["digests"], wanted["digests"]
        touched = wanted.get("touched", _differences(digests, wanted_digests))
        return [path for path in touched if not _is_made(path) and digests.get(path) != wanted_digests.get(path)]

    def capture_after(self, host: Host, before: Image) -> Image:
        """Return what lies there now of that which was changed, made anew or taken away since."""
        now = self.capture(host)
        return _of_touched(now, {*_differences(before["digests"], now["digests"]), *_rewritten(before, now)})

    def renewed(self, host: Host, image: Image, paths: Collection[str]) -> Image:
        """Return an image that ``capture_after`` gave, with some of its paths as they are now."""
        now = {path: path_image(host, path) for path in paths}
        present = {path: image for path, image in now.items() if image != ABSENT}
        digests = {path: digest for path, digest in image["digests"].items() if path not in paths}
        packed = {path: known for path, known in _unpack(image).items() if path not in paths}
        return {**image, "digests": {**digests, **_digests(present)}, "packed": _pack({**packed, **present})}

    def narrowed(self, before: Image, after: Image) -> Image:
        return _of_touched(before, after["touched"])

    def way_back(self, before: Image, after: Image, now: Image, force: bool = False) -> WayBack:
        """Take back path by path; where others have changed the same text, entry by entry."""
        old, present = _unpack(before), _unpack(now)
        changed = {path for path in after["touched"] if not derived.belongs_to_nobody(path)}
        foreign = {path for path in present if _is_inside_ours(path, changed, old)}
        shared = {folder for folder in changed if any(path.startswith(f"{folder}/") for path in foreign)}
        touched = sorted(changed - shared)
        ours = _ours(after, old, present, touched)
        ways = {path: _way_of(path, old, ours, present, force) for path in touched}
        conflicts = [_named(path, conflict) for path, way in ways.items() if way for conflict in way.conflicts]
        conflicts += [
            SharedFolder(path, "not there", "made", "it holds what others laid there") for path in sorted(shared)
        ]
        goals = {path: way.goal for path, way in ways.items() if way}
        goals.update({path: present[path] for path in foreign | shared if is_kept(present[path])})
        goal: Image = {"touched": touched, "goals": _pack(goals), "force": force}
        goal.update({"before": _pack(_of(old, touched)), "ours": _pack(_of(ours, touched)), "merged": []})
        return WayBack(self.deferred(goal, [path for path in touched if path in REGISTERS]), tuple(conflicts))

    def joined(self, earlier: tuple[Image, Image], later: tuple[Image, Image]) -> tuple[Image, Image]:
        """Join path by path: what the earlier change did not touch is before it as it was before the later one."""
        before = _overlaid(later[0], earlier[0], later[1]["touched"], earlier[1]["touched"])
        return before, _overlaid(earlier[1], later[1], earlier[1]["touched"], later[1]["touched"])

    def remaining(self, goal: Image, paths: Collection[str]) -> Image | None:
        if "goals" not in goal:
            return goal
        goals = {path: image for path, image in _unpack(goal, "goals").items() if path not in paths}
        return {**goal, "goals": _pack(goals), "merged": [path for path in goal["merged"] if path not in paths]}

    def without(self, now: Image, after: Image, paths: Collection[str]) -> Image:
        elsewhere = ({posixpath.dirname(path) for path in paths} | set(paths)).difference(after["touched"])
        present = {path: image for path, image in _unpack(now).items() if path not in elsewhere}
        return {**now, "packed": _pack(present)}

    def deferred(self, goal: Image, paths: Collection[str]) -> Image:
        merged = sorted({*goal["merged"], *paths}.intersection(goal["touched"])) if "merged" in goal else []
        return {**goal, "merged": merged} if "merged" in goal else goal

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Accept everything: a run that was cut could not note what it touched."""
        return True

    def sweep(self, host: Host) -> None:
        paths = [path for folder in self.folders.split(":") for path in _walk(host, folder)]
        for path in paths:
            if path.endswith(TEMPORARY_SUFFIX):
                host.remove(path)


def _way_of(
    path: str, images: Mapping[str, Image], after: Mapping[str, Image], present: Mapping[str, Image], force: bool
) -> WayBack | None:
    """Return the way back of one path among all before, as the run left them, and now.

    None for what is left to the program that makes it.
    """
    before, ours, now = (known.get(path, ABSENT) for known in (images, after, present))
    maker = derived.maker_of(path)
    if maker is not None and not (maker.exact and _same(now, ours)):
        return None
    if _same(now, before):
        return WayBack(before)
    if "unknown" in ours:  # an earlier release kept a digest alone, so what is whose in a register cannot be told
        conflict = Conflict("", *map(describe, (before, ours, now)))
        return WayBack(before if force and path not in REGISTERS else now, (conflict,))
    way = File(path).way_back(before, ours, now, force)
    if not is_kept(way.goal) and not _same(way.goal, now):
        return WayBack(now, (Conflict("", "too large to be kept", "changed", "as it was set"),))
    return way


def _merged(goal: Image, now: Mapping[str, Image]) -> dict[str, Image]:
    """Return what those paths are to become that are merged when they are put."""
    before, ours = _unpack(goal, "before"), _unpack(goal, "ours")
    merged = {}
    for path in goal["merged"]:
        way = _way_of(path, before, ours, now, goal["force"])
        merged.update({path: way.goal} if way else {})
    return merged


def _of(paths: Mapping[str, Image], wanted: Collection[str]) -> dict[str, Image]:
    return {path: known for path, known in paths.items() if path in wanted}


def _ours(
    after: Image, before: Mapping[str, Image], now: Mapping[str, Image], touched: Collection[str]
) -> dict[str, Image]:
    """Return the touched paths as the run left them. Earlier releases kept but the digest of each."""
    if "packed" in after:
        return _unpack(after)
    known = {}
    for path in touched:
        digest = after["digests"].get(path, "")
        images = [image for image in (now.get(path, ABSENT), before.get(path, ABSENT)) if _digest(image) == digest]
        known[path] = next(iter(images), {"kind": "unknown", "unknown": digest})
    return known


def _is_inside_ours(path: str, touched: Collection[str], before: Mapping[str, Image]) -> bool:
    """Return True for what others laid into a folder that the run brought, and that its package takes along."""
    folder = posixpath.dirname(path)
    if path in touched or folder in before or len(folder) < 2:
        return False
    return folder in touched or _is_inside_ours(folder, touched, before)


def _named(path: str, conflict: Conflict) -> Conflict:
    return replace(conflict, entry=f"{path} {conflict.entry}".strip())


def _is_made(path: str) -> bool:
    """Return True for what is neither compared nor written, because a program makes it, or for nobody's."""
    maker = derived.maker_of(path)
    return derived.belongs_to_nobody(path) or (maker is not None and not maker.exact)


def _same(image: Image, wanted: Image) -> bool:
    return _digest(image) == _digest(wanted)


def _put_paths(host: Host, goals: Mapping[str, Image]) -> None:
    for path in sorted((p for p, goal in goals.items() if goal == ABSENT), reverse=True):  # deepest first
        File(path).put(host, ABSENT)
    for path in sorted(p for p, goal in goals.items() if goal != ABSENT):
        if goals[path]["kind"] != "other":
            File(path).put(host, goals[path])


def _accounts_locked(host: Host, image: Image) -> contextlib.AbstractContextManager[None]:
    touched = image.get("touched", ())
    if any(path in touched for path in ACCOUNTS):
        return host.accounts_locked()
    return contextlib.nullcontext()


def _rewritten(before: Image, now: Image) -> list[str]:
    """Return the files that were written anew with the very same content."""
    old, present = _unpack(before), _unpack(now)
    files = [path for path, image in present.items() if image["kind"] == "file" and path in old]
    return [path for path in files if old[path].get("mtime", present[path]["mtime"]) != present[path]["mtime"]]


def _of_touched(image: Image, touched: Collection[str]) -> Image:
    """Return an image of its touched paths alone."""
    return {
        "digests": {path: image["digests"][path] for path in touched if path in image["digests"]},
        "touched": sorted(touched),
        "packed": _pack({path: known for path, known in _unpack(image).items() if path in touched}),
    }


def _overlaid(below: Image, above: Image, of_below: Collection[str], of_above: Collection[str]) -> Image:
    """Return an image of the paths that two touched; where both did, as ``above`` has them."""
    lower, upper = _unpack(below), _unpack(above)
    touched = sorted({*of_below, *of_above})
    sources = {path: upper if path in of_above else lower for path in touched}
    paths = {path: known[path] for path, known in sources.items() if path in known}
    return {
        "digests": _digests(paths),
        "touched": touched,
        "packed": _pack(paths),
    }


def _pack(paths: Mapping[str, Image]) -> str:
    return b64encode(zlib.compress(json.dumps(paths, sort_keys=True).encode(), 6)).decode("ascii")


def _unpack(image: Image, part: str = "packed") -> dict[str, Image]:
    paths: dict[str, Image] = json.loads(zlib.decompress(b64decode(image[part]))) if part in image else {}
    return paths


def _digests(paths: Mapping[str, Image]) -> dict[str, str]:
    return {path: _digest(image) for path, image in paths.items()}


def _digest(image: Image) -> str:
    """Return a word for what an image means; the same for those of earlier releases, that knew no times."""
    if image == ABSENT:
        return ""
    if "unknown" in image:
        return str(image["unknown"])
    bare = image["kind"] == "dir" and not image.get("xattrs")
    meaning = {key: value for key, value in image.items() if key != "mtime" and not (bare and key == "xattrs")}
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:32]


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(path for path in {**before, **now} if before.get(path) != now.get(path))


def _walk(host: Host, folder: str) -> Iterator[str]:
    info = host.stat(folder)
    if info is None or derived.belongs_to_nobody(folder):
        return
    yield folder
    if info.kind != "dir":
        return
    for name in host.listdir(folder):
        yield from _walk(host, posixpath.join(folder, name))
