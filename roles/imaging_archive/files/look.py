# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides whether this host can have the archive as the variables ask, as one line of JSON.

``codename`` and ``system`` of the distribution; ``store``, where an archive of this host keeps images and index, {}
where there is none yet; ``foreign_policy``, whether somebody else's policy-rc.d lies here; and whether ``nginx`` does.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

CONFIGURATION = Path("/etc/imaging-archive/orthanc.json")
DEBIAN = "/var/lib/orthanc/db-v6"
POLICY = Path("/usr/sbin/policy-rc.d")
#: An earlier release's, and what a run that was cut leaves, which forbids nothing.
OWN_POLICIES = ("healthops.clinical.imaging_archive", "healthops.clinical: holds back")


def store() -> dict[str, str]:
    place = configured() if CONFIGURATION.exists() else {"storage": DEBIAN, "index": DEBIAN}
    # A place without an index holds nothing that could be left behind.
    begun = place["index"].startswith("postgresql") or Path(place["index"], "index").exists()
    return place if begun else {}


def configured() -> dict[str, str]:
    lines = CONFIGURATION.read_text(encoding="utf-8").splitlines()
    settings = json.loads("\n".join(line for line in lines if not line.startswith("//")))
    index = settings["IndexDirectory"]
    if "PostgreSQL" in settings:
        index = "postgresql {Host} {Database}".format(**settings["PostgreSQL"])
    return {"storage": settings["StorageDirectory"], "index": index}


def has_foreign_policy() -> bool:
    if not POLICY.exists():
        return False
    text = POLICY.read_text(encoding="utf-8", errors="replace")
    return not any(own in text for own in OWN_POLICIES)


def main() -> None:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    release = {
        key: "".join(shlex.split(value)) for key, equals, value in (line.partition("=") for line in lines) if equals
    }
    facts = {
        "codename": release.get("VERSION_CODENAME", ""),
        "system": f"{release.get('ID', '').capitalize()} {release.get('VERSION_ID', '')}",
        "store": store(),
        "foreign_policy": has_foreign_policy(),
        "nginx": Path("/usr/sbin/nginx").exists(),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
