"""Where the files lie that come with the package."""

from __future__ import annotations

from pathlib import Path


def sql_folder() -> Path:
    """Where the SQL files lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "sql"
    return inside if inside.is_dir() else package.parent / "sql"
