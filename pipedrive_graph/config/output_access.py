"""Sets group and mode of the output files: the published file, reports and exports.

Everything else in the home folder is accessible to its owner only. [output] in settings.toml sets group and
mode. They are set before a file gets its final name, so that readers never see a file that they cannot open.
"""

from __future__ import annotations

import grp
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipedrive_graph.common import files
from pipedrive_graph.common.pasted import shown
from pipedrive_graph.config import options
from pipedrive_graph.errors import ConfigurationError

WITH_GROUP = 0o640
"""The mode of an output file if a group is set and no mode."""

PUBLISHED = "identity_graph.duckdb"
FOLDERS = ("reports", "exports")
"""The folders of output in the home folder; group and mode apply to everything in them."""

EXPORTED = "exports.json"
"""The list of single files that were exported from a home folder; stored in that folder."""

_READ, _PASS = 0o044, 0o011


@dataclass(frozen=True, slots=True)
class OutputAccess:
    """The access to output besides that of its owner.

    Attributes:
        home: the home folder.
        mode: the mode of output files.
        group: the id of their group; None for the system's default.
    """

    home: Path
    mode: int = files.PRIVATE
    group: int | None = None

    @property
    def folder_mode(self) -> int:
        """The mode of output folders: users who may read the files may also list the folder."""
        read = self.mode & _READ
        return files.PRIVATE_FOLDER | read | read >> 2

    def write(self, path: Path, content: bytes) -> None:
        """Write an output file atomically; in the home folder, make it reachable for its readers.

        Raises:
            LandingError: if it cannot be written.
        """
        files.write_atomically(path, content, on_finished=lambda temporary: self.prepare(temporary, path))

    def prepare(self, temporary: Path, path: Path) -> None:
        """Set group and mode of a finished file or folder before it is renamed to `path`.

        Raises:
            OSError: if this process may not.
        """
        self.open_folders(path)
        self.give(temporary)

    def give(self, path: Path) -> None:
        """Set group and mode of a finished file, or of a finished folder and everything in it.

        Raises:
            OSError: if this process may not.
        """
        for inner in (*(path.rglob("*") if path.is_dir() else ()), path):
            if not inner.is_symlink():
                self._set(inner)

    def within(self, path: Path) -> OutputAccess:
        """Return the access for a given path: outside the home folder, only the owner has access."""
        inside = path.resolve().is_relative_to(self.home.resolve())
        return self if inside else OutputAccess(self.home)

    def open_folders(self, path: Path) -> None:
        """Let readers pass through the folders between the home folder and an output file.

        Access is only added, never removed; a folder of another user stays as it is (see `problems`).
        """
        home, above = self.home.resolve(), path.absolute().parent.resolve()
        if not self.mode & _READ or not above.is_relative_to(home):
            return
        inside = above.relative_to(home)
        for part in reversed([inside, *inside.parents]):
            listed = part.parts[:1] in {(name,) for name in FOLDERS}
            with suppress(FileNotFoundError, PermissionError):
                self._open(home / part, self.folder_mode if listed else self._passing)

    def apply(self) -> None:
        """Set group and mode of all existing output; what cannot be set stays (see `problems`)."""
        self.open_folders(self.home / PUBLISHED)
        for path in self._output():
            with suppress(FileNotFoundError, PermissionError):
                if self._differs(path):
                    self._set(path)

    def problems(self) -> Iterator[str]:
        """Yield a sentence for each file with a wrong group or mode, and each folder that blocks readers."""
        different = [path for path in self._output() if self._differs(path)]
        if different:
            more = f", as do {len(different) - 1} more" if len(different) > 1 else ""
            yield (
                f"{different[0]} ({_described(different[0])}) differs from [output] in {options.FILE}, which"
                f" means {self._wanted(different[0])}{more}; the next sync of its owner sets it."
            )
        if self.mode & _READ:
            for folder in (*reversed(self.home.parents), self.home):
                with suppress(FileNotFoundError, PermissionError):
                    if not self._passes(folder.stat()):
                        yield (
                            f"Readers of the output cannot pass through {folder}"
                            f" ({_described(folder)}); run `chmod {self._letters} {folder}`."
                        )

    @property
    def _passing(self) -> int:
        """The permission bits to pass through a folder, for users who may read the files in it."""
        return (self.mode & _READ) >> 2

    @property
    def _letters(self) -> str:
        return "o+x" if self.group is not None else "g+x"

    def _output(self) -> Iterator[Path]:
        """Yield the existing output files and folders, except locks and unfinished files."""
        published = self.home / PUBLISHED
        if published.is_file():
            yield published
        for name in FOLDERS:
            yield from _listed(self.home / name)

    def _differs(self, path: Path) -> bool:
        try:
            state = path.stat()
        except OSError:  # gone by now
            return False
        mode = self.folder_mode if stat.S_ISDIR(state.st_mode) else self.mode
        return stat.S_IMODE(state.st_mode) & 0o777 != mode or self.group not in {None, state.st_gid}

    def _wanted(self, path: Path) -> str:
        mode = f"mode {self.folder_mode if path.is_dir() else self.mode:04o}"
        return mode if self.group is None else f"group {_name(self.group)}, {mode}"

    def _set(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            if self.group is not None and os.fstat(descriptor).st_gid != self.group:
                os.fchown(descriptor, -1, self.group)
            os.fchmod(descriptor, self.folder_mode if is_folder else self.mode)
        finally:
            os.close(descriptor)

    def _open(self, folder: Path, rights: int) -> None:
        """Set the group of a folder, and add permission bits."""
        state = folder.stat()
        if self.group is not None and state.st_gid != self.group and not self._passes(state):
            if state.st_mode & stat.S_IWGRP:
                return  # the old group may write, and the new group must not
            os.chown(folder, -1, self.group)
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode | rights != mode:
            folder.chmod(mode | rights)

    def _passes(self, state: os.stat_result) -> bool:
        """Whether the readers of the output can pass through a folder."""
        if state.st_mode & stat.S_IXOTH:
            return True
        closed_to_others = not self.mode & stat.S_IROTH
        of_group = self.group in {None, state.st_gid} and bool(state.st_mode & stat.S_IXGRP)
        return closed_to_others and of_group


def resolve(home: Path, output: options.Output) -> OutputAccess:
    """Look up the configured group, and check that this process can assign files to it.

    Raises:
        ConfigurationError: if the group does not exist, this process cannot assign files to it, or its
            members could not read them.
    """
    place = f"{home / options.FILE}: output"
    if output.group is None:
        return OutputAccess(home, int(output.mode or "0600", 8))
    mode = int(output.mode, 8) if output.mode else WITH_GROUP
    if not mode & stat.S_IRGRP:
        raise ConfigurationError(
            f"{place}.mode: {output.mode} does not let the group '{shown(str(output.group))}' read; use 0640,"
            " or leave output.group out."
        )
    group = _id(output.group, place)
    if os.geteuid() != 0 and group not in {os.getegid(), *os.getgroups()}:
        raise ConfigurationError(
            f"{place}.group: this process runs as {files.current_user()}, who is not a member of the group"
            f" '{_name(group)}', and cannot give files to it; run `sudo usermod -aG {_name(group)}"
            f" {files.current_user()}`, then start the service or log in again."
        )
    access = OutputAccess(home, mode, group)
    if home.is_dir():
        _check_home(access, place)
    return access


def _check_home(access: OutputAccess, place: str) -> None:
    """Refuse a home folder that the group cannot pass through and this process cannot open."""
    state = access.home.stat()
    if access._passes(state):  # noqa: SLF001 - same module
        return
    writable = state.st_mode & stat.S_IWGRP and state.st_gid != access.group
    if os.geteuid() in {0, state.st_uid} and not writable:
        return
    raise ConfigurationError(
        f"{place}.group: members of '{_name(access.group or 0)}' cannot pass through {access.home}"
        f" ({_described(access.home)}), and this process cannot change that; run"
        f" `chmod o+x {access.home}` as its owner, or name its group."
    )


def _id(group: str | int, place: str) -> int:
    try:
        if isinstance(group, int) or group.isdecimal():
            return grp.getgrgid(int(group)).gr_gid
        return grp.getgrnam(group).gr_gid
    except (KeyError, OverflowError):
        if isinstance(group, int) and group >= 0 and group in {os.getegid(), *os.getgroups()}:
            return group  # a container may run with a group that has no name
        raise ConfigurationError(
            f"{place}.group: the group '{shown(str(group))}' does not exist on this machine."
        ) from None


def _listed(folder: Path) -> Iterator[Path]:
    """Yield a folder and everything in it, except links and names that start with a dot."""
    if not folder.is_dir() or folder.is_symlink():
        return
    yield folder
    with suppress(FileNotFoundError, PermissionError):
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.is_symlink():
                continue
            if path.is_dir():
                yield from _listed(path)
            elif path.is_file():
                yield path


def _described(folder: Path) -> str:
    state = folder.stat()
    return f"group {_name(state.st_gid)}, mode {stat.S_IMODE(state.st_mode):04o}"


def _name(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)
