-- Whether a value is a list of access entries that can all be read.
--
-- kind: scalar macro
-- parameters:
--   part: the value, as JSON
CASE
    WHEN json_type(part) = 'ARRAY' THEN coalesce(
        list_bool_and(
            list_transform(
                CAST(part AS JSON[]),
                lambda entry:
                    -- a null entry has no type
                    coalesce(json_type(entry), 'NULL') = 'OBJECT'
                    AND coalesce(json_type(entry, '$.app'), 'NULL') IN ('VARCHAR', 'NULL')
                    AND coalesce(json_type(entry, '$.permission_set_id'), 'NULL')
                        IN ('VARCHAR', 'UBIGINT', 'NULL')
                    AND (
                        coalesce(json_type(entry, '$.admin'), 'NULL') = 'NULL'
                        OR as_flag(entry ->> '$.admin') IS NOT NULL
                    )
            )
        ),
        TRUE
    )
    ELSE FALSE
END
