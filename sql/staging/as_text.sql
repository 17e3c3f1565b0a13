-- Reads a text, such as a name, from the value that stands in its place; NULL where that is none.
--
-- kind: scalar macro
-- parameters:
--   part: the value, as JSON
CASE WHEN json_type(part) = 'VARCHAR' THEN part ->> '$' END
