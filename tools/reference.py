# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/reference/ anew from the catalogue's data: python -m tools.reference"""

from __future__ import annotations

import importlib
import shutil
import sys

from .collection_path import CHECKOUT, collection_path

PLUGIN_UTILS = "ansible_collections.healthops.clinical.plugins.plugin_utils"


def main() -> None:
    sys.path.insert(0, str(collection_path()))
    reference = importlib.import_module(f"{PLUGIN_UTILS}._catalogue.reference")
    made = reference.pages(reference.read(CHECKOUT / "roles" / "hardening" / "catalogue"))
    folder = CHECKOUT / "docs" / "reference"
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    print(f"{len(made)} pages in {folder}")


if __name__ == "__main__":
    main()
