"""What a run reports while it is under way: to the terminal and its record, or to Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from pipedrive_graph.collect import Observer
from pipedrive_graph.pipeline.land import Landed


class Events(Protocol):
    """Called as things happen; `about`, `began` and the observers also by the collecting thread.

    Attributes:
        names_people: whether warnings may name people. They may where only the operator reads them, and must
            not where Dagster keeps them with the run.
    """

    names_people: bool

    def about(self, company: str) -> AbstractContextManager[None]:
        """A context in which messages concern a company."""

    def observer(self, company: str) -> Observer:
        """The observer of a company: its progress while it is read, and warnings at any time."""

    def began(self, company: str) -> None:
        """Called when the run begins with a company."""

    def landed(self, landed: Landed) -> None:
        """Called when there is a committed snapshot of a company, whatever it is worth."""

    def published(self, companies: Sequence[str], rows: dict[str, int]) -> None:
        """Called when a batch is published.

        Args:
            companies: those of the batch.
            rows: rows by table, of all companies that are published.
        """

    def alerted(self, company: str, problems: Sequence[str]) -> None:
        """Called after alerts were sent, with a sentence for each that could not be."""

    def failed(self, company: str, error: Exception) -> None:
        """Called when an error ends the steps of a company; alerts about it follow."""

    def ended(self, company: str) -> None:
        """Called when nothing follows about a company."""
