"""Runs attacks and prints the figures, as `python -m attacks kills 1000 --seed 7` in tests/."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from attacks import damages, kills


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m attacks", description=__doc__)
    parser.add_argument("attack", choices=["kills", "damages"])
    parser.add_argument("tries", type=int)
    parser.add_argument("--seed", type=int, default=1, help="of the first try")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="attacks-") as folder:
        if arguments.attack == "kills":
            killed = kills.attack(Path(folder), tries=arguments.tries, seed=arguments.seed)
            print(f"{killed.tries} kills, {len(killed.losses)} losses; {killed.spared} commands ended before")
            counts, losses = killed.killed, killed.losses
        else:
            damaged = damages.attack(Path(folder), tries=arguments.tries, seed=arguments.seed)
            print(
                f"{damaged.done.total()} damages, {len(damaged.losses)} losses;"
                f" commands refused {damaged.refused} times and ended well {damaged.healed} times"
            )
            counts, losses = damaged.done, damaged.losses
    for name, count in sorted(counts.items()):
        print(f"  {count:4} {name}")
    for loss in losses:
        print(loss)
    raise SystemExit(1 if losses else 0)


if __name__ == "__main__":
    main()
