from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipedrive_graph.common.redaction import MASK, Redaction
from pipedrive_graph.pipedrive.body import as_json_string
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.http_types import Response
from pipedrive_graph.pipedrive.responses import RetryableError, parse_response

TOKEN = "c4n4ry+7f3e/9d2b=51a8:460c"  # noqa: S105 - of nobody
NAMED = {"+": "&plus;", "/": "&sol;", "=": "&equals;", ":": "&colon;"}

Encoder = Callable[[str, int], str]


def each(*forms: Callable[[str], str]) -> Encoder:
    """Encode each character in one of several forms, chosen by the digits of a number."""

    def encode(text: str, number: int) -> str:
        return "".join(forms[(number >> at) % len(forms)](one) for at, one in enumerate(text))

    return encode


def base64_of(text: str, number: int) -> str:
    encode = base64.urlsafe_b64encode if number % 2 else base64.b64encode
    before, after = number // 2 % 3, number // 6 % 3
    return encode(b"#" * before + text.encode() + b"#" * after).decode()


def base64_in_lines(text: str, number: int) -> str:
    return base64.encodebytes(("#" * (60 + number % 3) + text).encode()).decode()


ENCODERS: dict[str, tuple[Encoder, Callable[[str], str]]] = {
    "JSON": (
        each(
            lambda one: json.dumps(one)[1:-1],
            lambda one: f"\\u{ord(one):04x}",
            lambda one: f"\\u{ord(one):04X}",
            lambda one: "\\/" if one == "/" else json.dumps(one)[1:-1],
        ),
        lambda text: json.loads(f'"{text}"'),
    ),
    "HTML": (
        each(
            html.escape,
            lambda one: f"&#{ord(one)};",
            lambda one: f"&#x{ord(one):x};",
            lambda one: f"&#X{ord(one):08X};",
            lambda one: NAMED.get(one, html.escape(one)),
        ),
        html.unescape,
    ),
    "URL": (
        each(
            lambda one: quote(one, safe=""),
            lambda one: f"%{ord(one):02x}",
            lambda one: f"%{ord(one):02X}",
        ),
        unquote,
    ),
    "base64": (base64_of, lambda text: text),
}
ORDERS = st.lists(st.sampled_from(["JSON", "HTML", "URL"]), min_size=1, max_size=4)


@example(order=["HTML", "JSON", "JSON"], number=1966951, code=None)
@given(order=ORDERS, number=st.integers(0, 2**40), code=st.sampled_from([None, "base64"]))
def test_a_secret_is_masked_in_every_encoding(order: list[str], number: int, code: str | None) -> None:
    redaction, text = Redaction(TOKEN), TOKEN
    if code is not None:
        text = base64_of(text, number)
    for name in order:
        text = ENCODERS[name][0](text, number)

    redacted = redaction.text(f"a {text} b")

    assert redaction.concerns(f"a {text} b".encode())
    assert redacted.startswith("a ")
    assert redacted.endswith(" b")
    assert MASK in redacted
    for name in reversed(order):
        redacted = html.unescape(unquote(redacted)) if name != "JSON" else redacted
    assert TOKEN not in redacted
    assert base64_of(TOKEN, number) not in redacted


@given(number=st.integers(0, 2**20))
def test_a_secret_is_masked_in_every_base64(number: int) -> None:
    for encode in (base64_of, base64_in_lines):
        code = encode(TOKEN, number)
        body = json.dumps({"data": f"x{code}"}).encode()
        redacted = Redaction(TOKEN).text(f" {code} ")
        assert Redaction(TOKEN).concerns(body)
        assert MASK in redacted
        # at most two characters of base64 remain beside the mask, with bits of the text around the secret
        left = redacted.split(MASK)[1].strip(" =\n")
        assert len(left) <= 4


@pytest.mark.parametrize(
    "encoded",
    [
        "".join(f"\\u{ord(one):04x}" for one in TOKEN),
        TOKEN.replace("/", "\\/"),
        "".join(f"&#x{ord(one):x};" for one in TOKEN),
        quote(quote(TOKEN, safe=""), safe=""),
        "".join(f"%{ord(one):02x}" for one in TOKEN),
        "".join(f"\\\\u{ord(one):04x}" for one in TOKEN),
        base64.b64encode(b"ab" + TOKEN.encode()).decode().replace("/", "\\/"),
        base64.urlsafe_b64encode(TOKEN.encode()).decode(),
    ],
)
@pytest.mark.parametrize("status", [200, 403])
def test_an_answer_holds_no_encoded_secret(encoded: str, status: int) -> None:
    body = f'{{"success": true, "error": "{encoded}", "data": [{{"id": 1, "name": "Ada {encoded}"}}]}}'
    answer = parse_response(Call(Endpoint.USERS), Response(status, {}, body.encode()), Redaction(TOKEN))

    assert encoded not in answer.text
    assert MASK in answer.text
    assert TOKEN not in repr(answer)
    assert json.loads(answer.text)["data"][0]["name"].startswith("Ada ")
    assert MASK in json.loads(answer.text)["data"][0]["name"]


def test_a_field_that_stands_twice_is_named_without_a_secret() -> None:
    with pytest.raises(RetryableError) as caught:
        parse_response(
            Call(Endpoint.USERS),
            Response(200, {}, f'{{"{TOKEN}": 1, "{TOKEN}": 2}}'.encode()),
            Redaction(TOKEN),
        )
    assert caught.value.answer.problem == f"users: the field '{MASK}' appears twice"


def test_a_body_that_is_no_json_is_cut_after_its_secrets_are_masked() -> None:
    body = b"x" * 1_990 + TOKEN.encode()
    assert json.loads(as_json_string(body, Redaction(TOKEN).text)) == "x" * 1_990 + MASK


def test_a_text_with_too_many_encodings_is_masked_as_a_whole() -> None:
    text = TOKEN
    for _ in range(10):
        text = html.escape(quote(text, safe=""))
        text = "".join(f"&#{ord(one)};" for one in text[:2]) + text[2:]
    assert Redaction(TOKEN).text(text) == MASK
    assert Redaction(TOKEN).text("a\\u0041 &amp; 100%25") == "a\\u0041 &amp; 100%25"


def test_utf_16_that_is_read_as_utf_8_hides_nothing() -> None:
    text = TOKEN.encode("utf-16-le").decode()
    assert Redaction(TOKEN).text(text) == MASK


def test_a_number_may_be_a_secret() -> None:
    assert Redaction("1234567890").document({"a": [1234567890, 7, True]}) == {"a": [MASK, 7, True]}


def test_looking_for_encoded_secrets_is_linear() -> None:
    for piece in (b"\\u0041", b"%41", b"&#65;", b"\\\\", b"%25", b"&amp;", b"a\n"):
        body = piece * (2**20 // len(piece))
        started = time.process_time()
        Redaction(TOKEN).concerns(body)
        assert time.process_time() - started < 2, piece
