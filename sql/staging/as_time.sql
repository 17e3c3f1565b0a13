-- Reads a time in UTC, from Pipedrive's `YYYY-MM-DD HH:MM:SS` (which is UTC) or RFC 3339. A zero
-- date, which means "never" in Pipedrive, becomes NULL, as does a time outside the years 1 to 9999,
-- which only a time zone offset can cause and other programs cannot read.
--
-- kind: scalar macro
-- parameters:
--   raw: the value as text; anything that is not a time becomes NULL
CASE
    -- DuckDB also reads texts such as "infinity" and "epoch", which are not dates
    WHEN
        regexp_matches(trim(raw), '^[0-9]{4}-') AND NOT starts_with(trim(raw), '0000-00-00')
        AND year(TRY_CAST(trim(raw) AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE 'UTC')
        BETWEEN 1 AND 9999
        THEN TRY_CAST(trim(raw) AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE 'UTC'
END
