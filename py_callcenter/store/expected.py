"""What this program expects to find written in its database."""

from __future__ import annotations

from typing import Final

VERSION_TABLE: Final = "cc_schema"
VERSION: Final = "0005"
"""The newest step of `migrations/versions`; a test compares."""

FOLDED: Final = ("folded", "1")
"""Row of `cc_meta`. Raise the number when `store.folding` gives other rows than before: they are made anew
from the records at the next start."""
STANDING: Final = ("standing", "1")
"""Likewise for `store.standing`."""
