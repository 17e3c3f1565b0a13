"""Executes one call until its final answer: authorisation, budget, rate limit, sending and retries.

A problem that concerns the whole run (the day's budget, the CDN, an unreachable server) ends the run: an
error is raised, and no further request is sent for any call.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import NoReturn

from pipedrive_graph.common import clock
from pipedrive_graph.errors import (
    BlockedError,
    BudgetError,
    IncompleteError,
    PipedriveGraphError,
    UnreachableError,
)
from pipedrive_graph.pipedrive.answers import Answer
from pipedrive_graph.pipedrive.auth.tokens import Grant
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.http import Transport
from pipedrive_graph.pipedrive.http_types import Fault, Response, TransportError
from pipedrive_graph.pipedrive.preflight import refused_by_proxy, unreachable
from pipedrive_graph.pipedrive.ratelimit.daily_budget import DailyBudget, Spent
from pipedrive_graph.pipedrive.ratelimit.headers import LONGEST_BURST_WAIT, RateLimits, read_limits
from pipedrive_graph.pipedrive.ratelimit.limiter import RateLimiter
from pipedrive_graph.pipedrive.ratelimit.retry import RetryPolicy, ServerHealth, retrying
from pipedrive_graph.pipedrive.receiving import LargeBodies, Share
from pipedrive_graph.pipedrive.responses import RetryableError, is_from_cdn, parse_response, unanswered

_log = logging.getLogger(__name__)

_LARGE_BODY = 256 * 1024  # bytes from which a body is parsed in a thread, so that other calls are not blocked
_PROBE = 10.0  # seconds within which a server that is still there responds
_PROBES = 2  # a single lost response does not mean that the server is gone
_FIRST_ATTEMPT = 1 / 7  # share of a preflight's time; each attempt gets twice as long: 1/7, 2/7, 4/7

_BLOCKED = (
    "Pipedrive's content delivery network (Cloudflare) refuses our requests, so nothing further is"
    " sent. What was read is kept: wait an hour, then run sync again."
)

_RENEWALS = 2  # of the access token during one call

_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class ServerTime:
    """Two clocks at the time when a response arrived.

    Attributes:
        date: the server's, earlier by the response's transfer time and truncated to whole seconds.
        own: this machine's.
    """

    date: datetime
    own: datetime


class Executor:
    """Executes the calls of one run; created in a running event loop.

    Args:
        transport: sends requests, within its `async with`.
        grant: the OAuth grant, renewed when its token expires; None for an API token.
        daily: the day's budget.
        retry_policy: how long to wait for a server that does not respond properly.
        connect_timeout: seconds that an attempt to connect may take.

    Attributes:
        limiter: the rate limiter; every request waits for its turn.
        large: ensures that only one large body is in memory at a time.
        throttled: how many requests were answered with 429.
        slept: seconds that calls waited for a retry.
        server_time: the server's clock and this machine's at the newest response with a `Date` header.
    """

    def __init__(
        self,
        transport: Transport,
        grant: Grant | None,
        daily: DailyBudget,
        retry_policy: RetryPolicy,
        connect_timeout: float,
    ) -> None:
        self._transport = transport
        self._grant = grant
        self._daily = daily
        self._retry_policy = retry_policy
        self._connect_timeout = connect_timeout
        self.limiter = RateLimiter()
        self.large = LargeBodies()
        self.throttled = 0
        self.slept = 0.0
        self.server_time: ServerTime | None = None
        self._health = ServerHealth()
        self._idle = asyncio.Event()  # set while no request is pending
        self._probing = asyncio.Lock()
        self._pauses = 0  # in a row, without a successful response in between
        self._paused_at = 0.0
        self._paused_until = 0.0
        self._deadline: asyncio.Timeout | None = None  # deadline of a preflight
        self._attempt_limit = 0.0  # seconds for the next attempt of a preflight

    @asynccontextmanager
    async def preflight(self, seconds: float) -> AsyncIterator[None]:
        """Context of a preflight: a server that does not respond means that the run cannot start.

        Until the first response, each attempt is limited to a part of the time: an attempt that hangs ends
        early enough for another one.

        Args:
            seconds: within which the server must respond.
        """
        self._attempt_limit = seconds * _FIRST_ATTEMPT
        try:
            async with asyncio.timeout(seconds) as self._deadline:
                yield
        except TimeoutError:
            self.end(self._nobody("the request timed out"))
        finally:
            self._deadline = None

    async def execute(
        self, call: Call, policy: RetryPolicy | None = None, share: Share | None = None
    ) -> Answer:
        """Return the final answer to a call; its status may be one that ends the run.

        Args:
            call: the call to make.
            policy: the retry policy for this call; by default that of the run.
            share: holds the memory for a large body until its owner releases it.

        Raises:
            BlockedError: if the CDN blocks the requests.
            NotAuthorisedError: if the OAuth grant was withdrawn.
            BudgetError: if only the reserve of the day's budget is left.
            IncompleteError: if the server stopped responding.
            UnreachableError: the same, in a preflight.
        """
        answers_before = self._health.answers
        retry = retrying(policy or self._retry_policy, self._health, self._connect_timeout, self._note_sleep)
        try:
            return await retry(self._attempt, call, share or self.large.share())
        except RetryableError as error:
            last = error
        if last.fault is Fault.CONNECT and self._health.silence > 0:
            self.end(self._nobody(str(last).removeprefix(f"{call.path}: ")))
        if last.fault is not None and self._health.answers == answers_before:
            await self._probe()  # no other call was answered either: is the cause this call, or the server?
        return last.answer

    def end(self, error: PipedriveGraphError) -> NoReturn:
        """Raise `error`, here and in every call that waits for its turn: no further request is sent."""
        self.limiter.close(error)
        raise error

    async def _attempt(self, call: Call, share: Share) -> Answer:
        """Make one attempt and return its answer.

        Raises:
            RetryableError: if another attempt may succeed.
        """
        started = self._health.now()
        share.release()  # held by the attempt before
        try:
            response = await self._exchange(call, share)
        except TransportError as error:
            share.release()
            failure = error
        else:
            try:
                return await self._parsed(call, response)
            except RetryableError as error:
                retryable = error.with_traceback(None)  # the frames hold the body and the parsed data
            del response
            share.release()
            raise retryable
        if failure.fault is Fault.PROXY:
            self.end(self._refused(str(failure)))
        self._health.failed(started)
        if failure.fault is not Fault.CONNECT and self._health.silence > self._retry_policy.silence:
            await self._probe()
        raise RetryableError(unanswered(call, str(failure)), failure.fault)

    async def _parsed(self, call: Call, response: Response) -> Answer:
        if len(response.body) > _LARGE_BODY:
            return await asyncio.to_thread(parse_response, call, response, self._transport.redaction)
        return parse_response(call, response, self._transport.redaction)

    async def _exchange(self, call: Call, share: Share) -> Response:
        """Return the response to one request, repeated until it is neither a 429 nor an expired token."""
        renewals = 0
        while True:
            await self._authorised()
            async with self.limiter.turn() as turn:
                if self._grant is not None and not self._grant.holds:
                    continue  # the token expired while the call waited for its turn
                used_token = self._grant.access_token if self._grant is not None else ""
                spent, limits = await self._spend(call), RateLimits()
                began = time.monotonic()
                try:
                    response = await self._transport.get(
                        call.path,
                        call.query,
                        turn.sent,
                        self._limit_of_attempt(),
                        share,
                        call.endpoint.version,
                    )
                    limits = read_limits(response.headers)
                    if limits.date is not None:
                        self.server_time = ServerTime(limits.date, clock.now())
                finally:
                    self._daily.learn(spent, limits)
                    if not self._daily.under_way:
                        self._idle.set()
                turn.answered(limits)
            _log_answer(call, response, time.monotonic() - began)
            self._health.answered()
            if self._deadline is not None:
                self._deadline.reschedule(None)
            if response.status == 403 and is_from_cdn(response):
                self.end(BlockedError(_BLOCKED))
            if response.status != 429:
                self._pauses = 0
                if response.status == 401 and self._grant is not None and renewals < _RENEWALS:
                    renewals += 1
                    self._grant.reject(used_token)
                    continue
                return response
            self._throttled(limits, turn.sent_at or 0.0)

    def _limit_of_attempt(self) -> float | None:
        """Return the seconds that an attempt may take; None if the transport's own limit applies."""
        if self._deadline is None or self._deadline.when() is None:
            return None
        limit = self._attempt_limit
        self._attempt_limit *= 2
        return limit

    async def _spend(self, call: Call) -> Spent:
        """Charge a call to the day's budget; end the run if the budget does not suffice.

        Pending requests are already charged, so their responses are awaited; they report what is left.
        """
        while True:
            try:
                spent = self._daily.spend(call.endpoint)
            except BudgetError as error:
                if not self._daily.under_way:
                    self.end(error)
                await self._idle.wait()
            else:
                self._idle.clear()
                return spent

    def _throttled(self, limits: RateLimits, sent_at: float) -> None:
        """Pause all requests after a 429, or end the run if waiting does not help."""
        self.throttled += 1
        now = self._health.now()
        if limits.day_is_over:
            wait = limits.retry_after
            self.end(self._daily.stop(wait=wait if wait and wait > LONGEST_BURST_WAIT else None))
        if now < self._paused_until or sent_at < self._paused_at:
            return  # the request was sent before the current pause began
        self._pauses += 1
        if self._pauses > self._retry_policy.pauses:
            self.end(self._daily.stop())
        # Other clients may have received a 429 too: full jitter keeps all of them from returning together.
        jitter = _random.uniform(0, min(0.1 * 2**self._pauses, self._retry_policy.longest))
        self._paused_at = now
        self._paused_until = now + limits.burst_wait + jitter
        self.limiter.pause(self._paused_until - now)

    async def _probe(self) -> None:
        """Check whether the server responds at all, after a long time without any response."""
        async with self._probing:
            for _ in range(_PROBES):
                if self._health.silence == 0:
                    return
                with suppress(TransportError, TimeoutError):
                    async with asyncio.timeout(_PROBE), self.limiter.turn() as turn:
                        await self._transport.get(Endpoint.ME, {}, turn.sent)
                    self._health.answered()
                    return
        self.end(self._nobody("the request timed out"))

    def _refused(self, reason: str) -> PipedriveGraphError:
        """Return the error for a proxy that refuses the connection."""
        error = refused_by_proxy(self._transport.base_url, reason)
        return error if self._deadline is not None else IncompleteError(f"{error} What was read is kept.")

    def _nobody(self, reason: str) -> PipedriveGraphError:
        """Return the error for a server that does not respond."""
        if self._deadline is not None:
            return unreachable(self._transport.base_url, reason, self._transport.names.base_url)
        return IncompleteError(
            f"Pipedrive has stopped answering ({reason}). What was read is kept: run sync again, and"
            " it continues from there."
        )

    async def _authorised(self) -> None:
        """Ensure a valid access token; done before waiting for a turn, so that it delays no other request."""
        if self._grant is None:
            return
        try:
            await self._grant.ready()
        except PipedriveGraphError as error:
            late = isinstance(error, UnreachableError) and self._deadline is None
            self.end(IncompleteError(f"{error} What was read is kept.") if late else error)

    def _note_sleep(self, seconds: float) -> None:
        self.slept += seconds


def _log_answer(call: Call, response: Response, seconds: float) -> None:
    _log.debug(
        "GET %s: %d in %.3f s",
        call.path,
        response.status,
        seconds,
        extra={"endpoint": str(call.endpoint), "status": response.status, "seconds": round(seconds, 3)},
    )
