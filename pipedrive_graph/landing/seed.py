"""Keeps the secret from which it is drawn who is observed by-access, beside a company's snapshots.

Only the choice of the next snapshots depends on it: what was chosen is in the snapshots, so a rebuild does
not need it, and a lost one is replaced by another.
"""

from __future__ import annotations

import secrets

from pipedrive_graph.landing.storage import Storage

SEED, SEED_BYTES = ".seed", 32


def read_seed(storage: Storage) -> bytes | None:
    """The seed of a company; None where there is none yet, or half of one.

    Raises:
        LandingError: if it cannot be read.
    """
    try:
        seed = storage.read(SEED)
    except FileNotFoundError:
        return None
    return seed if len(seed) == SEED_BYTES else None


def kept_seed(storage: Storage) -> bytes:
    """The seed of a company, drawn and kept if there is none; the company's lock is held.

    Raises:
        LandingError: if it cannot be read or written.
    """
    seed = read_seed(storage)
    if seed is None:
        seed = secrets.token_bytes(SEED_BYTES)
        storage.write(SEED, seed)
    return seed
