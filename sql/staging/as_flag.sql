-- Reads a boolean from the forms in which Pipedrive writes one: true, 1, "1", "true".
--
-- kind: scalar macro
-- parameters:
--   raw: the value as text; anything that is not a boolean becomes NULL
CASE
    WHEN lower(trim(raw)) IN ('true', '1') THEN TRUE
    WHEN lower(trim(raw)) IN ('false', '0') THEN FALSE
END
