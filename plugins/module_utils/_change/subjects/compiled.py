# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a program of the system makes out of others that a run changes.

They are made anew when a run is carried out. On the way back they become what they were, byte for byte, also where that
is not what the program would make; but where others have had them made anew since, they are made anew once more.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import Host
from .audit import COMPILED
from .base import Image, WayBack, WholeSubject
from .files import File, describe, path_image

#: What each program writes, by its name.
OUTPUTS = {
    "augenrules": (COMPILED, f"{COMPILED}.prev"),
    "update-grub": ("/boot/grub/grub.cfg",),
}
MADE_ANEW: Image = {"made": "anew"}
#: The same where the files do not hold yet what the program is to put into them.
MADE_DIFFERENT: Image = {"made": "anew", "different": True}


@dataclass(frozen=True)
class Compiled(WholeSubject):
    """What one program made."""

    program: str
    type = "made by"
    MADE_OF_OTHERS = True

    @property
    def name(self) -> str:
        return self.program

    @property
    def outputs(self) -> tuple[str, ...]:
        """The files that the program writes."""
        return OUTPUTS[self.program]

    def capture(self, host: Host) -> Image:
        """Return the images of all that the program writes, by path."""
        return {path: path_image(host, path) for path in self.outputs}

    def put(self, host: Host, image: Image) -> None:
        if not _is_made(image):
            for path in self.outputs:
                File(path).put(host, image[path])
            return
        before = self._contents(host)
        done = host.run([self.program], timeout=300.0)
        if done.rc != 0:
            raise ClinicalError("Running", self.program, done.err_line, f"Try it on the host: {self.program}")
        if image == MADE_DIFFERENT and self._contents(host) == before:
            same = f"it ended well and left {', '.join(self.outputs)} as it was"
            raise ClinicalError("Running", self.program, same, "Does it write another file, or was it replaced?")

    def _contents(self, host: Host) -> list[bytes | None]:
        return [host.read(path) for path in self.outputs]

    def matches(self, image: Image, wanted: Image) -> bool:
        return not _is_made(wanted) and all(File(path).matches(image[path], known) for path, known in wanted.items())

    def reached(self, image: Image, wanted: Image) -> bool:
        return _is_made(wanted) or self.matches(image, wanted)

    def way_back(self, before: Image, after: Image, now: Image, force: bool = False) -> WayBack:
        return WayBack(before if self.is_partial(now, before, after) else MADE_ANEW)

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Accept whatever a cut run made: it did not note what the program had written."""
        if _is_made(after):
            return True
        images = [{path: describe(known) for path, known in image.items()} for image in (now, before, after)]
        return super().is_partial(images[0], images[1], images[2])

    def sweep(self, host: Host) -> None:
        for path in self.outputs:
            File(path).sweep(host)


def _is_made(image: Image) -> bool:
    """Return whether a wanted image says that the program is to be run."""
    return image.get("made") == "anew"
