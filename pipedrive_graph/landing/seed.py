"""Stores the secret seed of the by-access sampling, beside a company's snapshots.

Only the choices of future snapshots depend on it: past choices are recorded in the snapshots, so a rebuild
does not need the seed, and a lost one is replaced.
"""

from __future__ import annotations

import secrets

from pipedrive_graph.landing.storage import Storage

SEED, SEED_BYTES = ".seed", 32


def read_seed(storage: Storage) -> bytes | None:
    """Return the seed of a company; None if there is none yet, or an incomplete one.

    Raises:
        LandingError: if it cannot be read.
    """
    try:
        seed = storage.read(SEED)
    except FileNotFoundError:
        return None
    return seed if len(seed) == SEED_BYTES else None


def kept_seed(storage: Storage) -> bytes:
    """Return the seed of a company, creating it if there is none; the caller holds the company's lock.

    Raises:
        LandingError: if it cannot be read or written.
    """
    seed = read_seed(storage)
    if seed is None:
        seed = secrets.token_bytes(SEED_BYTES)
        storage.write(SEED, seed)
    return seed
