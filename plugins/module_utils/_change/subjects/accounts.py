# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One field of one account, so that taking a change back never takes somebody's new password back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..._errors import ClinicalError
from ..._host.door import Host
from .base import Image, WayBack, WholeSubject
from .files import File, file_image

#: Where each field stands: the file, and its place in the line of an account or a group.
FIELDS = {
    "password mark": ("/etc/passwd", 1),
    "shell": ("/etc/passwd", 6),
    "password": ("/etc/shadow", 1),
    "longest days": ("/etc/shadow", 4),
    "inactive days": ("/etc/shadow", 6),
    "group password": ("/etc/gshadow", 1),
}


@dataclass(frozen=True)
class AccountField(WholeSubject):
    """One field of an account or a group; named like ``shell of backup``.

    An image holds the field as it stands in its file, a password's hash as well, so it belongs into the journal alone.
    """

    what: str
    type = "account"
    COMES_WITH_OTHERS = True

    @property
    def name(self) -> str:
        return self.what

    @property
    def path(self) -> str:
        """The file that it stands in."""
        return self._place()[0]

    def capture(self, host: Host) -> Image:
        """Return the field as {"value": text}, None where the account has no such line or field."""
        path, number, owner = self._place()
        fields = _line(host.read_text(path, "surrogateescape"), owner)
        return {"value": fields[number] if fields and len(fields) > number else None}

    def put(self, host: Host, image: Image) -> None:
        path, number, owner = self._place()
        with host.accounts_locked():
            text = host.read_text(path, "surrogateescape")
            fields = _line(text, owner)
            if image["value"] is None or fields is None:
                return
            if len(fields) <= number:
                reason = f"the line of {owner} has {len(fields)} fields only"
                raise ClinicalError("Changing an account in", path, reason, "Try: pwck --read-only")
            if fields[number] == image["value"]:
                return
            changed = ":".join([*fields[:number], image["value"], *fields[number + 1 :]])
            lines = [changed if line == ":".join(fields) else line for line in text.split("\n")]
            File(path).put(host, file_image("\n".join(lines).encode("utf-8", "surrogateescape")))

    def way_back(self, before: Image, after: Image, now: Image, force: bool = False) -> WayBack:
        """Leave an account that is gone gone."""
        if now["value"] is None:
            return WayBack(now)
        return super().way_back(before, after, now, force)

    def describe(self, part: str, value: Any) -> str:
        if value is None or "password" not in self.what:
            return super().describe(part, value)
        if value == "" or value[:1] in ("!", "*", "x"):
            return {"": "empty", "x": "in shadow"}.get(value, "locked")
        return "a password"

    def sweep(self, host: Host) -> None:
        File(self.path).sweep(host)

    def _place(self) -> tuple[str, int, str]:
        field, _of, owner = self.what.partition(" of ")
        if field not in FIELDS or not owner:
            raise ClinicalError("Looking at the account field", self.what, "there is no such field")
        return (*FIELDS[field], owner)


def _line(text: str, owner: str) -> list[str] | None:
    """Return the fields of the first line of that name, which is the one that programs find."""
    lines = (line.split(":") for line in text.split("\n"))
    return next((fields for fields in lines if fields[0] == owner), None)
