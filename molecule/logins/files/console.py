# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as root in a test host: logs in at a terminal of its own, as somebody at the keyboard would.

console.py NAME PASSWORD      prints what ``id -un`` says there, or exits with 1
"""

from __future__ import annotations

import os
import pty
import select
import sys
import termios
import time


def said(terminal: int, *wanted: str, within: float = 40.0) -> str:
    """What the terminal shows until one of these words is there, or it closes."""
    text, end = "", time.monotonic() + within
    while not any(word in text for word in wanted) and time.monotonic() < end:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # the other side has closed it
                break
            text += piece.decode("utf-8", "replace")
    return text


def answer(terminal: int, text: str) -> None:
    """Type it, as late as a person would: login forgets what was typed while it was about to ask."""
    time.sleep(1.0)
    os.write(terminal, f"{text}\n".encode())


def hidden(terminal: int, within: float = 20.0) -> None:
    """Wait until what is typed does not show: nobody types a password before."""
    end = time.monotonic() + within
    while termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < end:
        time.sleep(0.1)


def main(name: str, password: str) -> int:
    child, terminal = pty.fork()
    if child == 0:
        os.execv("/bin/login", ["login"])
    said(terminal, "login:")
    answer(terminal, name)
    asked = said(terminal, "Password:", "incorrect")
    if "Password:" not in asked:  # whoever is locked is not asked
        print(asked[-300:])
        return 1
    hidden(terminal)
    answer(terminal, password)
    shown = said(terminal, "$ ", "# ", "incorrect")
    if "incorrect" not in shown:
        os.write(terminal, b"echo here-is-$(id -un)\n")
        shown += said(terminal, f"here-is-{name}\r\n", within=15.0)
    os.close(terminal)
    inside = f"here-is-{name}\r\n" in shown
    print(name if inside else shown[-300:])
    return 0 if inside else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
