"""Keeps one partition per company of companies.toml: a new company needs no reload of the definitions.

The partition of a company that is no longer in companies.toml is deleted, because a backfill of all companies
would fail for it. Dagster's records of the company stay until its runs are deleted.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from pipedrive_graph.config.settings import Settings

Change = dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest


def changes(
    instance: dg.DagsterInstance, partitions: dg.DynamicPartitionsDefinition, settings: Settings
) -> list[Change]:
    """The requests that update the partitions to the settings; none while the companies are only guessed."""
    if settings.guessed or partitions.name is None:
        return []
    known = instance.get_dynamic_partitions(partitions.name)
    names = [company.name for company in settings.companies]
    new = [name for name in names if name not in known]
    gone = [name for name in known if name not in names] if settings.listed else []
    requests: list[Change] = []
    if new:
        requests.append(partitions.build_add_request(new))
    if gone:
        requests.append(partitions.build_delete_request(gone))
    return requests


def apply(
    instance: dg.DagsterInstance, partitions: dg.DynamicPartitionsDefinition, settings: Settings
) -> None:
    """Update the partitions to the settings directly, outside of a sensor."""
    for change in changes(instance, partitions, settings):
        if isinstance(change, dg.AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions(change.partitions_def_name, change.partition_keys)
        else:
            for name in change.partition_keys:
                instance.delete_dynamic_partition(change.partitions_def_name, name)


def in_range(keys: Sequence[str], first: str | None, last: str | None) -> list[str]:
    """The partitions from the first to the last, in Dagster's order; none if either is missing."""
    if first not in keys or last not in keys:
        return []
    return list(keys[keys.index(first) : keys.index(last) + 1])
