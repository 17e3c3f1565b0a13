"""Turns an HTTP response into the answer to a call, or reports that another attempt may succeed.

Pure functions of the response; the client decides what a status means for the whole run.
"""

from __future__ import annotations

import json

from pipedrive_graph.common import clock
from pipedrive_graph.common.redaction import Redaction
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.body import UnusableError, as_json_string, error_message, one_line
from pipedrive_graph.pipedrive.endpoints import Call
from pipedrive_graph.pipedrive.http_types import Fault, Response
from pipedrive_graph.pipedrive.parsing import read

_LONGEST_REFUSAL = 64 * 1024  # characters of a response without data; a longer one is truncated


class RetryableError(Exception):
    """One attempt has no usable result; another one may.

    Attributes:
        answer: the result if it was the last attempt.
        fault: why the server did not respond; None if it responded.
    """

    def __init__(self, answer: Answer, fault: Fault | None = None) -> None:
        super().__init__(answer.problem)
        self.answer = answer
        self.fault = fault


def parse_response(call: Call, response: Response, redaction: Redaction) -> Answer:
    """Return the answer in a response.

    Raises:
        RetryableError: after a server error, and if the body is not a proper response of the endpoint:
            this often happens only once.
    """
    status = response.status
    text, payload, flaw = _document(response.body, redaction)
    if status in (404, 410) and not _is_html(response):
        # A page in HTML comes from another server: it proves nothing about the subject.
        return _answer(call, Outcome.GONE, status, text)
    usable = 200 <= status < 300
    if usable and flaw is None:
        try:
            reading = read(call, payload)
        except UnusableError as error:
            flaw = str(error)
        else:
            return Answer(
                call=call,
                outcome=Outcome.ANSWERED,
                status=status,
                at=clock.now(),
                text=text,
                data=reading.data,
                next_start=reading.next_start,
                next_cursor=reading.next_cursor,
                unreadable=tuple(reading.unreadable),
            )
    if usable:
        raise RetryableError(_answer(call, Outcome.FAILED, status, text, flaw))
    message = error_message(payload)
    problem = f"answered with status {status}{f': {message}' if message else ''}"
    outcome = Outcome.REFUSED if status == 403 else Outcome.FAILED
    answer = _answer(call, outcome, status, text, problem)
    if status >= 500 or status in (404, 410):
        raise RetryableError(answer)
    return answer


def unanswered(call: Call, reason: str) -> Answer:
    """Return the answer to a call without a response."""
    return _answer(call, Outcome.FAILED, None, "null", reason)


def repeated(answer: Answer) -> Answer:
    """Return a page as failed that announces more and has no new row."""
    problem = "pagination: the same rows come again, and more are announced"
    return _answer(answer.call, Outcome.FAILED, answer.status, answer.text, problem)


def too_long(answer: Answer) -> Answer:
    """Return the page that makes a list too large as failed."""
    return _answer(answer.call, Outcome.FAILED, answer.status, "null", "the list is too large")


def is_from_cdn(response: Response) -> bool:
    """Whether a 403 comes from the CDN in front of Pipedrive rather than from Pipedrive.

    Pipedrive's own responses are JSON, and carry the CDN's name too.
    """
    if _is_html(response):
        return True
    if response.headers.get("server", "").lower() != "cloudflare":
        return False
    try:
        one_line(response.body)
    except UnusableError:
        return True
    return False


def _answer(
    call: Call, outcome: Outcome, status: int | None, text: str, problem: str | None = None
) -> Answer:
    sentence = None if problem is None else f"{call.path}: {problem}"
    if len(text) > _LONGEST_REFUSAL:
        text = as_json_string(text[:_LONGEST_REFUSAL].encode())
    return Answer(call, outcome, status, clock.now(), text, problem=sentence)


def _document(body: bytes, redaction: Redaction) -> tuple[str, object, str | None]:
    """Return a body as one line of JSON without secrets, its value, and what is wrong with it."""
    try:
        text, payload = one_line(body)
        if redaction.concerns(body):
            payload = redaction.document(payload)
            text = json.dumps(payload, ensure_ascii=False, allow_nan=False)
    except UnusableError as error:
        return as_json_string(body, redaction.text), None, redaction.text(str(error))
    except RecursionError:
        return "null", None, "the body is nested too deeply"
    except ValueError:  # such as 1e999
        return "null", None, "the body holds a number that is too large"
    return text, payload, None


def _is_html(response: Response) -> bool:
    kind = response.headers.get("content-type", "").lower()
    return "html" in kind or response.body[:64].lstrip().startswith(b"<")
