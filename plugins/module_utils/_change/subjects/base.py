# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a subject."""

from __future__ import annotations

from typing import Any, Protocol

from ..._host.door import Host

#: What a subject looked like, as plain JSON data.
Image = dict[str, Any]


class Subject(Protocol):
    """One thing on a host that a change replaces and a revert restores."""

    #: The word that stands for this class in a journal; ``name`` is what tells one subject from another of its class.
    type: str

    @property
    def name(self) -> str:
        """Its name among the subjects of its type."""

    def capture(self, host: Host) -> Image:
        """Return what it looks like now, complete enough to become it again."""

    def put(self, host: Host, image: Image) -> None:
        """Make it look like ``image``, which may leave out what is to stay as it is."""

    def matches(self, image: Image, wanted: Image) -> bool:
        """Compare two images by what they mean; ``wanted`` may leave things out, which then do not count."""

    def capture_after(self, host: Host, before: Image) -> Image:
        """Return what to remember of it after a change, to tell that change from later ones."""

    def inverse(self, before: Image, after: Image) -> Image:
        """Return the image that takes back the change from ``before`` to ``after``, and nothing else."""

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Check that each part of ``now`` is that of ``before`` or of ``after``, as where a run was cut in between."""

    def sweep(self, host: Host) -> None:
        """Remove what a run that was killed in the middle of writing it left beside it."""


class WholeSubject:
    """A subject that is replaced as a whole; what each method promises stands in ``Subject``."""

    def capture(self, host: Host) -> Image:
        raise NotImplementedError

    def matches(self, image: Image, wanted: Image) -> bool:
        return all(image.get(key) == value for key, value in wanted.items())

    def capture_after(self, host: Host, before: Image) -> Image:
        return self.capture(host)

    def inverse(self, before: Image, after: Image) -> Image:
        return before

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        return all(value in (before.get(part), after.get(part, value)) for part, value in now.items())

    def sweep(self, host: Host) -> None:
        return
