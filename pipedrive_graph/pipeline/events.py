"""The events of a run, for the terminal, the run record and Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from pipedrive_graph.collect import Observer
from pipedrive_graph.pipeline.land import Landed


class Events(Protocol):
    """Receives the events of a run. The collecting thread also calls `about`, `began` and the observers.

    Attributes:
        names_people: whether warnings may name people: yes if only the operator reads them, no if Dagster
            stores them with the run.
    """

    names_people: bool

    def about(self, company: str) -> AbstractContextManager[None]:
        """A context in which messages concern a company."""

    def observer(self, company: str) -> Observer:
        """The observer of a company: receives its progress during collection, and warnings at any time."""

    def began(self, company: str) -> None:
        """Called when the run begins with a company."""

    def landed(self, landed: Landed) -> None:
        """Called when a snapshot of a company is committed, even if it was rejected."""

    def published(self, companies: Sequence[str], rows: dict[str, int]) -> None:
        """Called when a batch is published.

        Args:
            companies: the companies of the batch.
            rows: the row count of each published table, over all companies.
        """

    def alerted(self, company: str, problems: Sequence[str]) -> None:
        """Called after alerts were sent, with one sentence per failed delivery."""

    def failed(self, company: str, error: Exception) -> None:
        """Called when an error ends the steps of a company; alerts about it follow."""

    def ended(self, company: str) -> None:
        """Called when the steps of a company are done."""
