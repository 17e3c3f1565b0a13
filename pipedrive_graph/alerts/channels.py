"""Delivers one message over one channel: posts it to a webhook, or sends it as an e-mail.

The address of a webhook is a secret, and the errors of libraries often contain it. So each failed attempt is
turned into a message of our own at once, and no library error leaves this module.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt, wait_random_exponential

from pipedrive_graph.alerts.message import Message, document, markup, plain, slack
from pipedrive_graph.common import net
from pipedrive_graph.common.net import is_loopback
from pipedrive_graph.common.redaction import Redaction
from pipedrive_graph.common.text import counted
from pipedrive_graph.config.alert_channels import Channel, Mail
from pipedrive_graph.errors import AlertError, ConfigurationError
from pipedrive_graph.pipedrive.http import get_heartbeat, post_json
from pipedrive_graph.pipedrive.http_types import PROXY_OF, Fault, Response, Timeouts, TransportError

_CODE = re.compile(rb"[a-z_]{2,40}\s*")
"""An error code of Slack, such as no_service. Any other body is not shown: it might repeat the address."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a delivery is tried, and how long to wait between the attempts.

    Attributes:
        attempts: the most attempts, after 5xx, 429 and broken connections.
        first: the longest first wait, in seconds; it doubles with each retry.
        longest: the longest wait, in seconds, even if the receiver asks for more.
        connect, read: timeouts of one attempt, in seconds.
    """

    attempts: int = 4
    first: float = 1.0
    longest: float = 20.0
    connect: float = 5.0
    read: float = 15.0


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How one attempt ended.

    Attributes:
        reply: the receiver's reply, or what went wrong, in words.
        delivered: whether the receiver has the message.
        retryable: whether another attempt may succeed.
        retry_after: the seconds of the receiver's Retry-After, if it sent any.
    """

    reply: str
    delivered: bool = False
    retryable: bool = False
    retry_after: float | None = None


def deliver(channel: Channel, message: Message, policy: RetryPolicy | None = None) -> str:
    """Deliver a message.

    Returns:
        The receiver's reply, in words.

    Raises:
        AlertError: if it was not delivered, with the reason; never with the address or a password.
    """
    policy, secret = policy or RetryPolicy(), channel.secret()
    if mail := channel.mail:
        email = _compose(mail, message)
        return _retry(lambda: _send(mail, email, secret, policy), policy)
    url = _check_url(channel, secret or "")
    body = slack(message) if channel.kind == "slack" else document(message)
    return _retry(lambda: _request(url, policy, body), policy)


def call(heartbeat: Channel, policy: RetryPolicy | None = None) -> str:
    """Call the address of a heartbeat.

    Returns:
        The receiver's reply, in words.

    Raises:
        AlertError: if it was not delivered, with the reason; never with the address.
    """
    policy, url = policy or RetryPolicy(), _check_url(heartbeat, heartbeat.secret() or "")
    return _retry(lambda: _request(url, policy), policy)


def _retry(attempt: Callable[[], _Attempt], policy: RetryPolicy) -> str:
    """Try until an attempt succeeds or a retry cannot help, and return the reply.

    Raises:
        AlertError: if it was not delivered.
    """
    jitter = wait_random_exponential(multiplier=policy.first, max=policy.longest)

    def wait(state: RetryCallState) -> float:
        retry_after = state.outcome.result().retry_after if state.outcome else None
        return jitter(state) if retry_after is None else min(retry_after, policy.longest)

    retrying = Retrying(
        stop=stop_after_attempt(policy.attempts),
        wait=wait,
        retry=retry_if_result(lambda result: result.retryable),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    last: _Attempt = retrying(attempt)
    if not last.delivered:
        raise AlertError(last.reply)
    return last.reply


def _check_url(channel: Channel, url: str) -> str:
    """Return a webhook's address.

    Raises:
        AlertError: if nothing may be sent to it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or not url.isprintable() or " " in url:
        raise AlertError(f"the variable {channel.url_variable} holds no address that begins with https://.")
    if parts.username or parts.password:
        raise AlertError(f"the address in {channel.url_variable} must not hold a user name or a password.")
    if parts.scheme == "http" and not is_loopback(host):
        raise AlertError(f"the address in {channel.url_variable} must begin with https://.")
    return url


def _request(url: str, policy: RetryPolicy, body: dict[str, object] | None = None) -> _Attempt:
    """Post the body; without a body, send a GET."""
    parts = urlsplit(url)
    secrets = Redaction(url, f"{parts.path}?{parts.query}", parts.path, parts.query)
    timeouts = Timeouts(connect=policy.connect, read=policy.read)
    try:
        response = (
            get_heartbeat(url, timeouts, secrets) if body is None else post_json(url, body, timeouts, secrets)
        )
    except ConfigurationError as error:
        return _Attempt(f"{error}")
    except TransportError as error:
        return _no_response(error, parts.hostname or "")
    return _interpret(response)


def _no_response(error: TransportError, host: str) -> _Attempt:
    """Explain a missing response; only the host of the address is named."""
    if "certificate" in str(error):
        return _Attempt(f"the certificate of {host} is not trusted.")
    if PROXY_OF in str(error):
        return _Attempt(f"{error}.", retryable=error.fault is not Fault.PROXY)
    if error.fault is Fault.TIMEOUT:
        return _Attempt(f"{host} did not answer in time.", retryable=True)
    return _Attempt(f"nobody answers at {host}.", retryable=True)


def _interpret(response: Response) -> _Attempt:
    status = response.status
    if 200 <= status < 300:
        return _Attempt(f"answered {status}", delivered=True)
    code = f" ({response.body.decode().strip()})" if _CODE.fullmatch(response.body) else ""
    if 300 <= status < 400:
        return _Attempt(f"it answered {status}, and redirects are not followed.")
    return _Attempt(
        f"it answered {status}{code}.",
        retryable=status >= 500 or status in {408, 429},
        retry_after=_seconds(response.headers.get("retry-after")),
    )


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds. Its other form, a date, is ignored."""
    return float(retry_after) if retry_after and re.fullmatch(r"\d{1,6}", retry_after.strip()) else None


def _compose(mail: Mail, message: Message) -> EmailMessage:
    text = plain(message)
    email = EmailMessage()
    email["Subject"] = f"[pipedrive_graph] {text.splitlines()[0]}"
    email["From"] = mail.sender
    email["To"] = ", ".join(mail.to)
    email["Date"] = format_datetime(message.at)
    domain = parseaddr(mail.sender)[1].rpartition("@")[2]
    email["Message-ID"] = f"<{message.id}@{domain if domain.isascii() else 'pipedrive-graph.invalid'}>"
    email["Auto-Submitted"] = "auto-generated"
    email.set_content(text)
    email.add_alternative(markup(message), subtype="html")
    return email


def _send(mail: Mail, email: EmailMessage, password: str | None, policy: RetryPolicy) -> _Attempt:
    try:
        refused = _submit(mail, email, password, policy)
    except ConfigurationError as error:
        return _Attempt(str(error))
    except smtplib.SMTPAuthenticationError as error:
        return _Attempt(f"{mail.host} refused the login of {mail.user} ({error.smtp_code}).")
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return _Attempt(
            f"{mail.host} refused all recipients ({codes[0]}).", retryable=all(code < 500 for code in codes)
        )
    except smtplib.SMTPResponseException as error:
        return _Attempt(f"{mail.host} answered {error.smtp_code}.", retryable=error.smtp_code < 500)
    except smtplib.SMTPNotSupportedError:
        return _Attempt(f"{mail.host} does not support what is configured (STARTTLS, or a login).")
    except ssl.SSLError:
        return _Attempt(f"the certificate of {mail.host} is not trusted, or it does not use TLS.")
    except (smtplib.SMTPException, OSError):
        return _Attempt(f"no mail server answers at {mail.host}:{mail.port}.", retryable=True)
    except (UnicodeError, ValueError):
        return _Attempt(f"the user or the password of {mail.host} may only hold ASCII characters.")
    if refused:
        return _Attempt(f"sent, but {mail.host} refused {', '.join(sorted(refused))}", delivered=True)
    return _Attempt(f"sent to {counted(len(mail.to), 'recipient')}", delivered=True)


def _submit(mail: Mail, email: EmailMessage, password: str | None, policy: RetryPolicy) -> list[str]:
    """Send a mail, and return the recipients that the server refused if it accepted others."""
    context = net.load().trusting(ssl.create_default_context())
    server = (
        smtplib.SMTP_SSL(mail.host, mail.port, timeout=policy.read, context=context)
        if mail.tls == "ssl"
        else smtplib.SMTP(mail.host, mail.port, timeout=policy.read)
    )
    with server:
        if mail.tls == "starttls":
            server.starttls(context=context)
        if mail.user and password:
            server.login(mail.user, password)
        refused = server.send_message(
            email, parseaddr(mail.sender)[1], [parseaddr(address)[1] for address in mail.to]
        )
        return list(refused)
