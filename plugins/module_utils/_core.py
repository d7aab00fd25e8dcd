# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on a host, sent as one text with the module that starts it.

Ansible looks for what a module imports by parsing every source file, in every run anew, and the host compiles them all.
For ours both took longer than looking at the host. So a module whose action plugin sends the core imports nothing of
ours but this file, which imports the rest out of what was sent, and keeps it compiled for the next run.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import marshal
import os
import stat
import sys
import tempfile
import types
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGE = __name__.rpartition(".")[0]
#: Only root can write here; what lies here is code that root runs.
FOLDER = "/var/cache/healthops/core"
#: Stands between names and texts in turn; no source can hold it.
SEPARATOR = "\0"
#: The calls, each with the rooms that it reads nothing of: what is not sent is not unpacked either.
UNREAD_ROOMS = {
    "baseline": ("_patch", "_probe", "_service"),
    "commit_confirm": ("_baseline", "_configuration", "_controls", "_patch", "_probe", "_service"),
    "patch": ("_baseline", "_configuration", "_controls", "_probe", "_service"),
    "service_config": ("_baseline", "_controls", "_patch", "_probe", "_service"),
}


@functools.cache
def packed(call: str) -> str:
    """Return what a call needs, as the option ``core`` of a module takes it, the same each time."""
    needed = {name: text for name, text in _beside().items() if _is_needed(name, call)}
    text = SEPARATOR.join(part for source in sorted(needed.items()) for part in source)
    return base64.b64encode(zlib.compress(text.encode(), 1)).decode()  # smaller takes longer than it saves


def _is_needed(name: str, call: str) -> bool:
    room, _slash, member = name.partition("/")
    return room not in UNREAD_ROOMS[call] and (room != "_calls" or member in ("__init__", call))


def sources() -> Mapping[str, str]:
    """Return all sources of the core by their names (``_guard/record``): those that were sent, else those on disk."""
    core = next((finder for finder in sys.meta_path if isinstance(finder, Core)), None)
    return core.sources if core else _beside()


def _beside() -> dict[str, str]:
    here = Path(__file__).parent
    if not here.is_dir():
        return _in_archive(here)
    return {path.relative_to(here).as_posix()[:-3]: path.read_text(encoding="utf-8") for path in here.rglob("*.py")}


def _in_archive(folder: Path) -> dict[str, str]:
    """Return all sources in the folder of an archive that Python runs, such as the programs that are left on a host."""
    path = next(path for path in folder.parents if path.is_file())
    prefix = f"{folder.relative_to(path).as_posix()}/"
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.startswith(prefix) and name != f"{prefix}__init__.py"]
        return {name[len(prefix) : -3]: archive.read(name).decode() for name in names}


def answer(module: Any, call: str) -> None:
    """Make the call of this name in ``_calls`` for an AnsibleModule, and end the module with what it answers."""
    sent = module.params.pop("core")
    core = Core(sent, call) if sent else None
    if core:
        sys.meta_path.insert(0, core)
    result = importlib.import_module(f"{PACKAGE}._calls.{call}").answer(module.params, module.check_mode, module._diff)
    outlet = importlib.import_module(f"{PACKAGE}._text.outlet")
    if core and not module.check_mode:
        core.keep()
    module.params.clear()  # Ansible would send it all back
    outlet.finish(module, result)


class Core(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports what was sent. Compiled code that was kept is used only for the very same sources and Python."""

    def __init__(self, sent: str, call: str) -> None:
        parts = zlib.decompress(base64.b64decode(sent)).decode().split(SEPARATOR)
        self.sources = dict(zip(parts[::2], parts[1::2]))
        python = f"{sys.implementation.cache_tag}-{importlib.util.MAGIC_NUMBER.hex()}"
        self._path = os.path.join(FOLDER, f"{call}-{hashlib.sha256(sent.encode()).hexdigest()}.{python}")
        self._compiled = _read_compiled(self._path)
        self._is_new = False

    def _member(self, fullname: str) -> str:
        """Return the name in what was sent, or "" where it is not in there."""
        if not fullname.startswith(f"{PACKAGE}."):
            return ""
        name = fullname[len(PACKAGE) + 1 :].replace(".", "/")
        return next((member for member in (f"{name}/__init__", name) if member in self.sources), "")

    def find_spec(
        self, fullname: str, path: Any, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the way to load a module of the collection out of the packed sources; None for any other."""
        if not self._member(fullname):
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def is_package(self, fullname: str) -> bool:
        return self._member(fullname).endswith("/__init__")

    def get_source(self, fullname: str) -> str:
        return self.sources[self._member(fullname)]

    def get_code(self, fullname: str) -> types.CodeType:
        member = self._member(fullname)
        if member not in self._compiled:
            code = self.source_to_code(self.sources[member], f"<healthops.clinical {member}>")
            self._compiled[member] = marshal.dumps(code)
            self._is_new = True
            return code
        loaded: types.CodeType = marshal.loads(self._compiled[member])
        return loaded

    def keep(self) -> None:
        """Keep what was compiled, in place of what this call left earlier. Where that fails, it is compiled again."""
        if self._is_new:
            with contextlib.suppress(OSError):
                _write_compiled(self._path, self._compiled)


def _read_compiled(path: str) -> dict[str, bytes]:
    """Return compiled code by name; none where there is none, it is damaged, or others than this user can write it."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            about = os.fstat(file.fileno())
            data = file.read()
    except OSError:
        return {}
    if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o022:
        return {}
    if hashlib.sha256(data[32:]).digest() != data[:32]:  # marshal does not survive damage
        return {}
    compiled: dict[str, bytes] = marshal.loads(data[32:])
    return compiled


def _write_compiled(path: str, compiled: Mapping[str, bytes]) -> None:
    data = marshal.dumps(dict(compiled))
    folder = Path(path).parent
    _make(folder.parent, 0o755)  # what else is kept there is not only for root
    _make(folder, 0o700)
    handle, temporary = tempfile.mkstemp(dir=folder)
    try:
        with open(handle, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
    calls = tuple(f"{other}-" for other in UNREAD_ROOMS if not Path(path).name.startswith(f"{other}-"))
    for entry in folder.iterdir():
        if str(entry) != path and not entry.name.startswith(calls):
            entry.unlink()


def _make(folder: Path, mode: int) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(mode)
