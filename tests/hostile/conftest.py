"""The stage of each dialect, and short waits for the cases of the matrix."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .stage import HASTY, SHORT, Stage, company


@pytest.fixture(autouse=True, scope="package")
def impatience() -> Iterator[None]:
    """Shorten waits of half a minute to a second or two."""
    with pytest.MonkeyPatch.context() as patch:
        client = "pipedrive_graph.pipedrive.client"
        patch.setattr(f"{client}.RetryPolicy", lambda: HASTY)
        patch.setattr(f"{client}.Timeouts", lambda: SHORT)
        patch.setattr("pipedrive_graph.pipedrive.executor._PROBE", 0.5)
        yield


@pytest.fixture(scope="package")
def stages(impatience: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stage]]:
    """The stage of each dialect, created on first use."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        class Stages(dict[str, Stage]):
            def __missing__(self, dialect: str) -> Stage:
                folder = tmp_path_factory.mktemp(dialect)
                simulator = stack.enter_context(company(dialect=dialect))
                self[dialect] = Stage.of(simulator, folder)
                return self[dialect]

        yield Stages()
