"""Looks secrets up: in a variable, in the file that NAME_FILE names, or among systemd's credentials.

For a secret NAME, the first of these that is set counts:

    NAME                            the secret itself; NAME_FILE must not be set as well
    NAME_FILE                       the path of a file that holds it, such as /run/secrets/name
    $CREDENTIALS_DIRECTORY/NAME     systemd's LoadCredential= and SetCredentialEncrypted=

A secret is read when it is used and never kept. The content of a file is in no message.
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
"""What is added to the name of a secret for the variable that names its file."""

DIRECTORY_VARIABLE = "CREDENTIALS_DIRECTORY"
"""systemd sets it to the folder of a service's credentials."""

LARGEST = 64 * 1024
"""Bytes of a file that holds one secret."""

_BEGINNINGS = ("/", "~", ".")
"""What a path begins with, and a secret that was pasted in its place hardly ever does."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a secret comes from.

    Attributes:
        name: the secret.
        origin: its variable, or the variable that names its file, or the systemd credential.
        file: the file that holds it; None where the variable itself does.
        shadowed: whether there is a systemd credential of that name that is not used.
    """

    name: str
    origin: str
    file: Path | None = None
    shadowed: bool = False

    def __str__(self) -> str:
        """Say where the secret comes from, for a person."""
        if self.file is None:
            return self.origin
        return f"{self.origin}, the file {_shown(self.file)}"

    @property
    def warnings(self) -> list[str]:
        """What a person should know about it, although the secret can be used."""
        warnings = []
        if self.shadowed:
            warnings.append(f"{self.origin} is used, and not the systemd credential {self.name}")
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
    """Find where a secret comes from, without reading it; None where it is not set.

    Args:
        name: the secret's name, which is that of its variable.
        variables: the environment variables to read, by default this process's own.

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
    """Whether there is a secret of that name; its file need not be usable.

    Raises:
        ConfigurationError: if both the variable and its _FILE are set.
    """
    return source(name, variables) is not None


def secret(name: str) -> str:
    """Return a secret without white space around it; empty where it is not set.

    Raises:
        ConfigurationError: if both the variable and its _FILE are set, or the file cannot be used.
    """
    found = source(name)
    if found is None:
        return ""
    if found.file is not None:
        return _read(found, found.file)
    value = environment.value(name)
    if name.endswith(FILE_SUFFIX) and value.startswith("/") and Path(value).is_file():
        raise ConfigurationError(
            f"The variable {name} holds the path of a file: where the settings name {name}, write"
            f" {name.removesuffix(FILE_SUFFIX)} instead."
        )
    return value


def place(name: str) -> str:
    """Where a secret is set, for a message: its variable, its file or its credential."""
    try:
        found = source(name)
    except ConfigurationError:
        found = None
    return str(found or f"the variable {name}")


def _credential(name: str, variables: Mapping[str, str] | None) -> Path | None:
    folder = environment.value(DIRECTORY_VARIABLE, variables)
    if not folder or "/" in name:
        return None
    path = Path(folder) / name
    return path if os.path.lexists(path) else None


def _read(found: Source, file: Path) -> str:
    """Read the secret in a file; a link is followed, as Kubernetes makes links of its secrets."""
    subject = f"The file of {found.name} (from {found.origin}"
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
    """An opener for `open` that does not wait for the writer of a named pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _shown(file: Path) -> str:
    return pasted.shown(printable(str(file)))
