"""Restores the state of the last snapshot from known.json and memory.json.gz, or from its answers.

Both files are derived from the answers of their snapshot and from the files of the snapshot before it. A
damaged file is therefore rebuilt instead of requiring a backup, going back as many snapshots as necessary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pipedrive_graph.collect.call_log import LISTED, CallLog
from pipedrive_graph.collect.stored_answers import DETAILS, answer_of
from pipedrive_graph.errors import LandingError
from pipedrive_graph.landing import CompanyLanding, KnownIds, Manifest
from pipedrive_graph.landing.records import KNOWN, MEMORY, ObservationState, RecordT
from pipedrive_graph.landing.snapshot import packed_known, packed_memory
from pipedrive_graph.pipedrive.answers import Answer

Warn = Callable[[str], None]


def recall(
    landing: CompanyLanding, *, on_warning: Warn, repair: bool = False
) -> tuple[KnownIds, ObservationState]:
    """Return the state after the newest accepted snapshot, derived from answers where files are damaged.

    Args:
        landing: the company's snapshots.
        on_warning: called with a sentence for each damaged file.
        repair: rewrite damaged files if the result is byte for byte the one in the manifest.

    Raises:
        LandingError: if answers that are needed are damaged too.
    """
    damaged: list[tuple[Manifest, KnownIds | None, ObservationState | None]] = []
    known, memory = KnownIds(), ObservationState()
    for manifest in landing.newest_first():
        if not manifest.accepted:
            continue
        first = not damaged
        own_known = _tried(partial(landing.known, manifest), on_warning if first else None)
        own_memory = _tried(partial(landing.memory, manifest), on_warning if first else None)
        if own_known is not None and own_memory is not None:
            known, memory = own_known, own_memory
            break
        damaged.append((manifest, own_known, own_memory))
    for manifest, own_known, own_memory in reversed(damaged):
        call_log = _call_log(landing, manifest)
        known = own_known or call_log.known(known)
        memory = own_memory or call_log.memory(memory, known, manifest.started_at)
        if repair and own_known is None:
            landing.restore(manifest, KNOWN, packed_known(known))
        if repair and own_memory is None:
            landing.restore(manifest, MEMORY, packed_memory(memory))
    return known, memory


def _tried(read_file: Callable[[], RecordT], on_warning: Warn | None) -> RecordT | None:
    """Return the content of a file; None if it is damaged."""
    try:
        return read_file()
    except LandingError as error:
        if on_warning:
            on_warning(f"{error.problem}. It is rebuilt from the answers in the snapshots.")
        return None


def _call_log(landing: CompanyLanding, manifest: Manifest) -> CallLog:
    """Return the call log of a committed snapshot as it was at the end of its run."""
    call_log = CallLog(listed={endpoint: [] for endpoint in LISTED})
    for answer in _answers(landing, manifest):
        if answer.call.endpoint in LISTED:
            call_log.listed[answer.call.endpoint].append(answer)
        elif answer.call.endpoint in DETAILS:
            call_log.note(answer)
    return call_log


def _answers(landing: CompanyLanding, manifest: Manifest) -> Iterator[Answer]:
    for file in manifest.files:
        if file.rows:
            yield from map(answer_of, landing.answers(manifest, file))
