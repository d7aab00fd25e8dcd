# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and groups that a system has for itself, made and taken away by the programs of shadow(5)."""

from __future__ import annotations

from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text.numbers import natural
from .base import Image, WholeSubject

_ABSENT: Image = {"there": False}


@dataclass(frozen=True)
class LocalGroup(WholeSubject):
    """Whether a group exists. One that is still some account's own group stays."""

    group: str
    type = "group"

    @property
    def name(self) -> str:
        return self.group

    def capture(self, host: Host) -> Image:
        return {"there": _row(host, "/etc/group", self.group) is not None}

    def put(self, host: Host, image: Image) -> None:
        if image["there"] == self.capture(host)["there"]:
            return
        program = ["groupadd", "--system"] if image["there"] else ["groupdel"]
        _run(host, [*program, self.group], "the group", self.group)


@dataclass(frozen=True)
class LocalAccount(WholeSubject):
    """An account without a password: its own group, further groups, home, shell and comment, by name."""

    account: str
    type = "local account"

    @property
    def name(self) -> str:
        return self.account

    def capture(self, host: Host) -> Image:
        """Return group, groups, home, shell and comment by name. Raises ClinicalError where its line is damaged."""
        row = _row(host, "/etc/passwd", self.account)
        if row is None or len(row) < 7:
            return dict(_ABSENT)
        gid = natural(row[3])
        if gid is None:
            raise ClinicalError("Reading", "/etc/passwd", f"the group of {self.account} is no number: {row[3]!r:.40}")
        groups = (line.split(":") for line in host.read_text("/etc/group", "surrogateescape").split("\n"))
        member = [fields[0] for fields in groups if len(fields) > 3 and self.account in fields[3].split(",")]
        return {
            "there": True,
            "group": host.group_name(gid),
            "groups": sorted(member),
            "home": row[5],
            "shell": row[6],
            "comment": row[4],
        }

    def put(self, host: Host, image: Image) -> None:
        now = self.capture(host)
        if now == image:
            return
        if not image["there"]:
            _run(host, ["userdel", self.account], "the account", self.account)
            return
        program = ["usermod"] if now["there"] else ["useradd", "--system", "--no-create-home"]
        home = "--home" if now["there"] else "--home-dir"
        options = ["--gid", image["group"], home, image["home"], "--shell", image["shell"]]
        options += ["--comment", image["comment"], "--groups", ",".join(image["groups"])]
        _run(host, [*program, *options, self.account], "the account", self.account)


def _row(host: Host, path: str, name: str) -> list[str] | None:
    rows = (line.split(":") for line in host.read_text(path, "surrogateescape").split("\n"))
    return next((row for row in rows if row[0] == name), None)


def _run(host: Host, argv: list[str], noun: str, name: str) -> None:
    done = host.run(argv)
    if done.rc != 0:
        raise ClinicalError(f"Changing {noun}", name, done.complaint, "Is it in use?")
