-- One row per text that is not a kind of item with a default visibility: an error message.
-- Other macros raise the message as an error: no_such_item('task'). Queries of rules get no row.
--
-- kind: macro
-- parameters:
--   item_name: the kind of item
-- columns:
--   message: the error message
-- example: FROM no_such_item('task')
SELECT
    concat(
        'There is no kind of item ''', CAST(item_name AS VARCHAR),
        '''; use deal, lead, org, person or product.'
    ) AS message
WHERE getvariable('rules_ask') IS NULL
    AND coalesce(
        NOT regexp_full_match(
            lower(CAST(item_name AS VARCHAR)),
            '(deal|lead|product|org|organization|person)s?|people'
        ),
        TRUE
    )
