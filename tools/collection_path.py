# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets Ansible use this checkout as the collection healthops.clinical, wherever it lies.

By hand: ``export ANSIBLE_COLLECTIONS_PATH=$(python tools/collection_path.py)``
"""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def collection_path(checkout: Path = CHECKOUT) -> Path:
    """A directory for ``ANSIBLE_COLLECTIONS_PATH`` in which healthops.clinical is the checkout; made when missing."""
    path = checkout / ".cache" / "collections"
    link = path / "ansible_collections" / "healthops" / "clinical"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not (link.is_symlink() and link.resolve() == checkout):
        fresh = link.with_name(f"clinical.{os.getpid()}")
        fresh.symlink_to(checkout)
        fresh.replace(link)
    return path


if __name__ == "__main__":
    print(collection_path())
