"""Declares asset checks that are kept per company, as the assets are."""

import warnings

import dagster as dg
from dagster_shared.utils.warnings import PreviewWarning


def company_check(
    name: str,
    *,
    asset: dg.AssetKey,
    companies: dg.PartitionsDefinition[str],
    description: str,
    blocking: bool = False,
) -> dg.AssetCheckSpec:
    """A check of which Dagster keeps one result per company.

    Without the partitions, the last company's result would stand for all. Dagster marks them as a
    preview; that is why it is said here, once, that we mean it. The test of the checks shows when an
    upgrade changes them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PreviewWarning)
        return dg.AssetCheckSpec(
            name, asset=asset, partitions_def=companies, description=description, blocking=blocking
        )
