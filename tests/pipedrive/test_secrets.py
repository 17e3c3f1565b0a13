from __future__ import annotations

import asyncio
import json
import logging
import traceback
from urllib.parse import quote

import pytest

from pipedrive_graph.common.redaction import MASK, Redaction
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.http import Transport
from pipedrive_graph.pipedrive.http_types import TransportError
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

from .using import permissions, take_all, use

CANARY = "canary+7f3a/9e1b=5d2c"
FORMS = (CANARY, quote(CANARY, safe=""), quote(CANARY), quote(CANARY, safe="").lower())


def assert_clean(text: str) -> None:
    assert not [form for form in FORMS if form in text]


@pytest.fixture(params=["official", "brief"])
def simulator(request):
    with Simulator(Options(users=5, token=CANARY, dialect=request.param)) as running:
        yield running


def test_no_log_no_warning_and_no_answer_holds_the_token(simulator: Simulator, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    url = f"https://example.com/?api_token={quote(CANARY, safe='')}"
    user, other = sorted(simulator.company.users)[:2]
    simulator.faults.add("users", faults.edit(lambda body: body.update({CANARY: [FORMS]})))
    simulator.faults.add(f"users/{user}/permissions", faults.html(404, f"<a href='{url}'>"), times=None)
    simulator.faults.add(
        f"users/{other}/permissions",
        faults.status(302, error=f"Moved to {url}", headers={"location": url}),
        times=None,
    )
    warnings: list[str] = []

    async def job(pipedrive: Pipedrive):
        shown = [repr(pipedrive), repr(vars(pipedrive))]
        answers = [await pipedrive.fetch(Call(Endpoint.USERS))]
        answers += await take_all(pipedrive, permissions([user, other]))
        return shown, answers

    shown, answers = use(simulator.url, CANARY, job, warnings=warnings)
    assert len(answers) == 3
    for answer in answers:
        assert_clean(repr(answer))
        assert MASK in answer.text
        json.loads(answer.text)
    assert any("send_request_headers" in record.getMessage() for record in caplog.records)
    assert any("users/me" in record.getMessage() for record in caplog.records)
    for text in (*warnings, caplog.text, *(repr(vars(record)) for record in caplog.records)):
        assert_clean(text)
    assert_clean(shown[0] + shown[1])


@pytest.mark.parametrize(
    "action",
    [
        faults.unauthorised,
        faults.status(404, error=f"no {CANARY}"),
        faults.html(200, CANARY),
        faults.cloudflare,
        faults.status(503, error=CANARY),
        faults.cut("before"),
    ],
)
def test_no_exception_holds_the_token(simulator: Simulator, action):
    if simulator.options.dialect == "official":
        simulator.faults.add("users/me", action, times=None)
        with pytest.raises(PipedriveGraphError) as caught:
            use(simulator.url, CANARY, lambda pipedrive: pipedrive.preflight(), preflight=False)
    else:
        simulator.faults.add("users", action, times=None)

        async def job(pipedrive: Pipedrive):
            answer = await pipedrive.fetch(Call(Endpoint.USERS))
            raise PipedriveGraphError(repr(answer))

        with pytest.raises(PipedriveGraphError) as caught:
            use(simulator.url, CANARY, job)
    error: BaseException | None = caught.value
    assert_clean("".join(traceback.format_exception(error)))
    while error is not None:
        assert_clean(repr(error) + repr(getattr(error, "request", None)))
        error = error.__cause__ or error.__context__


def test_a_transport_error_leads_to_no_request():
    async def run() -> TransportError:
        async with Transport("http://127.0.0.1:1", CANARY) as transport:
            with pytest.raises(TransportError) as caught:
                await transport.get("users", {})
            return caught.value

    error = asyncio.run(run())
    assert error.__cause__ is None
    assert error.__context__ is None
    assert str(error) == "the connection is refused"


def test_short_tokens_are_no_secrets_and_eat_no_words():
    assert Redaction("demo").text("demo@example.com") == "demo@example.com"
    assert Redaction(CANARY).text(f"a {quote(CANARY, safe='')} b") == f"a {MASK} b"
