"""Writes everything that cannot be rebuilt into one archive, and restores it into an empty home folder.

A backup is a standard `.tar.gz` archive:

    BACKUP.json       first: its format, time, companies, and the variables that it needs
    home/…            the files, with their paths in the home folder
    MANIFEST.json     last: the size and sha256 of every file; without it, the archive is incomplete
"""

from pipedrive_graph.backups.archive import write
from pipedrive_graph.backups.contents import Contents, choose
from pipedrive_graph.backups.needs import Needs, find
from pipedrive_graph.backups.records import Head, Manifest
from pipedrive_graph.backups.unpacking import Restored, restore

__all__ = ["Contents", "Head", "Manifest", "Needs", "Restored", "choose", "find", "restore", "write"]
