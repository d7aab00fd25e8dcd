# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python on a test host keeps what it has compiled out of zip archives.

Ansible sends each module as an archive with its own copy of what it imports, and Python compiles that anew every time:
two fifths of what a small task costs a host. Only the compiler's work is kept, under a digest of the source; what is
imported and run is the same. start-host.sh puts this file into a host where HEALTHOPS_KEEP_COMPILED is set, as it is
for the scenarios. For demo and benchmark it is not: there, a run costs what it costs.

Kept in memory, for root alone. Whatever goes wrong here, Python compiles as it always does.
"""

from __future__ import annotations

import _imp
import marshal
import os
import sys
import zipimport

FOLDER = "/run/compiled-archives"
compile_source = zipimport._compile_source  # type: ignore[attr-defined]


def kept(pathname: str, source: bytes) -> object:
    if os.geteuid() != 0:
        return compile_source(pathname, source)
    digest = _imp.source_hash(sys.hexversion, source).hex()
    path = f"{FOLDER}/{digest}-{len(source)}"
    try:
        with open(path, "rb") as stream:
            return marshal.load(stream)
    except (OSError, EOFError, ValueError, TypeError):
        pass
    code = compile_source(pathname, source)
    try:
        os.makedirs(FOLDER, 0o700, exist_ok=True)
        with open(f"{path}.{os.getpid()}", "xb") as stream:
            marshal.dump(code, stream)
        os.replace(f"{path}.{os.getpid()}", path)
    except OSError:
        pass
    return code


zipimport._compile_source = kept  # type: ignore[attr-defined]
