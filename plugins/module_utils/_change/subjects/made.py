# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that a job makes in its own time, after the run that started it has ended."""

from __future__ import annotations

from dataclasses import dataclass

from ..._host.door import Host
from .base import Image, WholeSubject


@dataclass(frozen=True)
class MadeFile(WholeSubject):
    """Whether the file is there: one that was not goes again when the run is taken back; its bytes are the job's."""

    path: str
    type = "file made by a job"

    @property
    def name(self) -> str:
        return self.path

    def capture(self, host: Host) -> Image:
        return {"there": host.stat(self.path) is not None}

    def put(self, host: Host, image: Image) -> None:
        if not image["there"]:
            host.remove(self.path)

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Accept the file at any time: it comes when the job is done, which is nobody's later change."""
        return True
