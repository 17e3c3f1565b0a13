"""Brings one call to its final answer: authorised, paid for, paced, sent, and tried again.

What concerns the whole run (the day's budget, the CDN, a server that is gone) ends it: an error is raised,
and nothing further is sent, whoever asks.
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
from pipedrive_graph.pipedrive.ratelimit.limiter import Pacer
from pipedrive_graph.pipedrive.ratelimit.retry import Patience, Watch, retrying
from pipedrive_graph.pipedrive.receiving import LargeBodies, Share
from pipedrive_graph.pipedrive.responses import UnsettledError, interpret, is_from_cdn, unanswered

_log = logging.getLogger(__name__)

_LARGE_BODY = 256 * 1024  # bytes from which reading a body would hold up the others
_PROBE = 10.0  # seconds in which a server that is still there answers something
_PROBES = 2  # one lost answer does not mean that the server is gone
_FIRST_ATTEMPT = 1 / 7  # share of a preflight's time; each attempt gets twice as long: 1/7, 2/7, 4/7

_BLOCKED = (
    "Pipedrive's content delivery network (Cloudflare) refuses our requests, so nothing further is"
    " sent. What was read is kept: wait an hour, then run sync again."
)

_RENEWALS = 2  # of the access token, for one call

_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class ServerTime:
    """Two clocks at the time when an answer came.

    Attributes:
        date: the server's, which is earlier by the answer's way and cut to whole seconds.
        own: this machine's.
    """

    date: datetime
    own: datetime


class Sender:
    """Brings the calls of one run to their answers; made where the event loop runs.

    Args:
        transport: sends, within its `async with`.
        grant: what OAuth has granted, to be renewed where it ends; None for an API token.
        daily: the day's budget.
        patience: how long is waited for a server that does not answer as it should.
        connect_timeout: seconds that an attempt to connect may take.

    Attributes:
        pacer: gives every request its turn.
        large: keeps large bodies from being in memory together.
        throttled: how many requests were answered with 429.
        slept: seconds in which calls waited for their next attempt.
        server_time: the server's clock and this machine's, by the newest answer that has a `Date`.
    """

    def __init__(
        self,
        transport: Transport,
        grant: Grant | None,
        daily: DailyBudget,
        patience: Patience,
        connect_timeout: float,
    ) -> None:
        self._transport = transport
        self._grant = grant
        self._daily = daily
        self._patience = patience
        self._connect_timeout = connect_timeout
        self.pacer = Pacer()
        self.large = LargeBodies()
        self.throttled = 0
        self.slept = 0.0
        self.server_time: ServerTime | None = None
        self._watch = Watch()
        self._still = asyncio.Event()  # set when nothing is under way
        self._probing = asyncio.Lock()
        self._pauses = 0  # in a row, without an answer in between
        self._paused_at = 0.0
        self._paused_until = 0.0
        self._deadline: asyncio.Timeout | None = None  # of a preflight
        self._attempt_limit = 0.0  # seconds for the next attempt of a preflight

    @asynccontextmanager
    async def preflight(self, seconds: float) -> AsyncIterator[None]:
        """Within it, a server from which nothing comes means that the run cannot begin, not that it ended.

        Until something was answered, each attempt is limited to a part of the time: an attempt that
        hangs is given up early enough for another one.

        Args:
            seconds: in which somebody has to answer something.
        """
        self._attempt_limit = seconds * _FIRST_ATTEMPT
        try:
            async with asyncio.timeout(seconds) as self._deadline:
                yield
        except TimeoutError:
            self.end(self._nobody("no answer came in time"))
        finally:
            self._deadline = None

    async def settle(
        self, call: Call, patience: Patience | None = None, share: Share | None = None
    ) -> Answer:
        """Return the final answer to a call; its status may be one that ends the run.

        Args:
            call: what is asked for.
            patience: another one than that of the run.
            share: holds the memory for a large body until its owner releases it.

        Raises:
            BlockedError: if the CDN refuses the traffic.
            NotAuthorisedError: if what OAuth has granted is withdrawn.
            BudgetError: if only the reserve is left of the day's budget.
            IncompleteError: if the server is gone.
            UnreachableError: the same, in a preflight.
        """
        heard = self._watch.answers
        policy = retrying(patience or self._patience, self._watch, self._connect_timeout, self._note_sleep)
        try:
            return await policy(self._attempt, call, share or self.large.share())
        except UnsettledError as error:
            last = error
        if last.fault is Fault.CONNECT and self._watch.silence > 0:
            self.end(self._nobody(str(last).removeprefix(f"{call.path}: ")))
        if last.fault is not None and self._watch.answers == heard:
            await self._probe()  # nobody was answered either: is it this call, or the server?
        return last.answer

    def end(self, error: PipedriveGraphError) -> NoReturn:
        """Raise `error`, now and wherever a call waits for its turn: nothing further is sent."""
        self.pacer.close(error)
        raise error

    async def _attempt(self, call: Call, share: Share) -> Answer:
        """Return what one attempt brings.

        Raises:
            UnsettledError: if another attempt may bring something better.
        """
        started = self._watch.now()
        share.release()  # of an attempt before this one
        try:
            response = await self._exchange(call, share)
        except TransportError as error:
            share.release()
            failure = error
        else:
            try:
                return await self._interpret(call, response)
            except UnsettledError as error:
                unsettled = error.with_traceback(None)  # whose frames hold the body and what was read
            del response
            share.release()
            raise unsettled
        if failure.fault is Fault.PROXY:
            self.end(self._refused(str(failure)))
        self._watch.failed(started)
        if failure.fault is not Fault.CONNECT and self._watch.silence > self._patience.silence:
            await self._probe()
        raise UnsettledError(unanswered(call, str(failure)), failure.fault)

    async def _interpret(self, call: Call, response: Response) -> Answer:
        if len(response.body) > _LARGE_BODY:
            return await asyncio.to_thread(interpret, call, response, self._transport.redaction)
        return interpret(call, response, self._transport.redaction)

    async def _exchange(self, call: Call, share: Share) -> Response:
        """Return the answer to one request, once it is none that asks to come again later."""
        renewals = 0
        while True:
            await self._authorised()
            async with self.pacer.turn() as turn:
                if self._grant is not None and not self._grant.holds:
                    continue  # the token has ended while the call waited for its turn
                carried = self._grant.access_token if self._grant is not None else ""
                spent, limits = await self._spend(call), RateLimits()
                began = time.monotonic()
                try:
                    response = await self._transport.get(
                        call.path, call.query, turn.sent, self._limit_of_attempt(), share
                    )
                    limits = read_limits(response.headers)
                    if limits.date is not None:
                        self.server_time = ServerTime(limits.date, clock.now())
                finally:
                    self._daily.learn(spent, limits)
                    if not self._daily.under_way:
                        self._still.set()
                turn.answered(limits)
            _log_answer(call, response, time.monotonic() - began)
            self._watch.answered()
            if self._deadline is not None:
                self._deadline.reschedule(None)
            if response.status == 403 and is_from_cdn(response):
                self.end(BlockedError(_BLOCKED))
            if response.status != 429:
                self._pauses = 0
                if response.status == 401 and self._grant is not None and renewals < _RENEWALS:
                    renewals += 1
                    self._grant.reject(carried)
                    continue
                return response
            self._send_away(limits, turn.sent_at or 0.0)

    def _limit_of_attempt(self) -> float | None:
        """Return the seconds that an attempt may take; None where the transport's own limit holds."""
        if self._deadline is None or self._deadline.when() is None:
            return None
        limit = self._attempt_limit
        self._attempt_limit *= 2
        return limit

    async def _spend(self, call: Call) -> Spent:
        """Take what a call costs of the day's budget; where it does not suffice, end the run.

        What is under way is paid for, so its answers are waited for; and they tell what is left.
        """
        while True:
            try:
                spent = self._daily.spend(call.endpoint)
            except BudgetError as error:
                if not self._daily.under_way:
                    self.end(error)
                await self._still.wait()
            else:
                self._still.clear()
                return spent

    def _send_away(self, limits: RateLimits, sent_at: float) -> None:
        """Let everybody wait after a 429, or end the run where waiting does not help."""
        self.throttled += 1
        now = self._watch.now()
        if limits.day_is_over:
            wait = limits.retry_after
            self.end(self._daily.stop(wait=wait if wait and wait > LONGEST_BURST_WAIT else None))
        if now < self._paused_until or sent_at < self._paused_at:
            return  # another one of those that were under way together
        self._pauses += 1
        if self._pauses > self._patience.pauses:
            self.end(self._daily.stop())
        # Others may have been sent away with us: full jitter keeps us from returning together.
        jitter = _random.uniform(0, min(0.1 * 2**self._pauses, self._patience.longest))
        self._paused_at = now
        self._paused_until = now + limits.burst_wait + jitter
        self.pacer.pause(self._paused_until - now)

    async def _probe(self) -> None:
        """Find out whether anybody is still there, when nothing has been answered for long."""
        async with self._probing:
            for _ in range(_PROBES):
                if self._watch.silence == 0:
                    return
                with suppress(TransportError, TimeoutError):
                    async with asyncio.timeout(_PROBE), self.pacer.turn() as turn:
                        await self._transport.get(Endpoint.ME, {}, turn.sent)
                    self._watch.answered()
                    return
        self.end(self._nobody("no answer came in time"))

    def _refused(self, reason: str) -> PipedriveGraphError:
        """Return the error for a proxy that does not connect us."""
        error = refused_by_proxy(self._transport.base_url, reason)
        return error if self._deadline is not None else IncompleteError(f"{error} What was read is kept.")

    def _nobody(self, reason: str) -> PipedriveGraphError:
        """Return the error for a server from which nothing comes."""
        if self._deadline is not None:
            return unreachable(self._transport.base_url, reason, self._transport.names.base_url)
        return IncompleteError(
            f"Pipedrive has stopped answering ({reason}). What was read is kept: run sync again, and"
            " it goes on from there."
        )

    async def _authorised(self) -> None:
        """See to an access token that holds; before a turn, so that no other's turn has to wait for it."""
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
