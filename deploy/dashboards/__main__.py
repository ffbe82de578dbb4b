"""Write the dashboards: `python -m deploy.dashboards [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.dashboards import FOLDER, files

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, "utf-8")
