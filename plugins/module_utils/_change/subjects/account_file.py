# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file in a place that an account can exchange: it goes, and comes back, only as that account's own."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from ..._errors import ClinicalError, ExchangedError, HostWriteError
from ..._host.door import Host, exchanged
from .base import Image
from .files import File


@contextlib.contextmanager
def _of_the_account() -> Iterator[None]:
    """Whatever goes wrong there, but for the machine itself, is the doing of whoever can write there."""
    try:
        yield
    except HostWriteError:
        raise
    except ClinicalError as error:
        raise ExchangedError(error.doing, error.subject, error.saw, error.try_this) from error


@dataclass(frozen=True)
class AccountFile(File):
    """The file of an account in a folder of its own. Another name of root's file in its place is not touched.

    Nor is one made anew there that is root's: an account could else have root make copies of what is not its own.
    """

    type = "account's file"

    def capture(self, host: Host) -> Image:
        """Return the image of the file. Raises ExchangedError for whatever goes wrong with it."""
        with _of_the_account():
            return super().capture(host)

    def put(self, host: Host, image: Image) -> None:
        folder, now = host.stat(posixpath.dirname(self.path)), host.stat(self.path)
        owner = folder.uid if folder is not None else 0
        if now is not None and now.uid != owner:
            raise exchanged(self.path, "it is not the account's", "Changing")
        if image["kind"] != "absent" and (now is not None or image.get("uid") != owner):
            raise exchanged(self.path, "something else lies there, or lay there before", "Restoring")
        with _of_the_account():
            super().put(host, image)
