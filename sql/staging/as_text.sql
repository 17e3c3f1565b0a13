-- Reads a text, such as a name, from a field of a record; NULL where something else stands in it.
--
-- kind: scalar macro
-- parameters:
--   kind: json_type of the field; NULL where it is not there
--   raw: what stands in it, as text
CASE WHEN kind = 'VARCHAR' THEN raw END
