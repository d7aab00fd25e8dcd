# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a program of the system makes out of others that a run changes.

They are made anew when a run is carried out. On the way back they become what they were, byte for byte, also where that
is not what the program would make.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import Host
from .audit import COMPILED
from .base import Image, WholeSubject
from .files import File, path_image

#: What each program writes, by its name.
OUTPUTS = {
    "augenrules": (COMPILED, f"{COMPILED}.prev"),
    "update-grub": ("/boot/grub/grub.cfg",),
}
#: Programs that are run only where their files are to become others. Augenrules is also run where only the kernel is.
_CHANGING = frozenset({"update-grub"})
MADE_ANEW: Image = {"made": "anew"}


@dataclass(frozen=True)
class Compiled(WholeSubject):
    """What one program made."""

    program: str
    type = "made by"

    @property
    def name(self) -> str:
        return self.program

    @property
    def outputs(self) -> tuple[str, ...]:
        """The files that the program writes."""
        return OUTPUTS[self.program]

    def capture(self, host: Host) -> Image:
        return {path: path_image(host, path) for path in self.outputs}

    def put(self, host: Host, image: Image) -> None:
        if image != MADE_ANEW:
            for path in self.outputs:
                File(path).put(host, image[path])
            return
        before = self.capture(host)
        done = host.run([self.program], timeout=300.0)
        if done.rc != 0:
            raise ClinicalError("Running", self.program, done.err_line, f"Try it on the host: {self.program}")
        if self.program in _CHANGING and self.capture(host) == before:
            same = f"it ended well and left {', '.join(self.outputs)} as it was"
            raise ClinicalError("Running", self.program, same, "Does it write another file, or was it replaced?")

    def matches(self, image: Image, wanted: Image) -> bool:
        return wanted != MADE_ANEW and super().matches(image, wanted)

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Accept whatever a cut run made: it did not note what the program had written."""
        return after == MADE_ANEW or super().is_partial(now, before, after)

    def sweep(self, host: Host) -> None:
        for path in self.outputs:
            File(path).sweep(host)
