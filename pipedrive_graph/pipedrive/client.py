"""The Pipedrive client: makes one call or many to one company, and returns the answers.

It only reads. The result of a single call is an `Answer`. A problem that concerns the whole run (the token,
the day's budget, the CDN, an unreachable server) is an error, after which no further request is sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

from pipedrive_graph.config.company import Company, Names
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.auth.tokens import Grant, credential
from pipedrive_graph.pipedrive.concurrency import map_as_completed
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.executor import Executor, ServerTime
from pipedrive_graph.pipedrive.http import Transport
from pipedrive_graph.pipedrive.http_types import AuthForm, Timeouts
from pipedrive_graph.pipedrive.pagination import pages
from pipedrive_graph.pipedrive.preflight import objection, withdrawn
from pipedrive_graph.pipedrive.ratelimit.crowd import MOST_AT_ONCE
from pipedrive_graph.pipedrive.ratelimit.daily_budget import Budget, DailyBudget
from pipedrive_graph.pipedrive.ratelimit.retry import RetryPolicy
from pipedrive_graph.pipedrive.receiving import Share

__all__ = ["Pipedrive", "ServerTime", "Stats"]


@dataclass(frozen=True, slots=True)
class Stats:
    """Statistics of a client so far.

    Attributes:
        requests: requests sent, including retries.
        throttled: how many of them were answered with 429.
        waited: seconds that calls waited for the rate limiter and for retries.
        limit: requests per window that Pipedrive allows, as far as known.
        window: seconds.
        limit_told: whether Pipedrive has reported the limit; otherwise it is the highest one tried so far.
        own: how many requests per window are left by other clients that use the same token.
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
        token: the API token, or the OAuth grant.
        on_warning: called with a sentence for the user; once per matter.
        daily_reserve: share of the day's budget, 0 to less than 1, that is left to other integrations.
        daily_limit: requests per day, for servers that count them and do not report their total.
        retry_policy: how long to wait for a server that does not respond properly.
        timeouts: when a single request is abandoned.
        names: where the address and the token are configured, for messages.

    Raises:
        ConfigurationError: if the address or the token cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        token: str | Grant,
        *,
        on_warning: Callable[[str], None],
        daily_reserve: float = 0.25,
        daily_limit: int = 80_000,
        retry_policy: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
        names: Names | None = None,
    ) -> None:
        self._timeouts = timeouts or Timeouts()
        self._transport = Transport(base_url, token, self._timeouts, names)
        self._grant = None if isinstance(token, str) else token
        self._login = self._grant.login if self._grant is not None else None
        self._on_warning = on_warning
        if self._grant is not None:
            self._grant.on_wait = on_warning
        self._retry_policy = retry_policy or RetryPolicy()
        self._daily = DailyBudget(daily_reserve, daily_limit)
        self._open_iterators: set[AsyncGenerator[tuple[Answer, Share], None]] = set()

    @classmethod
    def of(cls, company: Company, *, on_warning: Callable[[str], None]) -> Self:
        """Return a client with the settings of a company.

        Raises:
            ConfigurationError: as the constructor, or if the company has neither a token nor OAuth.
        """
        return cls(
            company.base_url,
            credential(company),
            on_warning=on_warning,
            daily_reserve=company.daily_reserve,
            daily_limit=company.daily_limit,
            names=company.names,
        )

    async def __aenter__(self) -> Self:
        self._executor = Executor(
            self._transport, self._grant, self._daily, self._retry_policy, self._timeouts.connect
        )
        await self._transport.__aenter__()
        self._executor.limiter.crowd.join(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._executor.limiter.crowd.leave(self)
        for answers in list(self._open_iterators):
            with suppress(RuntimeError):  # a consumer is waiting for the next answer
                await answers.aclose()
        if self._grant is not None:
            await self._grant.close()
        await self._transport.__aexit__()

    @property
    def stats(self) -> Stats:
        """The statistics so far."""
        executor, limiter = self._executor, self._executor.limiter
        return Stats(
            requests=limiter.requests,
            throttled=executor.throttled,
            waited=limiter.waited + executor.slept,
            limit=limiter.limit,
            window=limiter.window,
            limit_told=limiter.limit_told,
            own=limiter.own,
        )

    @property
    def server_time(self) -> ServerTime | None:
        """The server's clock and this machine's at the newest response; None if none had a `Date` header."""
        return self._executor.server_time

    @property
    def budget(self) -> Budget | None:
        """What is left of the day's budget; None if the server does not report it."""
        return self._daily.now

    async def preflight(self) -> Answer:
        """Return the answer of `users/me`, and choose how the token is sent.

        Raises:
            NotAuthorisedError: if the token is not accepted, or its owner is not an admin of any app.
            UnreachableError: if the server does not respond within 30 seconds, or only with errors.
            NotPipedriveError: if the server is not Pipedrive.
            BlockedError: if the CDN blocks the requests.
            BudgetError: if the day's budget is used up.
        """
        hasty = replace(self._retry_policy, first=self._retry_policy.first / 2, longest=2.0)
        async with self._executor.preflight(hasty.silence):
            answer = await self._executor.execute(Call(Endpoint.ME), hasty)
            if answer.status == 401 and self._may_try_query():
                answer = await self._try_query(hasty)
        error = objection(answer, self._transport.base_url, self._transport.names, self._login)
        if error is not None:
            self._executor.end(error)
        return answer

    def _may_try_query(self) -> bool:
        """Whether the token may be sent in the URL: never to Pipedrive itself."""
        if self._grant is not None:
            return False
        host = self._transport.host.lower().rstrip(".")
        return host != "pipedrive.com" and not host.endswith(".pipedrive.com")

    async def _try_query(self, policy: RetryPolicy) -> Answer:
        """Return the answer of `users/me` with the token in the URL; if it is accepted, it stays there."""
        self._transport.form = AuthForm.QUERY
        answer = await self._executor.execute(Call(Endpoint.ME), policy)
        if answer.status == 401:
            self._transport.form = AuthForm.HEADER
        elif answer.outcome is Outcome.ANSWERED:
            self._on_warning(
                f"{self._transport.host} does not accept the API token in a header: it is sent in the"
                " URL (?api_token=), where servers and proxies may log it."
            )
        return answer

    async def fetch(self, call: Call) -> Answer:
        """Return the final answer to one call, after as many attempts as necessary.

        Raises:
            BlockedError: if the CDN blocks the requests.
            NotAuthorisedError: if the token is no longer accepted.
            BudgetError: if only the reserve of the day's budget is left.
            IncompleteError: if the server stopped responding.
        """
        share = self._executor.large.share()
        try:
            return await self._fetch(call, share)
        finally:
            share.release()

    async def _fetch(self, call: Call, share: Share) -> Answer:
        answer = await self._executor.execute(call, share=share)
        if answer.status == 401:
            self._executor.end(withdrawn(self._transport.names, self._login))
        return answer

    def pages(self, call: Call) -> AsyncGenerator[Answer, None]:
        """Yield the answers to a call and to the calls for the following pages; see `pagination.pages`.

        Raises:
            PipedriveGraphError: as `fetch` does.
        """
        return pages(self.fetch, call)

    async def fetch_all(self, calls: Iterable[Call]) -> AsyncGenerator[Answer, None]:
        """Yield the answers to many calls, as they arrive.

        At most 512 calls are pending, and fewer if the process reads several companies. Answers that arrived
        before an error are yielded before it is raised. Large responses are read one at a time: the next
        one after the consumer has taken the answer before.

        Raises:
            PipedriveGraphError: as `fetch` does; pending calls are cancelled then.
        """
        shares: set[Share] = set()

        async def ask(call: Call) -> tuple[Answer, Share]:
            share = self._executor.large.share()
            shares.add(share)
            return await self._fetch(call, share), share

        crowd = self._executor.limiter.crowd
        answers = map_as_completed(ask, calls, MOST_AT_ONCE, now=lambda: crowd.share)
        self._open_iterators.add(answers)
        try:
            async for answer, share in answers:
                yield answer
                share.release()
                shares.discard(share)
        finally:
            self._open_iterators.discard(answers)
            await answers.aclose()
            for share in shares:
                share.release()
