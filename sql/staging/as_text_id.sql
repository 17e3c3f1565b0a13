-- One id that is a text, such as a permission set's; where Pipedrive gives a number, its digits.
--
-- kind: scalar macro
-- parameters:
--   kind: json_type of the value; NULL where it is not there
--   raw: the value as text; an empty text, and anything that is not an id, becomes NULL
CASE WHEN kind IN ('VARCHAR', 'UBIGINT') THEN nullif(raw, '') END
