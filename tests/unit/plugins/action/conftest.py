# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugins write below Ansible's own folder; in a test that is one of the test's."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def ansible_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ANSIBLE_HOME", str(tmp_path_factory.mktemp("ansible-home")))
        yield
