# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what the real programs of this machine make of the spellings: python tests/unit/capture_spellings.py [KIND ...]

It needs root, and the packages sudo, openssh-server, libpam-pwquality, auditd, adduser and systemd.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from real_programs import answers
from spellings import KINDS, spellings

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "spellings"


def main(kinds: Sequence[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for kind in kinds or KINDS:
        pairs = list(zip(spellings(kind), answers(kind, spellings(kind))))
        lines = ",\n".join(json.dumps(pair, sort_keys=True) for pair in pairs)
        (FOLDER / f"{kind}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        print(f"{kind}: {len(pairs)}")


if __name__ == "__main__":
    main(sys.argv[1:])
