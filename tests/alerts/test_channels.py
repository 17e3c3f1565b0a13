"""Deliveries to real receivers: the received messages, retries, and the errors of failed deliveries."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

import pytest

from pipedrive_graph.alerts.channels import deliver
from pipedrive_graph.alerts.message import AlertedFinding, Message, Note, markup, plain, slack
from pipedrive_graph.config.alert_channels import Channel, Event, Mail
from pipedrive_graph.errors import AlertError

from .receivers import PATH, mail_receiver, web_receiver

AT = datetime(2026, 11, 21, 2, 4, tzinfo=UTC)
BAD_NAME = 'Eve "<script>" \u202e & *Co* @channel <!everyone>\nBcc: x'
FINDING = AlertedFinding(
    "f1", "high", "dormant_admin", f"{BAD_NAME} is an admin.", "user", "7", None, "2026-11-21T02:00:00Z"
)
MESSAGE = Message(
    "acme",
    AT,
    (Note("partial", "partial:n1", "the run is partial", "1 of 40 permissions was not answered."),),
    {"critical": 0, "high": 3},
    (FINDING,),
    "https://files.example.com/acme/findings.csv?a=1&b=2",
    ("f1",),
)


def hook(kind: str = "webhook") -> Channel:
    return Channel("hook", kind, ("high",), (), tuple(Event), details=True, url_variable="WEBHOOK_URL")


def post(port: int, tls: str = "starttls", user: str | None = "graph") -> Channel:
    to = ("Security <security@example.com>", "ops@example.com")
    password = "SMTP_PASSWORD" if user else None
    mail = Mail("127.0.0.1", port, tls, "Graph <graph@example.com>", to, user, password)
    return Channel("post", "email", ("high",), (), tuple(Event), details=True, mail=mail)


def problem(channel: Channel) -> str:
    with pytest.raises(AlertError) as caught:
        deliver(channel, MESSAGE)
    assert caught.value.__context__ is None
    return str(caught.value)


def test_a_webhook_gets_json(web) -> None:
    assert deliver(hook(), MESSAGE) == "answered 200"

    ((path, body),) = web.got
    assert path == PATH
    assert body == {
        "type": "pipedrive_graph.alert",
        "version": 1,
        "id": MESSAGE.id,
        "at": "2026-11-21T02:04:00.000000Z",
        "company": "acme",
        "headline": "acme: the run is partial; 3 new findings (3 high)",
        "notes": [{"kind": "partial", "text": "1 of 40 permissions was not answered."}],
        "counts": {"critical": 0, "high": 3},
        "findings": [
            {
                "finding_id": "f1",
                "severity": "high",
                "rule": "dormant_admin",
                "title": 'Eve "<script>" � & *Co* @channel <!everyone>�Bcc: x is an admin.',
                "subject_kind": "user",
                "subject_id": "7",
                "object": None,
                "opened_at": "2026-11-21T02:00:00Z",
                "news": "new",
                "also": [],
            }
        ],
        "more": 2,
        "report": "https://files.example.com/acme/findings.csv?a=1&b=2",
    }
    assert web.headers[0]["Content-Type"] == "application/json"


def test_slack_gets_blocks_in_which_a_name_does_nothing(web) -> None:
    deliver(hook("slack"), MESSAGE)

    (body,) = web.bodies
    assert [block["type"] for block in body["blocks"]] == ["header", *["section"] * 4]
    assert body["blocks"][0]["text"]["text"] == "acme: the run is partial; 3 new findings (3 high)"
    assert [block["text"]["text"] for block in body["blocks"][1:]] == [
        "1 of 40 permissions was not answered.",
        "*high*  `dormant_admin`\n"
        'Eve "&lt;script&gt;" � &amp; *Co* @\u200bchannel &lt;!everyone&gt;�Bcc: x is an admin.',
        "and 2 more",
        "<https://files.example.com/acme/findings.csv?a=1&amp;b=2|Report>",
    ]
    assert all(block["text"]["verbatim"] for block in body["blocks"][1:])
    assert body["text"].startswith("*acme: the run is partial; 3 new findings (3 high)*\n1 of 40")


def test_slack_takes_the_longest_message() -> None:
    finding = AlertedFinding("f1", "high", "r", "x" * 5000, "user", "7", None, "", also=tuple("ab"))
    body = slack(Message("a" * 63, AT, (), {"high": 20}, (finding,) * 10, "/reports/findings.csv"))

    assert len(body["blocks"]) <= 50
    assert len(body["blocks"][0]["text"]["text"]) <= 150
    assert max(len(block["text"]["text"]) for block in body["blocks"][1:]) <= 3000
    assert body["blocks"][-1]["text"]["text"] == "Report: `/reports/findings.csv`"


def test_slack_takes_the_longest_sentence_about_a_night() -> None:
    body = slack(Message("acme", AT, (Note("failed", "failed:1", "the run failed", "&" * 9000),)))

    assert max(len(block["text"]["text"]) for block in body["blocks"]) <= 3000


@pytest.mark.parametrize(
    "name", ["[Report](https://evil.example)", "https://evil.example", "www.evil.example"]
)
def test_a_name_becomes_no_link_where_markdown_is_read(name: str) -> None:
    finding = AlertedFinding("f1", "high", "r", f"{name} is an admin.", "user", "7", None, "")
    body = slack(Message("acme", AT, (), {"high": 1}, (finding,)))

    for text in (body["text"], body["blocks"][1]["text"]["text"]):
        assert not any(mark in text for mark in ("](", "://", "www."))
        assert name in text.replace("\u200b", "")


@pytest.mark.parametrize(
    "said", ["see https://evil.example/a", "[x](http://evil.example)", "<https://evil.example|x>"]
)
def test_what_a_server_says_becomes_no_link(said: str) -> None:
    message = Message(
        "acme", AT, (Note("failed", "failed:1", f"it failed: {said}", f"The night failed: {said}."),)
    )
    body = slack(message)

    for text in (body["text"], body["blocks"][1]["text"]["text"], plain(message), markup(message)):
        assert not any(mark in text for mark in ("](", "://"))
    assert "<http" not in body["text"]


def test_a_mail_has_a_text_and_html(mail) -> None:
    assert deliver(post(mail.port), MESSAGE) == "sent to 2 recipients"

    (got,) = mail.mails
    assert got["Subject"] == "[pipedrive_graph] acme: the run is partial; 3 new findings (3 high)"
    assert got["From"] == "Graph <graph@example.com>"
    assert got["To"] == "Security <security@example.com>, ops@example.com"
    assert got["Date"] == "Sat, 21 Nov 2026 02:04:00 +0000"
    assert got["Message-ID"] == f"<{MESSAGE.id}@example.com>"
    assert got["Bcc"] is None
    assert mail.envelopes == [("graph@example.com", ["security@example.com", "ops@example.com"])]
    assert (mail.encrypted, mail.logins) == ([True], [(b"graph", b"c4n4ry-p4ssw0rd-55e1")])
    assert got.get_body(("plain",)).get_content().split("\r\n") == plain(MESSAGE).split("\n")
    assert got.get_body(("html",)).get_content().replace("\r\n", "\n") == markup(MESSAGE)
    assert "<script>" not in markup(MESSAGE)
    assert '<a href="https://files.example.com/acme/findings.csv?a=1&amp;b=2">' in markup(MESSAGE)


def test_the_text_of_a_mail() -> None:
    assert plain(MESSAGE) == (
        "acme: the run is partial; 3 new findings (3 high)\n"
        "\n"
        "1 of 40 permissions was not answered.\n"
        "\n"
        "high      dormant_admin\n"
        '          Eve "<script>" � & *Co* @channel <!everyone>�Bcc: x is an admin.\n'
        "          and 2 more\n"
        "\n"
        "Report: https://files.example.com/acme/findings.csv?a=1&b=2\n"
    )


@pytest.mark.parametrize(("status", "attempts"), [(500, 3), (503, 3), (429, 3), (408, 3), (0, 3)])
def test_what_may_pass_is_tried_again(web, status, attempts) -> None:
    for _ in range(attempts - 1):
        web.will_answer(status)

    assert deliver(hook(), MESSAGE) == "answered 200"
    assert len(web.got) == attempts
    assert len({body["id"] for body in web.bodies}) == 1


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, b"no_service", "it answered 404 (no_service)."),
        (400, b"invalid_blocks\n", "it answered 400 (invalid_blocks)."),
        (403, f"no such hook: {PATH}".encode(), "it answered 403."),
        (302, b"", "it answered 302, and redirects are not followed."),
    ],
)
def test_a_refusal_is_told_and_not_repeated(web, status, body, told) -> None:
    with web_receiver() as other:
        web.will_answer(status, body, Location=other.url)

        assert problem(hook()) == told
        assert (len(web.got), other.got) == (1, [])


def test_it_is_given_up_in_the_end(web) -> None:
    for _ in range(9):
        web.will_answer(502)

    assert problem(hook()) == "it answered 502."
    assert len(web.got) == 4


@pytest.mark.parametrize(
    ("asked", "least", "most"), [("1", 1.0, 1.45), ("86400", 1.5, 2.5), ("soon", 0, 0.9)]
)
def test_it_waits_as_long_as_it_is_asked_to_within_bounds(web, asked, least, most) -> None:
    web.will_answer(429, Retry_After=asked)
    started = time.monotonic()

    deliver(hook(), MESSAGE)

    assert least <= time.monotonic() - started <= most
    assert len(web.got) == 2


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", "the environment variable WEBHOOK_URL is not set."),
        ("hooks.example.com/c4n4ry", "the variable WEBHOOK_URL holds no address that begins with https://."),
        ("https://[c4n4ry", "the variable WEBHOOK_URL holds no address that begins with https://."),
        (
            "https://a:c4n4ry@example.com/",
            "the address in WEBHOOK_URL must not hold a user name or a password.",
        ),
        ("http://hooks.example.com/c4n4ry", "the address in WEBHOOK_URL must begin with https://."),
        ("http://127.0.0.1:9/c4n4ry", "nobody answers at 127.0.0.1."),
    ],
)
def test_an_address_that_cannot_be_used_is_not_repeated(monkeypatch, address, told) -> None:
    monkeypatch.setenv("WEBHOOK_URL", address)

    assert problem(hook()) == told


def test_nothing_goes_to_a_server_that_cannot_prove_who_it_is(web, certificate, monkeypatch) -> None:
    import ssl
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("WEBHOOK_URL", f"https://127.0.0.1:{server.server_port}{PATH}")

        assert problem(hook()) == "the certificate of 127.0.0.1 is not trusted."
        server.shutdown()
        thread.join()


def test_no_password_of_another_program_is_sent(web, tmp_path, monkeypatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password c4n4ry")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    deliver(hook(), MESSAGE)

    assert "Authorization" not in web.headers[0]


def test_the_address_is_in_no_log(web, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    web.will_answer(500)

    deliver(hook(), MESSAGE)

    assert "POST" in caplog.text
    assert PATH.rpartition("/")[2] not in caplog.text


def test_a_wrong_password_is_told_and_not_repeated(mail, monkeypatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "c4n4ry-wrong")

    assert problem(post(mail.port)) == "127.0.0.1 refused the login of graph (535)."
    assert len(mail.logins) == 2  # once for each way of logging in that the server offers


def test_a_mail_server_that_is_busy_is_asked_again(mail) -> None:
    mail.answers = ["451 try again later"]

    assert deliver(post(mail.port), MESSAGE) == "sent to 2 recipients"
    assert len(mail.mails) == 1


def test_a_mail_that_is_refused_is_told(mail) -> None:
    mail.answers = ["554 no"] * 2

    assert problem(post(mail.port)) == "127.0.0.1 answered 554."
    assert len(mail.answers) == 1


def test_recipients_that_are_refused_are_told(mail) -> None:
    mail.refused = {"ops@example.com"}
    assert deliver(post(mail.port), MESSAGE) == "sent, but 127.0.0.1 refused ops@example.com"
    mail.refused.add("security@example.com")
    assert problem(post(mail.port)) == "127.0.0.1 refused all recipients (550)."


def test_a_mail_server_that_cannot_prove_who_it_is_gets_nothing(mail, monkeypatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    assert problem(post(mail.port)) == "the certificate of 127.0.0.1 is not trusted, or it does not use TLS."
    assert mail.logins == []


def test_nothing_goes_unencrypted_where_tls_is_set() -> None:
    with mail_receiver() as receiver:
        assert problem(post(receiver.port, user=None)).startswith(
            "127.0.0.1 does not support what is configured"
        )
        assert deliver(post(receiver.port, "none", user=None), MESSAGE) == "sent to 2 recipients"


def test_no_mail_server_at_all() -> None:
    assert problem(post(9, user=None)) == "no mail server answers at 127.0.0.1:9."
