# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a subject."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text import data_folders

#: What a subject looked like, as plain JSON data.
Image = dict[str, Any]


@dataclass(frozen=True)
class Conflict:
    """A part of a subject that others changed since a run: its value before, as the run left it, and now, in words.

    An empty ``entry`` is the whole subject. No value is a secret.
    """

    entry: str
    before: str
    ours: str
    now: str

    def describe(self) -> str:
        """Return the three values in words."""
        values = {"before": self.before, "set": self.ours, "now": self.now}
        return "; ".join(f"{name}: {value or 'nothing'}" for name, value in values.items())


@dataclass(frozen=True)
class SharedFolder(Conflict):
    """A folder that a run made, and that stays for what others laid into it: nothing of it has to be separated."""


@dataclass(frozen=True)
class WayBack:
    """The image that takes a run's change back, and what others have changed since, which the image leaves alone."""

    goal: Image
    conflicts: tuple[Conflict, ...] = ()


@contextlib.contextmanager
def withheld_names(is_folder: Callable[[str], bool], known: Collection[str] = ()) -> Iterator[None]:
    """Let errors tell a file of a site's data by its folder: they reach results, and its name may be a patient's.

    Paths that are ``known`` to whoever reads them, since they gave them, are told as they are.
    """
    try:
        yield
    except ClinicalError as error:
        path = error.subject
        if path.startswith("/") and path not in known:
            error.subject = data_folders.named(path, is_folder(path))
            error.saw = error.saw.replace(path, error.subject)
        raise


class Subject(Protocol):
    """One thing on a host that a change replaces and a revert restores."""

    #: The word that stands for this class in a journal; ``name`` is what tells one subject from another of its class.
    type: str
    STANDS_ALONE: bool
    MADE_OF_OTHERS: bool

    @property
    def name(self) -> str:
        """Its name among the subjects of its type."""

    def shown_name(self, image: Image) -> str:
        """Return its name as people are told it, for what it looked like: that of a file of data may be a patient's."""

    def shown_conflict(self, conflict: Conflict) -> Conflict:
        """Return a conflict as people are told it, without names and contents of files of data."""

    def capture(self, host: Host) -> Image:
        """Return what it looks like now, complete enough to become it again."""

    def put(self, host: Host, image: Image) -> None:
        """Make it look like ``image``, which may leave out what is to stay as it is."""

    def matches(self, image: Image, wanted: Image) -> bool:
        """Compare two images by what they mean; ``wanted`` may leave things out, which then do not count."""

    def capture_after(self, host: Host, before: Image) -> Image:
        """Return what to remember of it after a change, to tell that change from later ones."""

    def way_back(self, before: Image, after: Image, now: Image, force: bool = False) -> WayBack:
        """Return what takes back the change from ``before`` to ``after``, and nothing of what others changed since.

        With ``force`` what a run wrote is put back also where others have changed the same since.
        """

    def astray(self, image: Image, wanted: Image) -> list[str]:
        """Return the names of what is not there after ``wanted`` was put; what a program made is as that made it."""

    def obstacle(self, host: Host, image: Image) -> str:
        """Return why the image cannot be put without costing others what they did, or nothing."""

    def narrowed(self, before: Image, after: Image) -> Image:
        """Return ``before`` without what the change to ``after`` did not touch."""

    def joined(self, earlier: tuple[Image, Image], later: tuple[Image, Image]) -> tuple[Image, Image]:
        """Return the images before and after two changes in a row, as if they were one."""

    def remaining(self, goal: Image, paths: Collection[str]) -> Image | None:
        """Return a goal without these paths, which others are put to after it; None where nothing of it remains."""

    def without(self, now: Image, after: Image, paths: Collection[str]) -> Image:
        """Return ``now`` without those paths that the change to ``after`` did not touch: others put them back."""

    def deferred(self, goal: Image, paths: Collection[str]) -> Image:
        """Return a goal of ``way_back`` for when others put these paths back before this is put."""

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Check that each part of ``now`` is that of ``before`` or of ``after``, as where a run was cut in between."""

    def sweep(self, host: Host) -> None:
        """Remove what a run that was killed in the middle of writing it left beside it."""


class WholeSubject:
    """A subject that is replaced as a whole; what each method promises stands in ``Subject``."""

    type: str

    #: Parts of an image that are restored with the rest and tell nothing about who changed it.
    INCIDENTAL = frozenset({"mtime"})
    #: False where the rest of its group makes no sense without it.
    STANDS_ALONE = True
    #: True where a program makes it out of other subjects of its group, so that on a way back it comes after them.
    MADE_OF_OTHERS = False
    #: True where None in an image says that there was none, because it comes and goes with another subject.
    COMES_WITH_OTHERS = False

    @property
    def name(self) -> str:
        raise NotImplementedError

    def shown_name(self, image: Image) -> str:
        return self.name

    def shown_conflict(self, conflict: Conflict) -> Conflict:
        return conflict

    def capture(self, host: Host) -> Image:
        raise NotImplementedError

    def matches(self, image: Image, wanted: Image) -> bool:
        return all(image.get(key) == value for key, value in wanted.items() if key not in self.INCIDENTAL)

    def astray(self, image: Image, wanted: Image) -> list[str]:
        if self.COMES_WITH_OTHERS and None in wanted.values():
            return []
        if self.matches(image, wanted):
            return []
        return [f"{self.type} {self.shown_name(wanted)}"]

    def capture_after(self, host: Host, before: Image) -> Image:
        return self.capture(host)

    def way_back(self, before: Image, after: Image, now: Image, force: bool = False) -> WayBack:
        """Compare part by part; what is made of other parts than before is left as a whole."""
        foreign: set[str] = set()
        if not self.is_partial(now, before, after):
            foreign = {part for part in now if not WholeSubject.is_partial(self, {part: now[part]}, before, after)}
        conflicts = tuple(
            Conflict(part, *(self.describe(part, image.get(part)) for image in (before, after, now)))
            for part in sorted(foreign)
        )
        if force or not conflicts:
            return WayBack(before, conflicts)
        if before.keys() - self.INCIDENTAL != now.keys() - self.INCIDENTAL or "kind" in foreign:
            return WayBack(now, conflicts)
        return WayBack({part: now[part] if part in foreign else value for part, value in before.items()}, conflicts)

    def describe(self, part: str, value: Any) -> str:
        """Return the value of a part of an image in words, and nothing of it where it may be a secret."""
        return "nothing" if value is None else str(value)

    def obstacle(self, host: Host, image: Image) -> str:
        return ""

    def narrowed(self, before: Image, after: Image) -> Image:
        return before

    def joined(self, earlier: tuple[Image, Image], later: tuple[Image, Image]) -> tuple[Image, Image]:
        return earlier[0], later[1]

    def remaining(self, goal: Image, paths: Collection[str]) -> Image | None:
        if getattr(self, "path", None) in paths:
            return None
        return goal

    def without(self, now: Image, after: Image, paths: Collection[str]) -> Image:
        return now

    def deferred(self, goal: Image, paths: Collection[str]) -> Image:
        return goal

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        parts = {part: value for part, value in now.items() if part not in self.INCIDENTAL}
        return all(value in (before.get(part), after.get(part, value)) for part, value in parts.items())

    def sweep(self, host: Host) -> None:
        return
