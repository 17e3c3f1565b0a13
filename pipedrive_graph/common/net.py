"""Reads the proxies and certificate authorities of the environment, which apply to every connection.

The values may contain passwords, so messages name the variable and never its value.
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
"""The variables of proxies; an encrypted connection uses HTTPS_PROXY or else ALL_PROXY."""

AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Authorities that replace the public ones."""

MORE_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Authorities that are trusted in addition to the public ones."""

_SOCKS = {"socks4", "socks4a", "socks5", "socks5h"}

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that configures it."""

    url: str
    variable: str


@dataclass(frozen=True, slots=True)
class Bypass:
    """An entry of NO_PROXY: a pattern of host names or a network of addresses, and a port (None for all)."""

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
    """The proxy for encrypted connections, the hosts that bypass it, and the certificate authorities."""

    proxy: Proxy | None
    bypasses: tuple[Bypass, ...]
    authorities: tuple[Path, ...]

    def proxy_for(self, url: str) -> Proxy | None:
        """Return the proxy for an address; None for this machine, and for unencrypted connections."""
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        if self.proxy is None or parts.scheme != "https" or is_loopback(host):
            return None
        covered = any(entry.covers(host, parts.port or 443) for entry in self.bypasses)
        return None if covered else self.proxy

    def tls(self) -> ssl.SSLContext:
        """Return the TLS context with the trusted authorities.

        All connections of this process share it until one of the files changes.
        """
        return _tls(self.authorities, tuple(map(_changed_at, self.authorities)))

    def tls_for(self, url: str) -> ssl.SSLContext:
        """Return the TLS context for an address; without encryption, no authority is loaded."""
        encrypted = urlsplit(url).scheme == "https"
        return self.tls() if encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def trusting(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """Add the authorities of the environment to a TLS context."""
        return _trusting(context, self.authorities)


@lru_cache(maxsize=4)
def _tls(authorities: tuple[Path, ...], _changed: tuple[int | None, ...]) -> ssl.SSLContext:
    """Cached, because reading the public authorities takes 60 ms and a megabyte for each company."""
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
    proxies = [proxy for name in PROXIES if (proxy := _proxy(name, variables))]
    encrypted = next((proxy for proxy in proxies if not proxy.variable.upper().startswith("HTTP_")), None)
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
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _either(name: str, variables: Mapping[str, str] | None) -> tuple[str, str]:
    """Return the variable's name as it is set, and its value; as in curl, lower case has precedence."""
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
    bypasses = []
    for number, entry in enumerate(entries, 1):
        try:
            bypasses.append(_bypass(entry.lower()))
        except ValueError:
            raise ConfigurationError(
                f"Entry {number} of the variable {called} is not a host, an address or a range: write it like"
                " example.com, [::1]:8080 or 10.0.0.0/8."
            ) from None
    return tuple(bypasses)


def _bypass(entry: str) -> Bypass:
    """Parse one entry: a name, `.name`, `*.name`, `*`, an address or a range; all but ranges may have a port.

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
            raise ConfigurationError(
                f"The variable {name} names a {what} of certificates that does not exist."
            )
        if not _holds_certificates(path, path.stat().st_mtime_ns):
            raise ConfigurationError(
                f"The variable {name} names a file without readable certificates: it must be PEM."
            )
        paths.append(path)
    return paths


@lru_cache
def _holds_certificates(path: Path, changed_ns: int) -> bool:
    """Whether OpenSSL can load a file or folder; cached, because it takes tens of milliseconds."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(_file(path), _folder(path))
    except OSError:  # includes ssl.SSLError
        return False
    return True


def _file(path: Path) -> str | None:
    return None if path.is_dir() else str(path)


def _folder(path: Path) -> str | None:
    return str(path) if path.is_dir() else None
