# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up secrets and patients, in the forms in which programs quote them. None of NEEDLES may be in evidence."""

from __future__ import annotations

import typing as t

# Put together here, so that no scanner takes this file for a leak.
_BEGIN, _END = "-----BEGIN OPENSSH {} KEY-----".format("PRIVATE"), "-----END OPENSSH {} KEY-----".format("PRIVATE")
_HASH = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$hunter2hunter2hunter2hunter2hunter2hunter2h"

NEEDLES = (
    "hunter2",
    "b3BlbnNzaC1rZXkt",
    "aVGl8uq.Kx0pQ",
    "JHNOzLr9",
    "FEED0042",
    "0123456789abcdef",
    "Ilsa",
    "LUND",
    "0045671",
    "19420811",
    "078-05-1120",
)

PLANTED: t.Dict[str, str] = {
    "shadow": (
        f"root:{_HASH}:19000:0:99999:7:::\nbackup:*:19000:0:99999:7:::\nlocked:!:19000:0:99999:7:::\n"
        "old:aVGl8uq.Kx0pQ:19000:0:99999:7:::\ndisabled:!$6$salt$hunter2hunter2hunter2:19000:0:99999:7:::\n"
    ),
    "hash-alone": f"the account ops has {_HASH}",
    "bcrypt": "admin:$2y$05$hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunte",
    "grub": "password_pbkdf2 root grub.pbkdf2.sha512.10000.FEED0042ABCDEF0123.ABCDEF",
    "ldap": "userPassword: {SSHA}hunter2hunter2hunter2hunter2==",
    "postgres": "md5" + "0123456789abcdef" * 2 + " and SCRAM-SHA-256$4096:hunter2hunter2==$hunter2=:hunter2=",
    "private-key": f"Cannot read {_BEGIN}\nb3BlbnNzaC1rZXktdjEAAAAA\nhunter2\n{_END}\nso",
    "cut-key": f"{_BEGIN}\nb3BlbnNzaC1rZXktdjEAAAAA\nhunter2",
    "bearer": "curl: (22) 401 with header Authorization: Bearer hunter2hunter2hunter2",
    "token": "bearer hunter2.hunter2.hunter2 was refused",
    "jwt": "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.JHNOzLr9",
    "basic": "Authorization: Basic aHVudGVyMg==hunter2",
    "assignment": "ORTHANC_PASSWORD=hunter2 ORTHANC_USER=archive",
    "quoted": '{"password": "hunter2 with blanks", "user": "archive"}',
    "option": "mysqldump --password hunter2 --all",
    "module-argument": "Unsupported parameters: password: hunter2, api_key=hunter2",
    "web-address": "fatal: unable to access https://svc:hunter2@example.org/repo",
    "snmp": "rocommunity hunter2 10.0.0.0/8",
    "hl7": (
        "MSH|^~\\&|ADT|HOSP|ENGINE|HOSP|20261122||ADT^A01|42|P|2.5\rPID|1||0045671^^^HOSP^MR||LUND^Ilsa||19420811|F"
    ),
    "name": "cannot route the message of LUND^Ilsa^M",
    "mrn": "no such patient: MRN 0045671",
    "mrn-number": "Medical record number: 0045671 is unknown",
    "patient-id": "PatientID=0045671 PatientName=LUND Ilsa, refused",
    "dicom": "(0010,0010) PN [LUND^Ilsa] # 10,1 PatientName",
    "ssn": "member 078-05-1120 not found",
    "birth": "DOB: 19420811",
}


def found(text: str) -> t.List[str]:
    """Which needles stand in a text."""
    return [needle for needle in NEEDLES if needle in text]
