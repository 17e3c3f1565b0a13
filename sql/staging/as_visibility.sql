-- Reads the value of a visibility setting: 1, 3, 5 or 7, as a number or as a text.
--
-- kind: scalar macro
-- parameters:
--   raw: the value as text; anything else becomes NULL
CASE WHEN as_id(raw) IN (1, 3, 5, 7) THEN CAST(as_id(raw) AS INTEGER) END
