"""Tracks which companies of a run are left; an error ends the steps of the companies that it concerns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.config.company import Company
from pipedrive_graph.landing import Manifest
from pipedrive_graph.pipeline import after
from pipedrive_graph.pipeline.events import Events
from pipedrive_graph.pipeline.land import Landed, rejection
from pipedrive_graph.warehouse.database import is_interrupt


class Progress:
    """The companies of a run.

    Args:
        configuration: the configuration files of the home folder.
        companies: all of them; messages keep this order.
        events: receives the events.
    """

    def __init__(self, configuration: Configuration, companies: Sequence[Company], events: Events) -> None:
        self._configuration, self.events = configuration, events
        self._order = [company.name for company in companies]
        self._left = {company.name: company for company in companies}
        self.manifests: dict[str, Manifest] = {}

    @property
    def left(self) -> list[Company]:
        """The companies whose steps are not done."""
        return [*self._left.values()]

    def still(self, names: Sequence[str]) -> list[str]:
        """The given companies that are left, in order."""
        return sorted((name for name in names if name in self._left), key=self._order.index)

    def begin(self) -> None:
        """Report the start of each company."""
        for name in self._left:
            with self.events.about(name):
                self.events.began(name)

    def warn(self, company: str, sentence: str) -> None:
        """Report a warning about a company."""
        with self.events.about(company):
            self.events.observer(company).warn(sentence)

    def land(self, company: str, result: Landed | Exception) -> bool:
        """Report the result of a company's collection; returns whether there is a snapshot to build."""
        if isinstance(result, Exception):
            self.fail(company, result)
            return False
        self.manifests[company] = result.manifest
        with self.events.about(company):
            self.events.landed(result)
        if not result.manifest.accepted:
            self.fail(company, rejection(result.manifest))
            return False
        return True

    def end(self, company: str) -> None:
        """Report that the steps of a company are done."""
        del self._left[company]
        with self.events.about(company):
            self.events.ended(company)

    def fail(self, company: str, error: Exception) -> None:
        """End the steps of a company with an error, and send the alert about it."""
        if company not in self._left:
            return
        with self.events.about(company):
            self.events.failed(company, error)
            problems = after.alert_failure(
                self._configuration.settings,
                self._configuration.alerts_file,
                company,
                error,
                on_warning=self.events.observer(company).warn,
            )
            self.events.alerted(company, problems)
        self.end(company)

    @contextmanager
    def concerning(self, names: Sequence[str]) -> Iterator[None]:
        """An error inside the block ends the steps of these companies."""
        try:
            if len(names) == 1:
                with self.events.about(names[0]):
                    yield
            else:
                yield
        except Exception as error:
            if is_interrupt(error):
                raise
            for name in self.still(names):
                self.fail(name, error)
