# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a host so many accounts with homes, as a terminal server of a hospital has: ``crowd.py 10000``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FIRST = 20000
LINES = {
    "/etc/passwd": "user{n}:x:{id}:{id}::/home/user{n}:/bin/bash\n",
    "/etc/shadow": "user{n}:*:20000:0:99999:7:::\n",
    "/etc/group": "user{n}:x:{id}:\n",
    "/etc/gshadow": "user{n}:!::\n",
}


def main(count: int) -> None:
    for path, line in LINES.items():
        with Path(path).open("a", encoding="ascii") as file:
            file.writelines(line.format(n=n, id=FIRST + n) for n in range(count))
    for n in range(count):
        home = f"/home/user{n}"
        os.mkdir(home, 0o700)
        os.chown(home, FIRST + n, FIRST + n)


if __name__ == "__main__":
    main(int(sys.argv[1]))
