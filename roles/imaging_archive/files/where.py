# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the archive of this host keeps images and index, as one line of JSON; {} where there is none yet."""

from __future__ import annotations

import json
from pathlib import Path

CONFIGURATION = Path("/etc/imaging-archive/orthanc.json")
DEBIAN = "/var/lib/orthanc/db-v6"


def configured() -> dict[str, str]:
    lines = CONFIGURATION.read_text(encoding="utf-8").splitlines()
    settings = json.loads("\n".join(line for line in lines if not line.startswith("//")))
    index = settings["IndexDirectory"]
    if "PostgreSQL" in settings:
        index = "postgresql {Host} {Database}".format(**settings["PostgreSQL"])
    return {"storage": settings["StorageDirectory"], "index": index}


def main() -> None:
    where = configured() if CONFIGURATION.exists() else {"storage": DEBIAN, "index": DEBIAN}
    # A place without an index holds nothing that could be left behind.
    begun = where["index"].startswith("postgresql") or Path(where["index"], "index").exists()
    print(json.dumps(where if begun else {}))


if __name__ == "__main__":
    main()
