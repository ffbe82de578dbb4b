"""What this program expects to find written in its database."""

from __future__ import annotations

from pathlib import Path
from typing import Final

VERSION_TABLE: Final = "cc_schema"
STEPS: Final = Path(__file__).parent / "migrations/versions"
VERSION: Final = max(path.name for path in STEPS.glob("[0-9]*.py")).partition("_")[0]
"""The newest step, from the name of its file: a start must not load Alembic to learn it."""

FOLDED: Final = ("folded", "2")
"""Row of `cc_meta`. Raise the number when `store.folding` gives other rows than before: they are made anew
from the records at the next start, which takes hours where there are millions; a step of `migrations` may say
why it leaves old rows as they are.
"""
STANDING: Final = ("standing", "1")
"""Likewise for `store.standing`."""

WRITER: Final = "writer"
"""Row of `cc_meta`: who folded last, and how many times they have written records."""
