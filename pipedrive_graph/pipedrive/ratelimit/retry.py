"""Retry policy: what to retry, how long to wait, when to give up."""

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
from pipedrive_graph.pipedrive.responses import RetryableError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait for a server that does not respond properly.

    Attributes:
        attempts: attempts per call after 5xx, aborted responses, time-outs and invalid bodies.
        first: longest first wait in seconds; the limit doubles with each further wait.
        longest: longest wait in seconds.
        silence: seconds after which a server that does not respond at all is given up.
        pauses: how many pauses in a row 429s may cause before the day's budget must be the reason.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 8.0
    silence: float = 28.0
    pauses: int = 6


class ServerHealth:
    """Tracks for how long the server has not responded at all, over all calls together.

    Attributes:
        answers: how often the server has responded, with any status.
    """

    def __init__(self) -> None:
        self.answers = 0
        self._loop = asyncio.get_running_loop()
        self._silent_since: float | None = None

    def now(self) -> float:
        """Return the event loop's time in seconds."""
        return self._loop.time()

    def answered(self) -> None:
        """Record a response, with any status."""
        self.answers += 1
        self._silent_since = None

    def failed(self, started: float) -> None:
        """Record that a request that was started at `started` has no response."""
        if self._silent_since is None:
            self._silent_since = started

    @property
    def silence(self) -> float:
        """Seconds since the first of the requests that had no response; 0 if there was a response since."""
        return 0.0 if self._silent_since is None else self.now() - self._silent_since


def retrying(
    policy: RetryPolicy, health: ServerHealth, connect_timeout: float, on_sleep: Callable[[float], None]
) -> AsyncRetrying:
    """Return the retries of one call: full jitter, growing from `first` to `longest`.

    While the server is not reachable at all (connections are refused, the name is unknown), attempts do
    not count: the call waits for a restarting server until `silence` would be exceeded.

    Args:
        policy: the limits.
        health: knows whether the server responds.
        connect_timeout: seconds that a further attempt to connect may take.
        on_sleep: called with the seconds of each wait.
    """
    jitter = wait_random_exponential(multiplier=policy.first, max=policy.longest)

    def unreachable(state: RetryCallState) -> bool:
        return _fault(state) is Fault.CONNECT and health.silence > 0

    def wait(state: RetryCallState) -> float:
        longest = min(policy.longest, policy.silence / 10) if unreachable(state) else None
        seconds = jitter(state)
        return seconds if longest is None else min(seconds, longest)

    def stop(state: RetryCallState) -> bool:
        if unreachable(state):
            return health.silence + state.upcoming_sleep + connect_timeout > policy.silence
        return state.attempt_number >= policy.attempts

    return AsyncRetrying(
        stop=stop,
        wait=wait,
        retry=retry_if_exception_type(RetryableError),
        before_sleep=lambda state: on_sleep(state.upcoming_sleep),
        reraise=True,
    )


def _fault(state: RetryCallState) -> Fault | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error.fault if isinstance(error, RetryableError) else None
