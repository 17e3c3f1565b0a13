"""The Pipedrive client: asks for one thing or for many, paced, retried, and read into answers.

It can only read. What a single call may come to is an `Answer`; what concerns the whole run (the token,
the day's budget, the CDN, a server that is gone) is an error, after which nothing further is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import NoReturn, Self

from pipedrive_graph.companies import Company
from pipedrive_graph.errors import (
    BlockedError,
    BudgetError,
    IncompleteError,
    PipedriveGraphError,
    UnreachableError,
)
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.budget import Budget, DailyBudget, Spent
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.exchange import AuthForm, Fault, Response, Timeouts, TransportError
from pipedrive_graph.pipedrive.gathering import as_they_come
from pipedrive_graph.pipedrive.grant import Grant, credential
from pipedrive_graph.pipedrive.http import Transport
from pipedrive_graph.pipedrive.limits import LONGEST_BURST_WAIT, RateLimits, read_limits
from pipedrive_graph.pipedrive.pacer import MOST_AT_ONCE, Pacer
from pipedrive_graph.pipedrive.paging import pages
from pipedrive_graph.pipedrive.preflight import objection, withdrawn
from pipedrive_graph.pipedrive.retries import Patience, Watch, retrying
from pipedrive_graph.pipedrive.verdicts import UnsettledError, interpret, is_from_cdn, unanswered

_LARGE_BODY = 256 * 1024  # bytes from which reading a body would hold up the others
_PROBE = 10.0  # seconds in which a server that is still there answers something

_BLOCKED = (
    "Pipedrive's content delivery network (Cloudflare) refuses our requests, so nothing further is"
    " sent. What was read is kept: wait an hour, then run sync again."
)

_RENEWALS = 2  # of the access token, for one call

_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class Stats:
    """What a client has done so far.

    Attributes:
        requests: requests sent, retries included.
        throttled: how many of them were answered with 429.
        waited: seconds in which calls stood waiting for their turn, and for a next attempt.
        limit: requests per window that Pipedrive allows, as far as known.
        window: seconds.
        limit_told: whether Pipedrive has said so; otherwise it is what was tried so far.
        own: how many requests per window are left to us by others that use the same token.
    """

    requests: int
    throttled: int
    waited: float
    limit: int
    window: float
    limit_told: bool
    own: int


class Pipedrive:
    """Reads one company with one token; used within `async with`.

    Args:
        base_url: Pipedrive's address, such as https://api.pipedrive.com/v1.
        token: the API token, or what OAuth has granted.
        warn: called with a sentence that the user should read; once per matter.
        daily_reserve: share of the day's budget, 0 to less than 1, that is left to others.
        daily_limit: requests per day, where the server counts them and does not tell their total.
        patience: how long is waited for a server that does not answer as it should.
        timeouts: when a single request is given up.

    Raises:
        ConfigurationError: if the address or the token cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        token: str | Grant,
        *,
        warn: Callable[[str], None],
        daily_reserve: float = 0.25,
        daily_limit: int = 80_000,
        patience: Patience | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._timeouts = timeouts or Timeouts()
        self._transport = Transport(base_url, token, self._timeouts)
        self._grant = None if isinstance(token, str) else token
        self._login = self._grant.login if self._grant is not None else None
        self._redaction = self._transport.redaction
        self._warn = warn
        self._patience = patience or Patience()
        self._daily = DailyBudget(daily_reserve, daily_limit)
        self._throttled = 0
        self._slept = 0.0
        self._pauses = 0  # in a row, without an answer in between
        self._paused_at = 0.0
        self._paused_until = 0.0
        self._preflighting = False
        self._deadline: asyncio.Timeout | None = None  # of a preflight that nobody has answered
        self._listened_to: set[AsyncGenerator[Answer, None]] = set()

    @classmethod
    def of(cls, company: Company, *, warn: Callable[[str], None]) -> Self:
        """Return a client for a company, as its settings say.

        Raises:
            ConfigurationError: as the client itself, or if there is nothing to authorise it.
        """
        return cls(
            company.base_url,
            credential(company),
            warn=warn,
            daily_reserve=company.daily_reserve,
            daily_limit=company.daily_limit,
        )

    async def __aenter__(self) -> Self:
        self._pacer = Pacer()
        self._watch = Watch()
        self._still = asyncio.Event()  # set when nothing is under way
        self._probing = asyncio.Lock()
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for answers in list(self._listened_to):
            with suppress(RuntimeError):  # somebody stands waiting for the next one
                await answers.aclose()
        if self._grant is not None:
            await self._grant.close()
        await self._transport.__aexit__()

    @property
    def stats(self) -> Stats:
        """What has been done so far."""
        pacer = self._pacer
        return Stats(
            requests=pacer.requests,
            throttled=self._throttled,
            waited=pacer.waited + self._slept,
            limit=pacer.limit,
            window=pacer.window,
            limit_told=pacer.limit_told,
            own=pacer.own,
        )

    @property
    def budget(self) -> Budget | None:
        """What is left of the day; None where the server does not count."""
        return self._daily.now

    async def preflight(self) -> Answer:
        """Return the answer of `users/me`, having found out how the token travels.

        Raises:
            NotAuthorisedError: if the token is not accepted, or its owner is admin of nothing.
            UnreachableError: if nobody answers, within 30 seconds, or only with server errors.
            NotPipedriveError: if somebody else answers.
            BlockedError: if the CDN refuses the traffic.
            BudgetError: if the day's budget is used up.
        """
        self._preflighting = True
        hasty = replace(self._patience, first=self._patience.first / 2, longest=2.0)
        try:
            async with asyncio.timeout(hasty.silence) as self._deadline:
                answer = await self._settle(Call(Endpoint.ME), hasty)
                if answer.status == 401 and self._may_try_query():
                    answer = await self._try_query(hasty)
        except TimeoutError:
            self._end(self._nobody("no answer came in time"))
        finally:
            self._preflighting = False
            self._deadline = None
        error = objection(answer, self._transport.base_url, self._login)
        if error is not None:
            self._end(error)
        return answer

    def _may_try_query(self) -> bool:
        """Whether the token may travel in the URL: where Pipedrive itself is not asked."""
        if self._grant is not None:
            return False
        host = self._transport.host.lower().rstrip(".")
        return host != "pipedrive.com" and not host.endswith(".pipedrive.com")

    async def _try_query(self, patience: Patience) -> Answer:
        """Return the answer of `users/me` to a token in the URL; where that works, it stays there."""
        self._transport.form = AuthForm.QUERY
        answer = await self._settle(Call(Endpoint.ME), patience)
        if answer.status == 401:
            self._transport.form = AuthForm.HEADER
        elif answer.outcome is Outcome.ANSWERED:
            self._warn(
                f"{self._transport.host} does not take the API token in a header: it is sent in the"
                " URL (?api_token=), where servers and proxies may log it."
            )
        return answer

    async def fetch(self, call: Call) -> Answer:
        """Return the final answer to one call, after as many attempts as it takes.

        Raises:
            BlockedError: if the CDN refuses the traffic.
            NotAuthorisedError: if the token is no longer accepted.
            BudgetError: if only the reserve is left of the day's budget.
            IncompleteError: if the server is gone.
        """
        answer = await self._settle(call, self._patience)
        if answer.status == 401:
            self._end(withdrawn(self._login))
        return answer

    def pages(self, call: Call) -> AsyncGenerator[Answer, None]:
        """Yield the answers to a call and to those for the pages that follow, as `paging.pages` tells.

        Raises:
            PipedriveGraphError: as `fetch` does.
        """
        return pages(self.fetch, call)

    async def fetch_all(self, calls: Iterable[Call]) -> AsyncGenerator[Answer, None]:
        """Yield the answers to many calls, as they come in; at most 512 calls are under way.

        Answers that came before an error are yielded before it is raised.

        Raises:
            PipedriveGraphError: as `fetch` does; calls that are under way then are dropped.
        """
        answers = as_they_come(self.fetch, calls, MOST_AT_ONCE)
        self._listened_to.add(answers)
        try:
            async for answer in answers:
                yield answer
        finally:
            self._listened_to.discard(answers)
            await answers.aclose()

    async def _settle(self, call: Call, patience: Patience) -> Answer:
        """Return the final answer to a call; its status may be one that ends the run."""
        heard = self._watch.answers
        policy = retrying(patience, self._watch, self._timeouts.connect, self._note_sleep)
        try:
            return await policy(self._attempt, call)
        except UnsettledError as error:
            last = error
        if last.fault is Fault.CONNECT and self._watch.silence > 0:
            self._end(self._nobody(str(last).removeprefix(f"{call.path}: ")))
        if last.fault is not None and self._watch.answers == heard:
            await self._probe()  # nobody was answered either: is it this call, or the server?
        return last.answer

    async def _attempt(self, call: Call) -> Answer:
        """Return what one attempt brings.

        Raises:
            UnsettledError: if another attempt may bring something better.
        """
        started = self._watch.now()
        try:
            response = await self._exchange(call)
        except TransportError as error:
            failure = error
        else:
            if len(response.body) > _LARGE_BODY:
                return await asyncio.to_thread(interpret, call, response, self._redaction)
            return interpret(call, response, self._redaction)
        self._watch.failed(started)
        if failure.fault is not Fault.CONNECT and self._watch.silence > self._patience.silence:
            await self._probe()
        raise UnsettledError(unanswered(call, str(failure)), failure.fault)

    async def _exchange(self, call: Call) -> Response:
        """Return the answer to one request, once it is none that asks to come again later."""
        renewals = 0
        while True:
            await self._authorised()
            async with self._pacer.turn() as turn:
                if self._grant is not None and not self._grant.holds:
                    continue  # the token has ended while the call waited for its turn
                carried = self._grant.access_token if self._grant is not None else ""
                spent, limits = await self._spend(call), RateLimits()
                try:
                    response = await self._transport.get(call.path, call.query, turn.sent)
                    limits = read_limits(response.headers)
                finally:
                    self._daily.learn(spent, limits)
                    if not self._daily.under_way:
                        self._still.set()
                turn.answered(limits)
            self._watch.answered()
            if self._deadline is not None:
                self._deadline.reschedule(None)
            if response.status == 403 and is_from_cdn(response):
                self._end(BlockedError(_BLOCKED))
            if response.status != 429:
                self._pauses = 0
                if response.status == 401 and self._grant is not None and renewals < _RENEWALS:
                    renewals += 1
                    self._grant.reject(carried)
                    continue
                return response
            self._send_away(limits, turn.sent_at or 0.0)

    async def _spend(self, call: Call) -> Spent:
        """Take what a call costs of the day's budget; where it does not suffice, end the run.

        What is under way is paid for, so its answers are waited for; and they tell what is left.
        """
        while True:
            try:
                spent = self._daily.spend(call.endpoint)
            except BudgetError as error:
                if not self._daily.under_way:
                    self._end(error)
                await self._still.wait()
            else:
                self._still.clear()
                return spent

    def _send_away(self, limits: RateLimits, sent_at: float) -> None:
        """Let everybody wait after a 429, or end the run where waiting does not help."""
        self._throttled += 1
        now = self._watch.now()
        if limits.day_is_over:
            wait = limits.retry_after
            self._end(self._daily.stop(wait=wait if wait and wait > LONGEST_BURST_WAIT else None))
        if now < self._paused_until or sent_at < self._paused_at:
            return  # another one of those that were under way together
        self._pauses += 1
        if self._pauses > self._patience.pauses:
            self._end(self._daily.stop())
        # Others may have been sent away with us: full jitter keeps us from returning together.
        jitter = _random.uniform(0, min(0.1 * 2**self._pauses, self._patience.longest))
        self._paused_at = now
        self._paused_until = now + limits.burst_wait + jitter
        self._pacer.pause(self._paused_until - now)

    async def _probe(self) -> None:
        """Find out whether anybody is still there, when nothing has been answered for long."""
        async with self._probing:
            if self._watch.silence == 0:
                return
            try:
                async with asyncio.timeout(_PROBE), self._pacer.turn() as turn:
                    await self._transport.get(Endpoint.ME, {}, turn.sent)
                self._watch.answered()
            except (TransportError, TimeoutError):
                gone = True
            else:
                gone = False
        if gone:
            self._end(self._nobody("no answer came in time"))

    def _end(self, error: PipedriveGraphError) -> NoReturn:
        """Send nothing further, whoever asks, and raise `error`."""
        self._pacer.close(error)
        raise error

    def _nobody(self, reason: str) -> PipedriveGraphError:
        """Return the error for a server from which nothing comes."""
        if self._preflighting:
            return UnreachableError(
                f"Nobody answers at {self._transport.base_url} ({reason}): check the network and"
                " PIPEDRIVE_BASE_URL."
            )
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
            late = isinstance(error, UnreachableError) and not self._preflighting
            self._end(IncompleteError(f"{error} What was read is kept.") if late else error)

    def _note_sleep(self, seconds: float) -> None:
        self._slept += seconds
