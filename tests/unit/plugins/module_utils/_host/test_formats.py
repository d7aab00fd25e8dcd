# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration formats: find a key's value, set it, touch nothing else."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host.formats import FORMATS
from fake_host import fixture


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
@pytest.mark.parametrize(
    ("form", "tool", "key", "section", "value"),
    [
        ("login_defs", "login_defs", "PASS_WARN_AGE", "", "7"),
        ("login_defs", "login_defs", "PASS_MAX_DAYS", "", "99999"),
        ("login_defs", "login_defs", "SU_WHEEL_ONLY", "", None),
        ("shell", "useradd", "SHELL", "", "/bin/sh"),
        ("ini", "journald", "Storage", "Journal", None),
        ("rsyslog", "rsyslog", "$filecreatemode", "", "0640"),
        ("rsyslog", "rsyslog", "$Umask", "", "0022"),
        ("limits", "limits", "* hard core", "", None),
    ],
)
def test_what_debian_ships(form: str, tool: str, key: str, section: str, value: str | None, system: str) -> None:
    assert FORMATS[form].get(fixture(tool, system), key, section) == value


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
@pytest.mark.parametrize(
    ("form", "tool", "key", "section", "value"),
    [
        ("login_defs", "login_defs", "UMASK", "", "027"),
        ("login_defs", "login_defs", "SU_WHEEL_ONLY", "", "yes"),
        ("shell", "useradd", "INACTIVE", "", "30"),
        ("ini", "journald", "Storage", "Journal", "persistent"),
        ("rsyslog", "rsyslog", "$FileCreateMode", "", "0600"),
        ("limits", "limits", "* hard core", "", "0"),
    ],
)
def test_setting_a_key_touches_one_line_only(
    form: str, tool: str, key: str, section: str, value: str, system: str
) -> None:
    old = fixture(tool, system)
    new = FORMATS[form].set(old, key, value, section)
    assert FORMATS[form].get(new, key, section) == value
    before, after = old.splitlines(), new.splitlines()
    kept = [line for line in after if line in before]
    assert len(kept) == len(after) - 1
    assert len(before) - len(kept) in (0, 1)
    assert FORMATS[form].set(new, key, value, section) == new


@pytest.mark.parametrize(
    ("form", "text", "key", "section", "value"),
    [
        pytest.param("login_defs", "UMASK 022\nUMASK\t077\n", "UMASK", "", "077", id="the last one"),
        pytest.param("login_defs", "#UMASK 022\n", "UMASK", "", None, id="commented out"),
        pytest.param("key_value", "even_deny_root\n", "even_deny_root", "", "", id="a bare word is set"),
        pytest.param("key_value", "minlen=14\n", "minlen", "", "14", id="no blanks"),
        pytest.param("key_value", "minlength = 8\n", "minlen", "", None, id="not a prefix"),
        pytest.param("ini", "[A]\nx=1\n[B]\nx=2\n", "x", "A", "1", id="in its section"),
        pytest.param("ini", "x=0\n[A]\n;x=1\n", "x", "A", None, id="semicolon comments"),
        pytest.param("shell", 'DIR_MODE="0750"\n', "DIR_MODE", "", "0750", id="quotes"),
        pytest.param("shell", "export A='b c'\n", "A", "", "b c", id="export"),
        pytest.param("rsyslog", "$filecreatemode 0640\n", "$FileCreateMode", "", "0640", id="any case"),
        pytest.param("limits", "*  hard\tcore 0\n", "* hard core", "", "0", id="any blanks"),
        pytest.param("limits", "* soft core 0\n", "* hard core", "", None, id="another type"),
    ],
)
def test_get(form: str, text: str, key: str, section: str, value: str | None) -> None:
    assert FORMATS[form].get(text, key, section) == value


@pytest.mark.parametrize(
    ("form", "old", "key", "section", "value", "new"),
    [
        pytest.param(
            "login_defs", "A 1\n#UMASK 022", "UMASK", "", "027", "A 1\n#UMASK 022\nUMASK\t027\n", id="no last newline"
        ),
        pytest.param(
            "login_defs",
            "UMASK 1\nUMASK 2\nUMASK 3\nB 3\n",
            "UMASK",
            "",
            "7",
            "UMASK\t7\nUMASK 2\nUMASK\t7\nB 3\n",
            id="the lines that count for shadow and for PAM",
        ),
        pytest.param("ini", "", "S", "J", "x", "[J]\nS=x\n", id="a new section"),
        pytest.param("ini", "[J]\nA=1\n\n[K]\n", "S", "J", "x", "[J]\nA=1\nS=x\n\n[K]\n", id="at its section's end"),
        pytest.param("ini", "[K]\nS=1\n", "S", "J", "x", "[K]\nS=1\n[J]\nS=x\n", id="not in another section"),
        pytest.param(
            "rsyslog", "# c\n\nmodule()\n", "$Umask", "", "0022", "# c\n\n$Umask 0022\nmodule()\n", id="before actions"
        ),
        pytest.param("shell", 'A="1"\n', "A", "", "2", "A=2\n", id="quotes go"),
    ],
)
def test_set(form: str, old: str, key: str, section: str, value: str, new: str) -> None:
    assert FORMATS[form].set(old, key, value, section) == new


@pytest.mark.parametrize(
    ("form", "text", "key", "value", "after"),
    [
        (
            "apt_conf",
            'APT::Get::AllowUnauthenticated "true";\n// APT::Get::AllowUnauthenticated "x";\n',
            "APT::Get::AllowUnauthenticated",
            "true",
            'APT::Get::AllowUnauthenticated "new";\n// APT::Get::AllowUnauthenticated "x";\n',
        ),
        ("rsyslog_forward", "*.* /var/log/a\n*.* @@old:514\n", "*.*", "@@old:514", "*.* /var/log/a\n*.* new\n"),
    ],
)
def test_formats_of_apt_and_of_forwarding(form: str, text: str, key: str, value: str, after: str) -> None:
    assert FORMATS[form].get(text, key) == value
    assert FORMATS[form].set(text, key, "new") == after
