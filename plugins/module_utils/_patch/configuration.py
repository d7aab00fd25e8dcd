# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files before and after a patch run, and the way back. Private to the collection."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple

from .._host.door import Host

Images = Mapping[str, Optional[Mapping[str, Any]]]
#: Where dpkg and rpm leave the package's own version beside one that the site has changed.
_BESIDE = (".dpkg-dist", ".rpmnew")


def images(host: Host, paths: Iterable[str]) -> Dict[str, Optional[Dict[str, Any]]]:
    """Content, mode and owner of each file, and of what lies beside it; None where there is none."""
    every = [f"{path}{ending}" for path in paths for ending in ("", *_BESIDE)]
    return {path: _image(host, path) for path in every}


def sums(host: Host, paths: Iterable[str]) -> Dict[str, str]:
    """A checksum of each file, which tells later whether somebody has changed it since."""
    return {path: _sum(_image(host, path)) for path in paths}


def drifted(host: Host, after: Mapping[str, str]) -> Tuple[str, ...]:
    """The files that somebody has changed since the run ended; asked before anything is taken back."""
    paths = (path for path in after if not path.endswith(_BESIDE))  # those are the package manager's own
    return tuple(path for path in paths if _sum(_image(host, path)) != after[path])


def restore(host: Host, before: Images, after: Mapping[str, str], stay: Iterable[str]) -> Tuple[str, ...]:
    """Put back what the run changed or brought, except for what somebody has changed since."""
    theirs = frozenset(stay)
    restored = []
    for path in dict.fromkeys((*before, *after)):
        wanted = before.get(path)
        if path not in theirs and _sum(_image(host, path)) != _sum(wanted):
            _put(host, path, wanted)
            restored.append(path)
    return tuple(restored)


def _image(host: Host, path: str) -> Optional[Dict[str, Any]]:
    found = host.stat(path)
    if found is None or found.kind != "file":
        return None
    content = base64.b64encode(host.read(path) or b"").decode()
    return {"content": content, "mode": found.mode, "uid": found.uid, "gid": found.gid}


def _sum(image: Optional[Mapping[str, Any]]) -> str:
    if image is None:
        return ""
    told = f"{image['content']} {image['mode']} {image['uid']} {image['gid']}"
    return hashlib.sha256(told.encode()).hexdigest()


def _put(host: Host, path: str, image: Optional[Mapping[str, Any]]) -> None:
    if image is None:
        host.remove(path)
        return
    attributes = host.xattrs(path) if host.stat(path) is not None else {}
    host.write(path, base64.b64decode(image["content"]), image["mode"], image["uid"], image["gid"], attributes)
