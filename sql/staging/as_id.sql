-- Reads an id or a count from a number or a text of digits. JSON does not distinguish 99 and 99.0,
-- so both are accepted; -1, 99.5 and values beyond a 64-bit integer are not.
--
-- kind: scalar macro
-- parameters:
--   raw: the value as text; anything that is not a whole number of at least 0 becomes NULL
CASE
    WHEN regexp_full_match(trim(raw), '[0-9]{1,19}') THEN TRY_CAST(trim(raw) AS BIGINT)
    WHEN regexp_full_match(trim(raw), '[0-9]{1,15}\.0')
        THEN TRY_CAST(split_part(trim(raw), '.', 1) AS BIGINT)
END
