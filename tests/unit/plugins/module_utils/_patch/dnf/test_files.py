# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package files that dnf downloads, and earlier ones that are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch.manager import KeptPackage
from dnf_host import DnfHost, changes_by_name, dnf_on


def test_what_does_not_come_fails_with_the_reason_and_changes_nothing() -> None:
    host = DnfHost(fetch={"paths": {}, "lost": ["lab-conf: 404"], "failed": []})
    conf = changes_by_name(dnf_on(host).observe())["lab-conf"]
    with pytest.raises(ClinicalError, match=r"lab-conf: 404\. Nothing was changed"):
        dnf_on(host).fetch("/var/cache/healthops-patch/run", [conf])


def test_an_earlier_version_that_nobody_has_is_not_given_up_in_silence() -> None:
    host = DnfHost(fetch={"paths": {}, "lost": [], "failed": []})
    conf = changes_by_name(dnf_on(host).observe())["lab-conf"]
    with pytest.raises(ClinicalError, match=r"no cache has it any more: lab-conf-1\.0-1\.noarch"):
        dnf_on(host).keep("/var/lib/healthops/patch/kept", [conf])


def test_an_earlier_version_is_kept_with_its_checksum() -> None:
    path = "/var/lib/healthops/patch/kept/lab-conf-1.0-1.noarch.rpm"
    host = DnfHost(fetch={"paths": {"lab-conf\tnoarch\t1.0-1": path}, "lost": [], "failed": []})
    conf = changes_by_name(dnf_on(host).observe())["lab-conf"]
    kept = dnf_on(host).keep("/var/lib/healthops/patch/kept", [conf])
    assert kept == (KeptPackage("lab-conf", "noarch", "1.0-1", path, "mirror", "aa"),)
    assert dnf_on(host).damaged(kept) == ()
    assert dnf_on(host).damaged([replace(kept[0], sha256="bb")]) == (path,)
