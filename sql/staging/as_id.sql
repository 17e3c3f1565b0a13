-- One id, from a number or a text of digits.
--
-- kind: scalar macro
-- parameters:
--   raw: the value as text; anything that is no whole number becomes NULL
CASE WHEN regexp_full_match(trim(raw), '-?[0-9]+') THEN TRY_CAST(trim(raw) AS BIGINT) END
