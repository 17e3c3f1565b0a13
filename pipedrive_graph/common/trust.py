"""Checks whether a settings folder or file can be trusted: a user who can write it controls this program.

Like ssh, this program refuses a home folder or a configuration file that everybody can write, or that belongs
to neither the user of this process nor root. Its group may write it in two cases: a setting names the
group (then the owner may be another member), or the user is the group's only member: Debian gives each user
such a group, and a umask of 002.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

from pipedrive_graph.common import environment, files
from pipedrive_graph.errors import ConfigurationError

GROUP_VARIABLE = "PIPEDRIVE_GRAPH_GROUP"
"""The setting that names the group whose members may write the home folder and its files."""


def check(path: Path) -> None:
    """Refuse a settings folder or file that another user may write; a missing one is accepted.

    Raises:
        ConfigurationError: with the path, its owner or mode, and the command to run.
    """
    try:
        # a link may also come from another user
        states = [path.lstat(), path.stat()]
    except OSError:
        return  # the code that reads it reports the error
    trusted = {os.geteuid(), 0}
    if os.geteuid() != 0 and any(
        state.st_uid not in trusted and not _is_named_group(state) for state in states
    ):
        raise ConfigurationError(
            f"{path} {files.ownership(path)}. Its owner could change what this program does: run"
            f" `sudo chown {files.current_user()} {path}`, or use a copy of your own."
        )
    state = states[-1]
    mode = f"{stat.S_IMODE(state.st_mode):04o}"
    if state.st_mode & stat.S_IWOTH:
        raise ConfigurationError(f"Everybody can write {path} (mode {mode}); run `chmod o-w {path}`.")
    if state.st_mode & stat.S_IWGRP and not _is_trusted_group(state):
        group = _group_name(state.st_gid)
        raise ConfigurationError(
            f"The group {group} can write {path} (mode {mode}); run `chmod g-w {path}`, or set"
            f" {GROUP_VARIABLE} to {group} if all its members may change what this program does."
        )


def _is_named_group(state: os.stat_result) -> bool:
    """Whether a file's group is the one in the setting; its owner is then a member, or was root."""
    return environment.value(GROUP_VARIABLE) in {_group_name(state.st_gid), str(state.st_gid)}


def _is_trusted_group(state: os.stat_result) -> bool:
    return _is_named_group(state) or _is_private(state)


def _is_private(state: os.stat_result) -> bool:
    """Whether a file's group has only the file's owner as a member."""
    try:
        owner, group = pwd.getpwuid(state.st_uid), grp.getgrgid(state.st_gid)
    except KeyError:  # a container may run as an id that has no name
        return False
    return (
        owner.pw_gid == state.st_gid
        and set(group.gr_mem) <= {owner.pw_name}
        and all(user.pw_gid != state.st_gid or user.pw_uid == owner.pw_uid for user in pwd.getpwall())
    )


def _group_name(group_id: int) -> str:
    try:
        return grp.getgrgid(group_id).gr_name
    except KeyError:
        return str(group_id)
