"""Delivers one message over one channel: posts it to a webhook, or sends it as an e-mail.

The address of a webhook is a secret, and stands in whatever error a library raises about it. So a failed
attempt becomes a sentence of our own on the spot, and no error of a library is ever passed on.
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
from pipedrive_graph.config.alert_channels import Channel, Mail
from pipedrive_graph.errors import AlertError, ConfigurationError
from pipedrive_graph.pipedrive.http import get_heartbeat, post_json
from pipedrive_graph.pipedrive.http_types import PROXY_OF, Fault, Response, Timeouts, TransportError

_CODE = re.compile(rb"[a-z_]{2,40}\s*")
"""What Slack says about a refusal, such as no_service; anything else might repeat the address."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for a receiver that does not answer as it should.

    Attributes:
        attempts: how often a delivery is tried under 5xx, 429 and cuts.
        first: seconds that the first wait takes at most; each further one takes twice as long.
        longest: seconds that no wait exceeds, whatever the receiver asks for.
        connect, read: seconds until an attempt is given up.
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
        said: what came back, or what went wrong, in words.
        done: whether the receiver has the message.
        again: whether another attempt may help.
        wait: seconds that the receiver asks to be left alone for.
    """

    said: str
    done: bool = False
    again: bool = False
    wait: float | None = None


def deliver(channel: Channel, message: Message, patience: Patience | None = None) -> str:
    """Deliver a message.

    Returns:
        What came back.

    Raises:
        AlertError: if it was not delivered, saying why; it never holds the address or a password.
    """
    patience, secret = patience or Patience(), channel.secret()
    if mail := channel.mail:
        written = _mail(mail, message)
        return _tried(lambda: _send(mail, written, secret, patience), patience)
    url = _checked(channel, secret or "")
    body = slack(message) if channel.kind == "slack" else document(message)
    return _tried(lambda: _asked(url, patience, body), patience)


def call(heartbeat: Channel, patience: Patience | None = None) -> str:
    """Call the address of a heartbeat.

    Returns:
        What came back.

    Raises:
        AlertError: if it was not delivered, saying why; it never holds the address.
    """
    patience, url = patience or Patience(), _checked(heartbeat, heartbeat.secret() or "")
    return _tried(lambda: _asked(url, patience), patience)


def _tried(attempt: Callable[[], _Attempt], patience: Patience) -> str:
    """Make attempts until one is the last, and return what came back.

    Raises:
        AlertError: if it was not delivered.
    """
    jitter = wait_random_exponential(multiplier=patience.first, max=patience.longest)

    def wait(state: RetryCallState) -> float:
        asked = state.outcome.result().wait if state.outcome else None
        return jitter(state) if asked is None else min(asked, patience.longest)

    retrying = Retrying(
        stop=stop_after_attempt(patience.attempts),
        wait=wait,
        retry=retry_if_result(lambda tried: tried.again),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    ended: _Attempt = retrying(attempt)
    if not ended.done:
        raise AlertError(ended.said)
    return ended.said


def _checked(channel: Channel, url: str) -> str:
    """A webhook's address, if it is one to which something may be sent."""
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


def _asked(url: str, patience: Patience, body: dict[str, object] | None = None) -> _Attempt:
    """Post a body, or get the address where there is none."""
    parts = urlsplit(url)
    secrets = Redaction(url, f"{parts.path}?{parts.query}", parts.path, parts.query)
    timeouts = Timeouts(connect=patience.connect, read=patience.read)
    try:
        response = (
            get_heartbeat(url, timeouts, secrets) if body is None else post_json(url, body, timeouts, secrets)
        )
    except ConfigurationError as error:
        return _Attempt(f"{error}")
    except TransportError as error:
        return _unanswered(error, parts.hostname or "")
    return _judged(response)


def _unanswered(error: TransportError, host: str) -> _Attempt:
    """Say why the request failed; of the address, only the host is named."""
    if "certificate" in str(error):
        return _Attempt(f"the certificate of {host} is not trusted.")
    if PROXY_OF in str(error):
        return _Attempt(f"{error}.", again=error.fault is not Fault.PROXY)
    if error.fault is Fault.TIMEOUT:
        return _Attempt(f"{host} did not answer in time.", again=True)
    return _Attempt(f"nobody answers at {host}.", again=True)


def _judged(response: Response) -> _Attempt:
    status = response.status
    if 200 <= status < 300:
        return _Attempt(f"answered {status}", done=True)
    code = f" ({response.body.decode().strip()})" if _CODE.fullmatch(response.body) else ""
    if 300 <= status < 400:
        return _Attempt(f"it answered {status}, and redirects are not followed.")
    return _Attempt(
        f"it answered {status}{code}.",
        again=status >= 500 or status in {408, 429},
        wait=_seconds(response.headers.get("retry-after")),
    )


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds; its other form, a date, is passed over."""
    return float(retry_after) if retry_after and re.fullmatch(r"\d{1,6}", retry_after.strip()) else None


def _mail(mail: Mail, message: Message) -> EmailMessage:
    text = plain(message)
    written = EmailMessage()
    written["Subject"] = f"[pipedrive_graph] {text.splitlines()[0]}"
    written["From"] = mail.sender
    written["To"] = ", ".join(mail.to)
    written["Date"] = format_datetime(message.at)
    domain = parseaddr(mail.sender)[1].rpartition("@")[2]
    written["Message-ID"] = f"<{message.id}@{domain if domain.isascii() else 'pipedrive-graph.invalid'}>"
    written["Auto-Submitted"] = "auto-generated"
    written.set_content(text)
    written.add_alternative(markup(message), subtype="html")
    return written


def _send(mail: Mail, written: EmailMessage, password: str | None, patience: Patience) -> _Attempt:
    try:
        refused = _sent(mail, written, password, patience)
    except ConfigurationError as error:
        return _Attempt(str(error))
    except smtplib.SMTPAuthenticationError as error:
        return _Attempt(f"{mail.host} does not let {mail.user} in ({error.smtp_code}).")
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return _Attempt(
            f"{mail.host} refused all recipients ({codes[0]}).", again=all(code < 500 for code in codes)
        )
    except smtplib.SMTPResponseException as error:
        return _Attempt(f"{mail.host} answered {error.smtp_code}.", again=error.smtp_code < 500)
    except smtplib.SMTPNotSupportedError:
        return _Attempt(f"{mail.host} does not offer what is set (STARTTLS, or a login).")
    except ssl.SSLError:
        return _Attempt(f"the certificate of {mail.host} is not trusted, or it speaks no TLS.")
    except (smtplib.SMTPException, OSError):
        return _Attempt(f"nobody answers at {mail.host}:{mail.port} as a mail server does.", again=True)
    except (UnicodeError, ValueError):
        return _Attempt(f"{mail.host} cannot be told the user or the password: they hold no plain letters.")
    if refused:
        return _Attempt(f"sent, but {mail.host} refused {', '.join(sorted(refused))}", done=True)
    return _Attempt(f"sent to {len(mail.to)} recipient{'s' * (len(mail.to) > 1)}", done=True)


def _sent(mail: Mail, written: EmailMessage, password: str | None, patience: Patience) -> list[str]:
    """Send a mail; returns the recipients that were refused, where others were not."""
    context = net.load().trusting(ssl.create_default_context())
    server = (
        smtplib.SMTP_SSL(mail.host, mail.port, timeout=patience.read, context=context)
        if mail.tls == "ssl"
        else smtplib.SMTP(mail.host, mail.port, timeout=patience.read)
    )
    with server:
        if mail.tls == "starttls":
            server.starttls(context=context)
        if mail.user and password:
            server.login(mail.user, password)
        refused = server.send_message(
            written, parseaddr(mail.sender)[1], [parseaddr(address)[1] for address in mail.to]
        )
        return list(refused)
