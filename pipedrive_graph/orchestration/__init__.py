"""Dagster: assets, checks, jobs and schedules over the functions of the other rooms; no logic of its own."""
