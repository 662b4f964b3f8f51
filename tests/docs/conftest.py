"""What the pages are built with stands in docs/, and is imported from there."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
sys.path += [str(DOCS / "_ext"), str(DOCS)]
