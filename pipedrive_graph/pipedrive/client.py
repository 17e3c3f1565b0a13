"""The Pipedrive client: asks one company for one thing or for many, and reads what comes into answers.

It can only read. What a single call may come to is an `Answer`; what concerns the whole run (the token,
the day's budget, the CDN, a server that is gone) is an error, after which nothing further is sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

from pipedrive_graph.config.company import Company, Names
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.auth.tokens import Grant, credential
from pipedrive_graph.pipedrive.concurrency import as_they_come
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.executor import Sender, ServerTime
from pipedrive_graph.pipedrive.http import Transport
from pipedrive_graph.pipedrive.http_types import AuthForm, Timeouts
from pipedrive_graph.pipedrive.pagination import pages
from pipedrive_graph.pipedrive.preflight import objection, withdrawn
from pipedrive_graph.pipedrive.ratelimit.crowd import MOST_AT_ONCE
from pipedrive_graph.pipedrive.ratelimit.daily_budget import Budget, DailyBudget
from pipedrive_graph.pipedrive.ratelimit.retry import Patience
from pipedrive_graph.pipedrive.receiving import Share

__all__ = ["Pipedrive", "ServerTime", "Stats"]


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
        names: where the address and the token are set, for sentences about them.

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
        names: Names | None = None,
    ) -> None:
        self._timeouts = timeouts or Timeouts()
        self._transport = Transport(base_url, token, self._timeouts, names)
        self._grant = None if isinstance(token, str) else token
        self._login = self._grant.login if self._grant is not None else None
        self._warn = warn
        if self._grant is not None:
            self._grant.on_wait = warn
        self._patience = patience or Patience()
        self._daily = DailyBudget(daily_reserve, daily_limit)
        self._listened_to: set[AsyncGenerator[tuple[Answer, Share], None]] = set()

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
            names=company.names,
        )

    async def __aenter__(self) -> Self:
        self._sender = Sender(
            self._transport, self._grant, self._daily, self._patience, self._timeouts.connect
        )
        await self._transport.__aenter__()
        self._sender.pacer.crowd.join(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sender.pacer.crowd.leave(self)
        for answers in list(self._listened_to):
            with suppress(RuntimeError):  # somebody stands waiting for the next one
                await answers.aclose()
        if self._grant is not None:
            await self._grant.close()
        await self._transport.__aexit__()

    @property
    def stats(self) -> Stats:
        """What has been done so far."""
        sender, pacer = self._sender, self._sender.pacer
        return Stats(
            requests=pacer.requests,
            throttled=sender.throttled,
            waited=pacer.waited + sender.slept,
            limit=pacer.limit,
            window=pacer.window,
            limit_told=pacer.limit_told,
            own=pacer.own,
        )

    @property
    def server_time(self) -> ServerTime | None:
        """The server's clock and this machine's, by the newest answer; None where none has a `Date`."""
        return self._sender.server_time

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
        hasty = replace(self._patience, first=self._patience.first / 2, longest=2.0)
        async with self._sender.preflight(hasty.silence):
            answer = await self._sender.settle(Call(Endpoint.ME), hasty)
            if answer.status == 401 and self._may_try_query():
                answer = await self._try_query(hasty)
        error = objection(answer, self._transport.base_url, self._transport.names, self._login)
        if error is not None:
            self._sender.end(error)
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
        answer = await self._sender.settle(Call(Endpoint.ME), patience)
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
        share = self._sender.large.share()
        try:
            return await self._fetch(call, share)
        finally:
            share.release()

    async def _fetch(self, call: Call, share: Share) -> Answer:
        answer = await self._sender.settle(call, share=share)
        if answer.status == 401:
            self._sender.end(withdrawn(self._transport.names, self._login))
        return answer

    def pages(self, call: Call) -> AsyncGenerator[Answer, None]:
        """Yield the answers to a call and to those for the pages that follow, as `paging.pages` tells.

        Raises:
            PipedriveGraphError: as `fetch` does.
        """
        return pages(self.fetch, call)

    async def fetch_all(self, calls: Iterable[Call]) -> AsyncGenerator[Answer, None]:
        """Yield the answers to many calls, as they come in.

        At most 512 calls are under way, and fewer where the process reads several companies.

        Answers that came before an error are yielded before it is raised. Large answers come one after the
        other: the next one is read when its predecessor was taken.

        Raises:
            PipedriveGraphError: as `fetch` does; calls that are under way then are dropped.
        """
        shares: set[Share] = set()

        async def ask(call: Call) -> tuple[Answer, Share]:
            share = self._sender.large.share()
            shares.add(share)
            return await self._fetch(call, share), share

        crowd = self._sender.pacer.crowd
        answers = as_they_come(ask, calls, MOST_AT_ONCE, now=lambda: crowd.share)
        self._listened_to.add(answers)
        try:
            async for answer, share in answers:
                yield answer
                share.release()
                shares.discard(share)
        finally:
            self._listened_to.discard(answers)
            await answers.aclose()
            for share in shares:
                share.release()
