# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file whose bytes a program of the host prints: a key, a certificate, a password that nobody has to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..._errors import ClinicalError
from ..._host.door import Host
from .base import Image
from .files import File, owned_image


def generated_image(argv: Sequence[str], mode: int, user: str, group: str) -> Image:
    """Return a wanted file: whatever the program prints when it comes to that."""
    return {"kind": "generated", "argv": list(argv), "mode": mode, "user": user, "group": group}


@dataclass(frozen=True)
class GeneratedFile(File):
    """The file with all its bytes; what is remembered of the change are the bytes that were printed.

    ``stdin`` is what the program reads. It may be a password, and stands in no image: no way back needs it.
    """

    stdin: str = field(default="", repr=False, compare=False)
    type = "generated file"

    def put(self, host: Host, image: Image) -> None:
        if image["kind"] != "generated":
            super().put(host, image)
            return
        done = host.run(image["argv"], timeout=300.0, stdin=self.stdin)
        if done.rc != 0 or not done.out:
            raise ClinicalError("Generating", self.path, done.complaint, f"Try: {' '.join(image['argv'])}")
        super().put(host, owned_image("file", image["mode"], image["user"], image["group"], done.out.encode()))

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Accept whatever a cut run has generated: nobody else could know what it would be."""
        return after["kind"] == "generated" or super().is_partial(now, before, after)
