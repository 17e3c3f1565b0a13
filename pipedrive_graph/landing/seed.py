"""Keeps the secret from which it is drawn who is observed by-access, beside a company's snapshots.

Only the choice of the next snapshots depends on it: what was chosen is in the snapshots, so a rebuild does
not need it, and a lost one is replaced by another.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from pipedrive_graph import files

SEED, SEED_BYTES = ".seed", 32


def read_seed(folder: Path) -> bytes | None:
    """The seed in a company's folder; None where there is none yet, or half of one.

    Raises:
        LandingError: if it cannot be read.
    """
    path = folder / SEED
    try:
        seed = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise files.cannot_read(path, error) from error
    return seed if len(seed) == SEED_BYTES else None


def kept_seed(folder: Path) -> bytes:
    """The seed in a company's folder, drawn and kept if there is none; the company's lock is held.

    Raises:
        LandingError: if it cannot be read or written.
    """
    seed = read_seed(folder)
    if seed is None:
        seed = secrets.token_bytes(SEED_BYTES)
        files.write_atomically(folder / SEED, seed)
    return seed
