"""Reads the proxies and certificate authorities of the environment, for every connection that is made.

The values may hold passwords, so a message names the variable and never its value.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from pipedrive_graph.common import environment, pasted
from pipedrive_graph.errors import ConfigurationError

PROXIES = ("HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY")
"""The variables of proxies; what is encrypted goes by the first that is set of the first two."""

AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Take the place of the public certificate authorities."""

MORE_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Are trusted as well."""

_SOCKS = {"socks4", "socks4a", "socks5", "socks5h"}

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it."""

    url: str
    variable: str


@dataclass(frozen=True, slots=True)
class Bypass:
    """An entry of NO_PROXY: hosts by a pattern, or addresses by their network; a port, or None for all."""

    pattern: str
    network: _Network | None
    port: int | None

    def covers(self, host: str, port: int) -> bool:
        """Whether a host is reached without a proxy."""
        if self.port not in (None, port):
            return False
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return fnmatchcase(host, self.pattern) or fnmatchcase(host, f"*.{self.pattern}")
        return fnmatchcase(host, self.pattern) or (self.network is not None and address in self.network)


@dataclass(frozen=True, slots=True)
class Network:
    """The proxy for what is encrypted, the hosts that are reached without it, and the authorities."""

    proxy: Proxy | None
    bypasses: tuple[Bypass, ...]
    authorities: tuple[Path, ...]

    def proxy_for(self, url: str) -> Proxy | None:
        """Return the proxy for an address; None for this machine, and for what is not encrypted."""
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        if self.proxy is None or parts.scheme != "https" or is_loopback(host):
            return None
        covered = any(entry.covers(host, parts.port or 443) for entry in self.bypasses)
        return None if covered else self.proxy

    def tls(self) -> ssl.SSLContext:
        """Return the settings of TLS with the authorities that are trusted.

        They are the same object for all connections of this process, until one of the files changes.
        """
        return _tls(self.authorities, tuple(map(_changed_at, self.authorities)))

    def tls_for(self, url: str) -> ssl.SSLContext:
        """Return the settings of TLS for an address; where nothing is encrypted, no authority is loaded."""
        encrypted = urlsplit(url).scheme == "https"
        return self.tls() if encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def trusting(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """Add the authorities of the environment to settings of TLS."""
        return _trusting(context, self.authorities)


@lru_cache(maxsize=4)
def _tls(authorities: tuple[Path, ...], _changed: tuple[int | None, ...]) -> ssl.SSLContext:
    """Reading the public authorities takes 60 ms and a megabyte: once, and not for each company."""
    first = authorities[0] if authorities else Path(certifi.where())
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=_file(first), capath=_folder(first))
    return _trusting(context, authorities)


def _trusting(context: ssl.SSLContext, authorities: tuple[Path, ...]) -> ssl.SSLContext:
    for path in authorities:
        context.load_verify_locations(_file(path), _folder(path))
    return context


def _changed_at(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


def load(variables: Mapping[str, str] | None = None) -> Network:
    """Read the environment.

    Raises:
        ConfigurationError: if a variable cannot be used, naming it.
    """
    found = [proxy for name in PROXIES if (proxy := _proxy(name, variables))]
    encrypted = next((proxy for proxy in found if not proxy.variable.upper().startswith("HTTP_")), None)
    if encrypted and urlsplit(encrypted.url).scheme in _SOCKS:
        raise ConfigurationError(
            f"The variable {encrypted.variable} names a SOCKS proxy, which is not supported: name an HTTP"
            " proxy in HTTPS_PROXY."
        )
    own = _authorities(AUTHORITIES, variables)
    more = _authorities(MORE_AUTHORITIES, variables)
    public = [] if own or not more else [Path(certifi.where())]
    return Network(encrypted, _bypasses(variables), (*own, *public, *more))


def is_loopback(host: str) -> bool:
    """Whether what is sent to a host does not leave this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _either(name: str, variables: Mapping[str, str] | None) -> tuple[str, str]:
    """Return the variable's name as it is set, and its value; as in curl, lower case goes first."""
    for called in (name.lower(), name):
        value = environment.value(called, variables)
        if value:
            return called, value
    return name, ""


def _proxy(name: str, variables: Mapping[str, str] | None) -> Proxy | None:
    called, value = _either(name, variables)
    if not value:
        return None
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        usable = pasted.has_host(parts) and parts.port != 0 and url.isprintable() and " " not in url
    except ValueError:
        usable = False
    if not usable or parts.scheme not in {"http", "https", *_SOCKS}:
        raise ConfigurationError(
            f"The variable {called} is not the address of a proxy: set it to one like"
            " http://proxy.example.com:3128."
        )
    return Proxy(url, called)


def _bypasses(variables: Mapping[str, str] | None) -> tuple[Bypass, ...]:
    called, value = _either("NO_PROXY", variables)
    entries = value.replace(",", " ").replace(";", " ").split()
    read = []
    for number, entry in enumerate(entries, 1):
        try:
            read.append(_bypass(entry.lower()))
        except ValueError:
            raise ConfigurationError(
                f"Entry {number} of the variable {called} is not a host, an address or a range: write it like"
                " example.com, [::1]:8080 or 10.0.0.0/8."
            ) from None
    return tuple(read)


def _bypass(entry: str) -> Bypass:
    """Read one entry: a name, `.name`, `*.name`, `*`, an address or a range; all but ranges with a port.

    Raises:
        ValueError: if it is none of these.
    """
    bare = entry.partition("://")[2] or entry
    if bare.count("[") != bare.count("]"):
        raise ValueError(entry)
    if "/" in bare.rstrip("/") or (bare.count(":") > 1 and "]:" not in bare):
        addresses = bare.replace("[", "").replace("]", "")
        return Bypass(addresses, ipaddress.ip_network(addresses, strict=False), None)
    parts = urlsplit(f"//{bare.rstrip('/')}")
    host, port = parts.hostname or "", parts.port
    if not host:
        raise ValueError(entry)
    try:
        network = ipaddress.ip_network(host)
    except ValueError:
        network = None
    pattern = host if host == "*" else host.removeprefix("*").removeprefix(".").rstrip(".")
    return Bypass(pattern, network, port)


def _authorities(names: tuple[str, ...], variables: Mapping[str, str] | None) -> list[Path]:
    paths = []
    for name in names:
        value = environment.value(name, variables)
        if not value:
            continue
        path = Path(value)
        folder = name == "SSL_CERT_DIR"
        if not path.exists() or path.is_dir() < folder:
            what = "folder" if folder else "file"
            raise ConfigurationError(f"The variable {name} names a {what} of certificates that is not there.")
        if not _holds_certificates(path, path.stat().st_mtime_ns):
            raise ConfigurationError(
                f"The variable {name} names a file in which no certificate can be read: it must be PEM."
            )
        paths.append(path)
    return paths


@lru_cache
def _holds_certificates(path: Path, changed_ns: int) -> bool:
    """Whether OpenSSL can load a file or folder; tens of milliseconds, so once for each state of it."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(_file(path), _folder(path))
    except OSError:  # ssl.SSLError is one
        return False
    return True


def _file(path: Path) -> str | None:
    return None if path.is_dir() else str(path)


def _folder(path: Path) -> str | None:
    return str(path) if path.is_dir() else None
