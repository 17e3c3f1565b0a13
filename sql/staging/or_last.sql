-- Returns a value as read in this snapshot, or the last known value if the answer does not give it.
-- An answer with a missing or unreadable field does not give a value. A field with `null` says that
-- there is none.
--
-- kind: scalar macro
-- parameters:
--   kind: json_type of the field in the answer; NULL if it is missing
--   fresh: the value as read; NULL if it cannot be read
--   known: the last known value
CASE WHEN kind = 'NULL' THEN NULL ELSE coalesce(fresh, known) END
