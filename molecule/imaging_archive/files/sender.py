# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A modality that sends until every image is acknowledged: sender.py ADDRESS PORT TITLE FIRST COUNT [PKI [--briefly]].

dcmtk's storescu sends; this makes the images, each unlike any other, reads which ones were acknowledged, and sends the
rest again. Prints one line of JSON: what was acknowledged (UID to the SHA-256 of the pixels), how often an image had to
be sent again, and how often the archive took no association.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PIXELS = 128 * 128 * 2
IN_ONE_ASSOCIATION = 5
PATIENCE = 150.0
MR = "1.2.840.10008.5.1.4.1.1.4"
STUDY = "1.2.826.0.1.3680043.10.9999.1"
#: Never a UID that was sent before: Orthanc takes it for the image that it has, acknowledges, and keeps the first.
RUN = int(time.time() * 10) % 10**8
DUMP = f"""(0008,0016) UI [{MR}]
(0008,0018) UI [{{uid}}]
(0008,0060) CS [MR]
(0010,0010) PN [TEST^IMAGE]
(0010,0020) LO [TEST]
(0020,000d) UI [{STUDY}]
(0020,000e) UI [{STUDY}.1]
(0028,0002) US 1
(0028,0004) CS [MONOCHROME2]
(0028,0010) US 128
(0028,0011) US 128
(0028,0100) US 16
(0028,0101) US 16
(0028,0102) US 15
(0028,0103) US 0
(7fe0,0010) OW =pixels
"""


def make(folder: Path, number: int, template: bytes, placeholder: str) -> tuple[Path, str, str]:
    """One image: file, UID, and the hash of its pixels, which stand last in the file."""
    uid = f"{STUDY}.2.1{RUN:08}.1{number:07}"
    pixels = os.urandom(PIXELS)
    path = folder / uid
    path.write_bytes(template.replace(placeholder.encode(), uid.encode())[:-PIXELS] + pixels)
    return path, uid, hashlib.sha256(pixels).hexdigest()


def template_of(folder: Path, placeholder: str) -> bytes:
    (folder / "pixels").write_bytes(bytes(PIXELS))
    (folder / "dump").write_text(DUMP.format(uid=placeholder), "utf-8")
    subprocess.run(["dump2dcm", "dump", "template"], cwd=folder, check=True, capture_output=True)
    return (folder / "template").read_bytes()


def main() -> None:
    address, port, title, first, count, *pki = sys.argv[1:]
    # How often in a row it may be told no before it gives up; else only the clock ends it.
    refusals = 3 if pki[1:] == ["--briefly"] else 10**9
    tls = ["+tls", f"{pki[0]}/sender.key", f"{pki[0]}/sender.pem", "+cf", f"{pki[0]}/ca.pem"] if pki else []
    command = ["storescu", "-v", "-to", "20", "-aet", title, "-aec", "CLINARCH", *tls, address, port]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        placeholder = f"{STUDY}.2.199999999.19999999"
        template = template_of(folder, placeholder)
        images = [make(folder, number, template, placeholder) for number in range(int(first), int(first) + int(count))]
        print(json.dumps(send(command, {str(path): (uid, digest) for path, uid, digest in images}, refusals)))


def send(command: list[str], waiting: dict[str, tuple[str, str]], refusals: int) -> dict[str, object]:
    acknowledged: dict[str, str] = {}
    sent: set[str] = set()
    again = refused = in_a_row = 0
    end = time.monotonic() + PATIENCE
    while waiting and in_a_row < refusals and time.monotonic() < end:
        batch = list(waiting)[:IN_ONE_ASSOCIATION]
        done = subprocess.run([*command, *batch], check=False, capture_output=True, text=True)
        said = re.findall(r"Sending file: (\S+)|(Received Store Response \(Success\))", done.stdout + done.stderr)
        begun = [path for path, _success in said if path]
        for (path, _unused), (_unused, success) in zip(said, said[1:]):
            if path and success:
                acknowledged[waiting[path][0]] = waiting[path][1]
        again += sum(path in sent for path in begun)
        sent.update(begun)
        refused += not begun
        taken = [path for path in batch if waiting[path][0] in acknowledged]
        for path in taken:
            del waiting[path]
        in_a_row = 0 if taken else in_a_row + 1
        if done.returncode != 0:
            time.sleep(0.2)
    return {"acknowledged": acknowledged, "left": len(waiting), "again": again, "refused": refused}


if __name__ == "__main__":
    main()
