# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an archive really keeps, UID to the SHA-256 of the pixels: kept.py orthanc STORAGE, or kept.py files DIRECTORY.

Of Orthanc it asks what its index names, and then reads the very files from the disk: an image counts only with both.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import urllib.request
from pathlib import Path

PIXELS = 128 * 128 * 2
UID = re.compile(rb"1\.2\.826\.0\.1\.3680043\.10\.9999\.1\.2\.\d{9}\.\d{8}")


def ask(path: str) -> list[dict[str, object]]:
    secret = Path("/etc/imaging-archive/environment").read_text("utf-8").split("SECRET=")[1].split()[0]
    login = base64.b64encode(f"proxy:{secret}".encode()).decode()
    request = urllib.request.Request(f"http://127.0.0.1:8042{path}", headers={"Authorization": f"Basic {login}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        listed: list[dict[str, object]] = json.load(answer)
    return listed


def pixels(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()[-PIXELS:]).hexdigest() if path.is_file() else "no file"


def orthanc(storage: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for instance in ask("/instances?expand"):
        name, tags = str(instance["FileUuid"]), instance["MainDicomTags"]
        uid = str(tags["SOPInstanceUID"])  # type: ignore[index]
        assert uid not in found, f"{uid} is there twice"
        found[uid] = pixels(storage / name[:2] / name[2:4] / name)
    return found


def files(directory: Path) -> dict[str, str]:
    paths = [path for path in directory.iterdir() if path.is_file()]
    return {UID.search(path.read_bytes()).group().decode(): pixels(path) for path in paths}  # type: ignore[union-attr]


if __name__ == "__main__":
    print(json.dumps({"orthanc": orthanc, "files": files}[sys.argv[1]](Path(sys.argv[2]))))
