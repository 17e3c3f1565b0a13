-- One value: as read tonight, or as last known where tonight does not tell it.
-- An answer that leaves a field out, or holds in it what nobody can read, tells nothing of it. One
-- that holds `null` tells that there is none.
--
-- kind: scalar macro
-- parameters:
--   kind: json_type of the field in the answer; NULL where it is not there
--   fresh: the value as read; NULL where it cannot be
--   known: the value as last known
CASE WHEN kind = 'NULL' THEN NULL ELSE coalesce(fresh, known) END
