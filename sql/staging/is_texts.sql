-- Whether a value is a list that holds only texts; an empty list is one.
--
-- kind: scalar macro
-- parameters:
--   part: the value, as JSON
CASE
    WHEN json_type(part) = 'ARRAY' THEN coalesce(
        list_bool_and(
            list_transform(
                CAST(part AS JSON[]), lambda entry: coalesce(json_type(entry) = 'VARCHAR', FALSE)
            )
        ),
        TRUE
    )
    ELSE FALSE
END
