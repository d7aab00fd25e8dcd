# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which profiles PAM is put together from, through Debian's own pam-auth-update."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import Host
from .base import Image, WholeSubject
from .files import File, file_image

SAVED = "/var/lib/pam"
COMMON = "/etc/pam.d/common-"
STACKS = ("auth", "account", "password", "session", "session-noninteractive")
_QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
_UNIX = re.compile(r"^(?:auth|password)[ \t].*\bpam_unix\.so\b.*$", re.MULTILINE)
#: Parts of a wanted image that say how to get there.
HOW = ("rebuild", "force")
#: What else pam_unix may hash with. Debian 13 still takes the old names.
HASHES = ("yescrypt", "gost_yescrypt", "sha512", "sha256", "blowfish", "bigcrypt", "md5")


@dataclass(frozen=True)
class PamProfiles(WholeSubject):
    """Whether some profiles, named together, are enabled; whether pam_unix takes empty passwords; what it hashes with.

    Options of pam_unix are changed in the generated files, which is the local change that pam-auth-update itself keeps.
    A Tree over the files beside it restores them to the byte.
    """

    names: str
    type = "pam profiles"
    STANDS_ALONE = False

    @property
    def name(self) -> str:
        return self.names

    def capture(self, host: Host) -> Image:
        """Return which profiles are enabled, whether empty passwords pass, and the hash that new ones get."""
        enabled = enabled_profiles(host)
        texts = [host.read_text(COMMON + stack, "surrogateescape") for stack in ("auth", "password")]
        options = [option for text in texts for line in _UNIX.findall(text) for option in line.split()]
        return {
            "profiles": {name: name in enabled for name in self.names.split()},
            "nullok": "nullok" in options or "nullok_secure" in options,
            "hash": next((option for option in options if option in HASHES), ""),
        }

    def put(self, host: Host, image: Image) -> None:
        now = self.capture(host)
        wanted: dict[str, bool] = image.get("profiles", {})
        off = sorted(name for name, on in wanted.items() if not on and now["profiles"][name])
        missing = [name for name, on in wanted.items() if on and not now["profiles"][name]]
        if off:
            _update(host, "--disable", *off)
        if missing or image.get("rebuild"):
            on = sorted(name for name, on in wanted.items() if on)
            _update(host, *(["--force"] if image.get("force") else []), "--enable", *on)
        if image.get("nullok") is False:
            _without_nullok(host)
        if image.get("hash"):
            _hash_with(host, image["hash"])
        enabled = enabled_profiles(host)
        stuck = [name for name, on in wanted.items() if (name in enabled) != on]
        if stuck:
            reason = "pam-auth-update left them as they were"
            raise ClinicalError("Switching the PAM profiles", ", ".join(stuck), reason, "Were common-* edited by hand?")

    def matches(self, image: Image, wanted: Image) -> bool:
        return super().matches(image, {part: value for part, value in wanted.items() if part not in HOW})

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Compare profile by profile, because a pam-auth-update that is killed has written some of the files."""
        parts = [{**image, **image.get("profiles", {}), "profiles": None} for image in (now, before, after)]
        return super().is_partial(parts[0], parts[1], parts[2])

    def sweep(self, host: Host) -> None:
        for stack in ("auth", "password"):
            File(COMMON + stack).sweep(host)


def enabled_profiles(host: Host) -> frozenset[str]:
    """Return the profiles from which the files in use were made, as pam-auth-update noted them."""
    noted = (host.read_text(posixpath.join(SAVED, stack), "surrogateescape") for stack in STACKS)
    return frozenset(re.findall(r"^Module: (\S+)$", "\n".join(noted), re.MULTILINE))


def _update(host: Host, *arguments: str) -> None:
    done = host.run(["pam-auth-update", "--package", *arguments], env=_QUIET)
    if done.rc != 0 or "not updating" in done.err:
        raise ClinicalError("Running", "pam-auth-update", done.err_line, "Were /etc/pam.d/common-* edited by hand?")


def _without_nullok(host: Host) -> None:
    for stack in ("auth", "password"):
        _edit(host, COMMON + stack, lambda line: re.sub(r"[ \t]+nullok(?:_secure)?\b", "", line))


def _hash_with(host: Host, name: str) -> None:
    hashes = re.compile(rf"[ \t]+(?:{'|'.join(HASHES)})\b")
    _edit(host, COMMON + "password", lambda line: f"{hashes.sub('', line).rstrip()} {name}")


def _edit(host: Host, path: str, change: Callable[[str], str]) -> None:
    text = host.read_text(path, "surrogateescape")
    new = _UNIX.sub(lambda match: change(match[0]), text)
    if new != text:
        File(path).put(host, file_image(new.encode("utf-8", "surrogateescape")))
