-- Whether a value is a list of texts; an empty list counts.
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
