-- Whether a value is a list of ids; an empty list counts.
--
-- kind: scalar macro
-- parameters:
--   part: the value, as JSON
CASE
    WHEN json_type(part) = 'ARRAY' THEN coalesce(
        list_bool_and(
            list_transform(CAST(part AS JSON[]), lambda entry: as_id(entry ->> '$') IS NOT NULL)
        ),
        TRUE
    )
    ELSE FALSE
END
