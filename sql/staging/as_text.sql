-- Reads a text, such as a name, from a field of a record; NULL if the field is not a text.
--
-- kind: scalar macro
-- parameters:
--   kind: json_type of the field; NULL if it is missing
--   raw: the field's content as text
CASE WHEN kind = 'VARCHAR' THEN raw END
