# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one family of errors that the core raises. It imports nothing, so that every room may use it."""

from __future__ import annotations


class ClinicalError(Exception):
    """Something could not be done, said so that a person can act on it.

    ``doing`` and ``subject`` say what was attempted on what ("reading", "/etc/shadow"), ``saw`` what happened
    instead, ``try_this`` what would help. Only a module's or action's entry point turns it into a failure.
    """

    def __init__(self, doing: str, subject: str, saw: str, try_this: str = "") -> None:
        self.doing = doing
        self.subject = subject
        self.saw = saw
        self.try_this = try_this
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.doing} {self.subject}: {self.saw}".rstrip(".") + "."
        return f"{text} {self.try_this}" if self.try_this else text


class ExchangedError(ClinicalError):
    """Somebody who may write there puts something else in a place while it is looked after: that place is left to them.

    An account could else keep a run from doing the rest, or from being taken back.
    """


class HostWriteError(ClinicalError):
    """The machine itself refuses to be written (full, read-only or failing disk), so going on makes no sense."""


class ReadOnlyError(HostWriteError):
    """A place on a file system that is mounted read-only; elsewhere the machine can be written, so others may go on."""
