# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which features PAM is put together from, through Red Hat's authselect."""

from __future__ import annotations

from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import Host
from .base import Image, WholeSubject

#: What authselect writes, and what it remembers to have written.
WRITTEN = "/etc/authselect:/var/lib/authselect"


@dataclass(frozen=True)
class AuthselectFeatures(WholeSubject):
    """Whether some features, named together, are enabled. A Tree beside it restores the files to the byte."""

    names: str
    type = "authselect features"
    STANDS_ALONE = False

    @property
    def name(self) -> str:
        return self.names

    def capture(self, host: Host) -> Image:
        """Return which of the features are enabled, by their names."""
        _profile, enabled = selected(host)
        return {name: name in enabled for name in self.names.split()}

    def put(self, host: Host, image: Image) -> None:
        _profile, enabled = selected(host)
        for name, on in image.items():
            if on == (name in enabled):
                continue
            done = host.run(["authselect", "enable-feature" if on else "disable-feature", name])
            if done.rc != 0:
                raise ClinicalError("Switching the authselect feature", name, done.err_line, "Try: authselect check")


def selected(host: Host) -> tuple[str, frozenset[str]]:
    """Return the profile that is in use and its enabled features; both empty where authselect does not rule PAM."""
    done = host.run(["authselect", "current", "--raw"])
    if done.rc != 0 or not done.out.strip():
        return ("", frozenset())
    profile, *features = done.out.split()
    return (profile, frozenset(features))
