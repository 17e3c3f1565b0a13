"""When a call is tried again, how long is waited before, and when it is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    wait_random_exponential,
)

from pipedrive_graph.pipedrive.http_types import Fault
from pipedrive_graph.pipedrive.responses import UnsettledError


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for a server that does not answer as it should.

    Attributes:
        attempts: how often a call is tried under 5xx, cuts, time-outs and garbage.
        first: seconds that the first wait takes at most; each further one takes twice as long.
        longest: seconds that no wait exceeds.
        silence: seconds after which a server is given up from which nothing at all comes.
        pauses: how often in a row everybody may be sent away with 429 before the day's budget must
            be the reason.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 8.0
    silence: float = 28.0
    pauses: int = 6


class Watch:
    """Knows for how long nothing at all has come from the server, over all calls together.

    Attributes:
        answers: how often the server has answered, whatever it said.
    """

    def __init__(self) -> None:
        self.answers = 0
        self._loop = asyncio.get_running_loop()
        self._silent_since: float | None = None

    def now(self) -> float:
        """Return the event loop's time in seconds."""
        return self._loop.time()

    def answered(self) -> None:
        """Note that the server has answered, whatever it said."""
        self.answers += 1
        self._silent_since = None

    def failed(self, started: float) -> None:
        """Note that a request that was started then got no answer."""
        if self._silent_since is None:
            self._silent_since = started

    @property
    def silence(self) -> float:
        """Seconds for which requests have been made and nothing has come back; 0 if something has."""
        return 0.0 if self._silent_since is None else self.now() - self._silent_since


def retrying(
    patience: Patience, watch: Watch, connect_timeout: float, slept: Callable[[float], None]
) -> AsyncRetrying:
    """Return the policy for one call: full jitter, growing from `first` to `longest`.

    While nobody is there at all (connections are refused, the name is unknown), attempts do not
    count: a server that restarts is waited for until `silence` would be exceeded.

    Args:
        patience: the bounds.
        watch: knows whether anybody is there.
        connect_timeout: seconds that a further attempt to connect may take.
        slept: told how many seconds each wait takes.
    """
    jitter = wait_random_exponential(multiplier=patience.first, max=patience.longest)

    def nobody_there(state: RetryCallState) -> bool:
        return _fault(state) is Fault.CONNECT and watch.silence > 0

    def wait(state: RetryCallState) -> float:
        longest = min(patience.longest, patience.silence / 10) if nobody_there(state) else None
        seconds = jitter(state)
        return seconds if longest is None else min(seconds, longest)

    def stop(state: RetryCallState) -> bool:
        if nobody_there(state):
            return watch.silence + state.upcoming_sleep + connect_timeout > patience.silence
        return state.attempt_number >= patience.attempts

    return AsyncRetrying(
        stop=stop,
        wait=wait,
        retry=retry_if_exception_type(UnsettledError),
        before_sleep=lambda state: slept(state.upcoming_sleep),
        reraise=True,
    )


def _fault(state: RetryCallState) -> Fault | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error.fault if isinstance(error, UnsettledError) else None
