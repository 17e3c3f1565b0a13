"""Proxies and certificate authorities of the environment: what is used, and what is refused by name."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from installation import Installation

from pipedrive_graph.alerts.channels import RetryPolicy, deliver
from pipedrive_graph.alerts.message import Message
from pipedrive_graph.common import net
from pipedrive_graph.common.redaction import Redaction
from pipedrive_graph.config import settings
from pipedrive_graph.config.alert_channels import Channel, Event
from pipedrive_graph.errors import AlertError, ConfigurationError
from pipedrive_graph.pipedrive.http import Transport, post_json
from pipedrive_graph.pipedrive.http_types import Fault, Timeouts, TransportError

PROXY = "http://proxy.example.com:3128"
API = "https://api.pipedrive.com/v1"


def proxy(variables: dict[str, str], url: str = API) -> str | None:
    found = net.load(variables).proxy_for(url)
    return found.url if found else None


@pytest.mark.parametrize(
    ("variables", "used"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": f"{PROXY}\r"}, PROXY),
        ({"HTTPS_PROXY": "proxy.example.com:3128"}, PROXY),
        ({"HTTPS_PROXY": "http://[::1]:3128"}, "http://[::1]:3128"),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"HTTP_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": "http://other:1", "https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": PROXY, "ALL_PROXY": "socks5://127.0.0.1:1080"}, PROXY),
    ],
)
def test_the_proxy_of_the_environment(variables, used) -> None:
    assert proxy(variables) == used


@pytest.mark.parametrize(
    ("entries", "url", "direct"),
    [
        ("localhost,[::1]", API, False),
        ("localhost,[::1]", "https://[::1]:8443/v1", True),
        ("::1, fd00::/8", "https://[fd12::7]/v1", True),
        ("[fd00::]/8", "https://10.0.0.1/v1", False),
        ("10.0.0.0/8", "https://10.1.2.3/v1", True),
        ("10.0.0.1/8", "https://11.1.2.3/v1", False),
        ("10.*", "https://10.1.2.3/v1", True),
        ("10.*", "https://11.1.2.3/v1", False),
        ("*.example.com;api.pipedrive.com", API, True),
        ("[fd12::7]:8443", "https://[fd12::7]:8443/", True),
        ("[fd12::7]:8443", "https://[fd12::7]/", False),
        ("pipedrive.com", API, True),
        (".pipedrive.com", API, True),
        ("*.pipedrive.com", API, True),
        ("PIPEDRIVE.com\r", API, True),
        ("drive.com", API, False),
        ("api.pipedrive.com:443", API, True),
        ("api.pipedrive.com:8443", API, False),
        ("https://api.pipedrive.com", API, True),
        ("other.example, *", API, True),
        ("*", "https://10.1.2.3/v1", True),
        ("*", "https://[fd12::7]/v1", True),
    ],
)
def test_what_is_reached_without_it(entries, url, direct) -> None:
    assert proxy({"HTTPS_PROXY": PROXY, "NO_PROXY": entries}, url) == (None if direct else PROXY)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1/", "https://[::1]/", "https://localhost/", "http://x.example/"]
)
def test_this_machine_and_what_is_not_encrypted_need_none(url) -> None:
    assert proxy({"HTTPS_PROXY": PROXY, "ALL_PROXY": PROXY}, url) is None


@pytest.mark.parametrize(
    "name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
)
@pytest.mark.parametrize(
    "value",
    ["http://", "http://user:c4n4ry@", "http://c4n4ry:port", "http://c4n4ry:99999", "ftp://c4n4ry", "http://[c4n4ry",
     "http://c4n4ry x:1"],
)  # fmt: skip
def test_a_malformed_proxy_is_named_and_not_repeated(name, value) -> None:
    with pytest.raises(ConfigurationError) as caught:
        net.load({name: value})
    assert str(caught.value) == (
        f"The variable {name} is not the address of a proxy: set it to one like http://proxy.example.com:3128."
    )


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_socks_proxy_is_refused_where_it_would_be_used(name) -> None:
    with pytest.raises(
        ConfigurationError, match=f"^The variable {name} names a SOCKS proxy, which is not supp"
    ):
        net.load({name: "socks5://me:c4n4ry@127.0.0.1:1080"})


@pytest.mark.parametrize("host", ["[v1.x]", "[v1.x]:1", "[1.2.3.4]", "[]"])
def test_only_an_ipv6_address_stands_in_brackets(host) -> None:
    with pytest.raises(ConfigurationError, match=r"^The variable HTTPS_PROXY is not the address of a proxy"):
        net.load({"HTTPS_PROXY": f"http://{host}"})
    with pytest.raises(ConfigurationError, match=r"^The variable PIPEDRIVE_BASE_URL must be a plain https"):
        settings.load({"PIPEDRIVE_BASE_URL": f"https://{host}/v1"})


@pytest.mark.parametrize("entry", ["fd00::/129", "10.0.0.0/33", "[::1", "a/b", "[x]:1", "host:port"])
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_an_entry_that_is_none_is_named_by_its_number(name, entry) -> None:
    with pytest.raises(
        ConfigurationError, match=f"^Entry 2 of the variable {name} is not a host, an address or"
    ):
        net.load({name: f"localhost, {entry}"})


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_not_there(tmp_path, name) -> None:
    missing = str(tmp_path / "c4n4ry")
    with pytest.raises(
        ConfigurationError, match=rf"^The variable {name} names a \w+ of certificates that does not"
    ):
        net.load({name: missing})
    if name != "SSL_CERT_DIR":
        (tmp_path / "no.pem").write_text("no certificate")
        with pytest.raises(
            ConfigurationError, match=rf"^The variable {name} names a file without readable certif"
        ):
            net.load({name: str(tmp_path / "no.pem")})


def test_private_authorities_are_trusted(tmp_path) -> None:
    from alerts.receivers import self_signed

    certificate = str(self_signed(tmp_path))
    public = len(net.load({}).tls().get_ca_certs())
    assert public > 100
    assert len(net.load({"SSL_CERT_FILE": f"{certificate}\r"}).tls().get_ca_certs()) == 1
    assert len(net.load({"REQUESTS_CA_BUNDLE": certificate}).tls().get_ca_certs()) == public + 1


def test_authorities_are_read_once_and_again_where_their_file_has_changed(tmp_path) -> None:
    from alerts.receivers import self_signed

    assert net.load({}).tls_for("https://one.example") is net.load({}).tls_for("https://other.example")

    certificate = self_signed(tmp_path)
    variables = {"REQUESTS_CA_BUNDLE": str(certificate)}
    before = net.load(variables).tls()
    assert net.load(variables).tls() is before
    os.utime(certificate, ns=(0, 0))
    assert net.load(variables).tls() is not before


@contextmanager
def refusing_proxy(status: int) -> Iterator[tuple[str, list[str]]]:
    """A proxy that answers every CONNECT with a status; the requests that arrive are in the list."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            requests.append(self.requestline)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://me:c4n4ry@127.0.0.1:{server.server_port}", requests
        server.shutdown()
        thread.join()


ANSWERS = {
    407: ("proxy", "the proxy of HTTPS_PROXY requires another user name or password (status 407)"),
    403: ("proxy", "the proxy of HTTPS_PROXY refuses the connection (status 403)"),
    502: ("connect", "the proxy of HTTPS_PROXY cannot reach the server (status 502)"),
    503: ("connect", "the proxy of HTTPS_PROXY cannot reach the server (status 503)"),
}


@pytest.mark.parametrize("status", ANSWERS)
def test_a_refusal_of_the_proxy_is_the_proxys(monkeypatch, status) -> None:
    with refusing_proxy(status) as (url, requests):
        monkeypatch.setenv("HTTPS_PROXY", url)

        async def ask() -> None:
            async with Transport("https://api.pipedrive.example/v1", "token") as transport:
                await transport.get("users/me", {})

        with pytest.raises(TransportError) as caught:
            asyncio.run(ask())

    assert (caught.value.fault, str(caught.value)) == ANSWERS[status]
    assert requests == ["CONNECT api.pipedrive.example:443 HTTP/1.1"]


@pytest.mark.slow
def test_a_proxy_that_is_down_is_named(monkeypatch, home) -> None:
    with refusing_proxy(502) as (url, _):
        pass
    monkeypatch.setenv("HTTPS_PROXY", url)

    result = Installation(home, VARIABLES).command("doctor")

    assert result.code == 1
    assert (
        "The proxy of the environment cannot reach https://api.pipedrive.example/v1 (the connection to"
        " the proxy of HTTPS_PROXY is refused): check the network and the proxy."
    ) in " ".join(result.out.split())
    assert "c4n4ry" not in result.out + result.err


VARIABLES = {"PIPEDRIVE_BASE_URL": "https://api.pipedrive.example/v1", "PIPEDRIVE_API_TOKEN": "a-token"}


@pytest.mark.parametrize("status", [407, 403])
def test_a_command_says_what_the_proxy_refuses(monkeypatch, home, status) -> None:
    with refusing_proxy(status) as (url, requests):
        monkeypatch.setenv("HTTPS_PROXY", url)
        result = Installation(home, VARIABLES).command("plan")

    said = ANSWERS[status][1]
    assert (result.code, result.sentence) == (
        2,
        f"T{said[1:]}, on the way to https://api.pipedrive.example/v1. Correct the proxy of the environment,"
        " or ask its operator.",
    )
    assert len(requests) == 1
    assert not home.exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HTTPS_PROXY", "http://c4n4ry:x"), ("ALL_PROXY", "socks5://c4n4ry:1"), ("NO_PROXY", "c4n4ry/x"),
     ("SSL_CERT_FILE", "/c4n4ry"), ("CURL_CA_BUNDLE", "/c4n4ry")],
)  # fmt: skip
def test_a_command_names_the_variable_at_its_start(installation, simulator, variable, value) -> None:
    installation.variables[variable] = value

    result = installation.command("plan")

    assert result.code == 2
    assert variable in result.sentence
    assert "c4n4ry" not in result.err
    assert simulator.requests == []


@pytest.mark.parametrize(("status", "attempts"), [(407, 1), (403, 1), (502, 4)])
def test_a_webhook_goes_by_the_same_proxy(monkeypatch, status, attempts) -> None:
    channel = Channel("hook", "slack", ("high",), (), tuple(Event), details=True, url_variable="WEBHOOK_URL")
    monkeypatch.setenv("WEBHOOK_URL", "https://hooks.example.com/c4n4ry")
    message = Message("acme", datetime(2026, 11, 21, tzinfo=UTC), ())
    with refusing_proxy(status) as (url, requests):
        monkeypatch.setenv("HTTPS_PROXY", url)
        with pytest.raises(AlertError) as caught:
            deliver(channel, message, RetryPolicy(first=0.01))

    assert str(caught.value) == f"{ANSWERS[status][1]}."
    assert requests == ["CONNECT hooks.example.com:443 HTTP/1.1"] * attempts


@pytest.mark.parametrize("host", ["a..example", f"{'a' * 64}.example", "xn--"])
def test_a_host_name_that_cannot_exist_is_not_reached(host: str) -> None:
    url = f"https://{host}/hook"

    with pytest.raises(TransportError, match=r"^the host name cannot be resolved$") as caught:
        post_json(url, {}, Timeouts(connect=1.0, read=1.0), Redaction(url))

    assert caught.value.fault is Fault.CONNECT
