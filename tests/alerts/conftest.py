"""Receivers of alerts of each kind, and short waits between attempts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipedrive_graph.alerts.channels import RetryPolicy

from .home import Home
from .receivers import MailReceiver, WebReceiver, mail_receiver, self_signed, web_receiver

PASSWORD = "c4n4ry-p4ssw0rd-55e1"  # noqa: S105 - of the tests' own mail server


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the waits between attempts, unless the receiver asks for one."""
    monkeypatch.setattr(
        "pipedrive_graph.alerts.channels.RetryPolicy", lambda: RetryPolicy(first=0.01, longest=1.5)
    )


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebReceiver]:
    """A web server; WEBHOOK_URL holds its address."""
    with web_receiver() as receiver:
        monkeypatch.setenv("WEBHOOK_URL", receiver.url)
        yield receiver


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def mail(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailReceiver]:
    """A mail server that requires STARTTLS and a login, with a trusted certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    with mail_receiver(certificate, password=PASSWORD.encode()) as receiver:
        yield receiver


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home folder whose published file is written row by row."""
    return Home(tmp_path / "home", monkeypatch)
