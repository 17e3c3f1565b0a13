"""Several companies, each with its own simulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, Serve

from pipedrive_graph.simulator.server import Simulator

Fleet = Callable[..., tuple[Installation, dict[str, Simulator]]]


@pytest.fixture
def fleet(home: Path, serve: Serve) -> Fleet:
    """Create an installation with these companies; `own` has the options of some simulators."""

    def make(*names: str, users: int = 12, own: dict[str, dict[str, Any]] | None = None) -> Any:
        simulators = {
            name: serve(users=users, seed=seed, **(own or {}).get(name, {}))
            for seed, name in enumerate(names, start=1)
        }
        home.mkdir(parents=True, exist_ok=True)
        (home / "companies.toml").write_text(
            "".join(
                f'[{name}]\napi_token_env = "TOKEN_{name}"\nbase_url = "{simulator.url}"\n'
                for name, simulator in simulators.items()
            )
        )
        tokens = {f"TOKEN_{name}": simulator.token for name, simulator in simulators.items()}
        return Installation(home, tokens), simulators

    return make
