"""Reads secrets from a variable, from the file in NAME_FILE, or from systemd's credentials.

For a secret NAME, the first of these that is set is used:

    NAME                            the secret itself; NAME_FILE must not be set as well
    NAME_FILE                       the path of a file with the secret, such as /run/secrets/name
    $CREDENTIALS_DIRECTORY/NAME     systemd's LoadCredential= and SetCredentialEncrypted=

A secret is read when it is used and never stored. No message contains the content of a file.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipedrive_graph.common import environment, pasted
from pipedrive_graph.common.text import printable
from pipedrive_graph.errors import ConfigurationError

FILE_SUFFIX = "_FILE"
"""The suffix of the variable that contains the path of a secret's file."""

DIRECTORY_VARIABLE = "CREDENTIALS_DIRECTORY"
"""systemd sets it to the folder of a service's credentials."""

LARGEST = 64 * 1024
"""The largest size of a secret's file, in bytes."""

_BEGINNINGS = ("/", "~", ".")
"""Beginnings of a path; a secret that was pasted in its place hardly ever has them."""


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a secret.

    Attributes:
        name: the secret.
        origin: its variable, the variable with the path of its file, or the systemd credential.
        file: the file with the secret; None if the variable itself holds it.
        shadowed: whether an unused systemd credential of that name exists.
    """

    name: str
    origin: str
    file: Path | None = None
    shadowed: bool = False

    def __str__(self) -> str:
        """Describe the source for a user."""
        if self.file is None:
            return self.origin
        return f"{self.origin}, the file {_shown(self.file)}"

    @property
    def warnings(self) -> list[str]:
        """Warnings about a secret that can be used."""
        warnings = []
        if self.shadowed:
            warnings.append(f"{self.origin} is used instead of the systemd credential {self.name}")
        if self.file is not None and self._is_readable_by_everybody():
            warnings.append(
                f"Everybody on this machine can read {_shown(self.file)}, the file of {self.name}; run"
                f" `chmod o-r {_shown(self.file)}`, unless only this program's container has it"
            )
        return warnings

    def _is_readable_by_everybody(self) -> bool:
        try:
            return bool(self.file and self.file.stat().st_mode & stat.S_IROTH)
        except OSError:
            return False


def source(name: str, variables: Mapping[str, str] | None = None) -> Source | None:
    """Find the source of a secret, without reading it; None if it is not set.

    Args:
        name: the secret's name, which is that of its variable.
        variables: the environment variables to read, by default those of this process.

    Raises:
        ConfigurationError: if both the variable and its _FILE are set.
    """
    if not name:
        return None
    file_variable = f"{name}{FILE_SUFFIX}"
    value, file = environment.value(name, variables), environment.value(file_variable, variables)
    if value and file:
        raise ConfigurationError(
            f"The variables {name} and {file_variable} are both set; remove one of them."
        )
    credential = _credential(name, variables)
    if value:
        return Source(name, f"the variable {name}", shadowed=credential is not None)
    if file:
        return Source(name, f"the variable {file_variable}", Path(file), credential is not None)
    if credential is not None:
        return Source(name, f"the systemd credential {name}", credential)
    return None


def is_set(name: str, variables: Mapping[str, str] | None = None) -> bool:
    """Whether a secret of that name is set; its file need not be usable.

    Raises:
        ConfigurationError: if both the variable and its _FILE are set.
    """
    return source(name, variables) is not None


def secret(name: str) -> str:
    """Return a secret without surrounding white space; empty if it is not set.

    Raises:
        ConfigurationError: if both the variable and its _FILE are set, or the file cannot be used.
    """
    origin = source(name)
    if origin is None:
        return ""
    if origin.file is not None:
        return _read(origin, origin.file)
    value = environment.value(name)
    if name.endswith(FILE_SUFFIX) and value.startswith("/") and Path(value).is_file():
        raise ConfigurationError(
            f"The variable {name} holds the path of a file: where the settings name {name}, write"
            f" {name.removesuffix(FILE_SUFFIX)} instead."
        )
    return value


def place(name: str) -> str:
    """Return where a secret is set, for a message: its variable, its file or its credential."""
    try:
        origin = source(name)
    except ConfigurationError:
        origin = None
    return str(origin or f"the variable {name}")


def _credential(name: str, variables: Mapping[str, str] | None) -> Path | None:
    folder = environment.value(DIRECTORY_VARIABLE, variables)
    if not folder or "/" in name:
        return None
    path = Path(folder) / name
    return path if os.path.lexists(path) else None


def _read(secret_source: Source, file: Path) -> str:
    """Read the secret in a file; a link is followed, because Kubernetes mounts secrets as links."""
    subject = f"The file of {secret_source.name} (from {secret_source.origin}"
    subject += f": {_shown(file)})" if str(file).startswith(_BEGINNINGS) else ")"
    try:
        with open(file.expanduser(), "rb", opener=_without_waiting) as opened:
            state = os.fstat(opened.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise ConfigurationError(f"{subject} is not a regular file.")
            if state.st_mode & stat.S_IWOTH:
                mode = f"{stat.S_IMODE(state.st_mode):04o}"
                raise ConfigurationError(
                    f"{subject} can be changed by everybody (mode {mode}); run `chmod o-w` on it."
                )
            content = opened.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigurationError(f"{subject} does not exist.") from None
    except IsADirectoryError:
        raise ConfigurationError(f"{subject} is a folder.") from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its path cannot be used"
        raise ConfigurationError(f"{subject} cannot be read: {reason}.") from None
    if len(content) > LARGEST:
        raise ConfigurationError(
            f"{subject} is larger than {LARGEST // 1024} KiB, and should hold the secret alone."
        )
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode().strip()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigurationError(f"{subject} is not UTF-8 text.") from None
    if not text:
        raise ConfigurationError(f"{subject} is empty.")
    if len(text.splitlines()) > 1:
        raise ConfigurationError(f"{subject} has several lines, and should hold the secret alone.")
    return text


def _without_waiting(path: str, flags: int) -> int:
    """Opener for `open` that does not wait for the writer of a named pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _shown(file: Path) -> str:
    return pasted.shown(printable(str(file)))
