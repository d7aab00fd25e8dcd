# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in a test host inside of the interpreter of a module: ends it with SIGKILL before one of its changes.

It is laid as /srv/cut/sitecustomize.py, and /srv/cut/python3 starts Python with it. /srv/cut/at holds the number of the
change before which a module dies, 0 for none; /srv/cut/changes is written with a line for each change that came, of
one module after the other. What counts is what a module does itself while it holds the lock of a run: to files, and by
commands that act. The mode and owner of a file that is only being made are no change of their own.
"""

from __future__ import annotations

import os
import signal
import sys

HOME = "/srv/cut"
LOCK = "/run/healthops/baseline.lock"
#: Events of sys.addaudithook that change the file system, and how many of their arguments are paths.
EVENTS = {
    "os.chmod": 1,
    "os.chown": 1,
    "os.link": 2,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.setxattr": 1,
    "os.symlink": 2,
    "os.truncate": 1,
    "os.utime": 1,
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
#: Commands that act; all others only ask.
ACTS = ("start", "stop", "restart", "reload", "enable", "disable", "daemon-reload", "try-reload-or-restart")
#: What is no part of the configuration: files of Ansible, pipes, the lock, and what is compiled for the next run.
PASSING = ("/tmp/", "/dev/", "/proc/", "/run/healthops", "/root/.ansible", "/home/", "/var/cache/healthops", "ansible_")
TEMPORARY = ".healthops-tmp"
_state = {"busy": False, "last": ""}


def change(event: str, arguments: tuple[object, ...]) -> str:
    """Return the change that an event is, in words; empty where it changes nothing."""
    if event == "open":
        path, _mode, flags = arguments
        return "" if not isinstance(flags, int) or not flags & WRITING or isinstance(path, int) else f"write {path!s}"
    if event == "subprocess.Popen":
        words = [str(word) for word in arguments[1]]  # type: ignore[attr-defined]
        acts = (words[0].endswith("systemctl") and not {*words}.isdisjoint(ACTS)) or words[:2] == ["nft", "-f"]
        return " ".join(words) if acts else ""
    if event in EVENTS:
        return " ".join([event, *(str(path) for path in arguments[: EVENTS[event]])])
    return ""


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if _state["busy"]:
        return
    words = change(event, arguments)
    if not words or any(f" {place}" in words for place in PASSING) or _is_of_what_is_being_made(words):
        return
    _state["busy"] = True  # what this function opens is no change
    try:
        if _holds_the_lock():
            _count(words)
    finally:
        _state["busy"] = False


def _is_of_what_is_being_made(words: str) -> bool:
    if words.startswith(("os.chmod ", "os.chown ")) and words.split()[1].isdigit():
        return str(_state["last"]).endswith(TEMPORARY)
    return words.startswith("os.remove ") and words.endswith(TEMPORARY)


def _count(words: str) -> None:
    _state["last"] = words
    with open(f"{HOME}/changes", "a+", encoding="utf-8") as stream:
        stream.write(f"{words}\n")
        stream.seek(0)
        number = len(stream.readlines())
    with open(f"{HOME}/at", encoding="utf-8") as stream:
        if number == int(stream.read()):
            os.kill(os.getpid(), signal.SIGKILL)


def _holds_the_lock() -> bool:
    try:
        with open(LOCK, encoding="utf-8") as stream:
            return f'"pid": {os.getpid()},' in stream.read()
    except OSError:
        return False


sys.addaudithook(watch)
