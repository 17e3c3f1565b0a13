"""The Dagster definitions: assets, checks, jobs and schedules that call the other packages."""
