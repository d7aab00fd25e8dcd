# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add up the JUnit files of one run and print a plain closing line: python count_tests.py DIRECTORY"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def totals(directory: Path) -> tuple[int, int, int]:
    """(passed, failed, skipped) over all *.xml files; errors count as failed."""
    tests = failed = skipped = 0
    for path in sorted(directory.glob("*.xml")):
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            tests += int(suite.get("tests", "0"))
            failed += int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
            skipped += int(suite.get("skipped", "0"))
    return tests - failed - skipped, failed, skipped


def main() -> None:
    passed, failed, skipped = totals(Path(sys.argv[1]))
    if passed + failed == 0:
        raise SystemExit(f"no test was counted in {sys.argv[1]}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
