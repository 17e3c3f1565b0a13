-- Reads an id that is a text, such as a permission set's id; if Pipedrive gives a number, its
-- digits.
--
-- kind: scalar macro
-- parameters:
--   kind: json_type of the value; NULL if it is missing
--   raw: the value as text; an empty text, and anything that is not an id, becomes NULL
CASE WHEN kind IN ('VARCHAR', 'UBIGINT') THEN nullif(raw, '') END
