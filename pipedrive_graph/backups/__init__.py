"""Backs up what cannot be made again into one archive, and puts it back into an empty home folder.

A backup is a `.tar.gz` that any program for archives opens:

    BACKUP.json       first: what it is, when it was made, of which companies, which variables it needs
    home/…            the files, at their places in the home folder
    MANIFEST.json     last: the size and the sha256 of every file; without it the archive is not whole
"""

from pipedrive_graph.backups.archive import write
from pipedrive_graph.backups.contents import Contents, choose
from pipedrive_graph.backups.needs import Needs, find
from pipedrive_graph.backups.records import Head, Manifest
from pipedrive_graph.backups.unpacking import Restored, restore

__all__ = ["Contents", "Head", "Manifest", "Needs", "Restored", "choose", "find", "restore", "write"]
