"""The texts of the repository that tests read."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def text(path: str) -> str:
    """A file of the repository, such as `docs/queries.md`."""
    return (ROOT / path).read_text(encoding="utf-8")


def ten_queries() -> list[tuple[str, str, str]]:
    """Number, question and query of each of the ten queries."""
    return re.findall(r"\*\*(\d+)\. (.+?)\*\*\n\n```sql\n(.+?)```", text("docs/queries.md"), flags=re.DOTALL)
