-- One row per permission name that nothing has ever named: an error message that suggests similar
-- names.
-- Such a name is more likely mistyped than held by nobody. Other macros raise the message as an
-- error: no_such_permission('can_use_api'). Queries of rules get no row, because a rule may use a
-- permission that a company does not have.
--
-- kind: macro
-- parameters:
--   flag: a permission's name
-- columns:
--   message: the error message
-- example: FROM no_such_permission('use_api')
WITH near_permissions AS (
    SELECT
        likely.permission,
        likely.similarity
    FROM (
        SELECT DISTINCT
            permissions.permission,
            greatest(
                jaro_winkler_similarity(
                    lower(CAST(flag AS VARCHAR)), lower(permissions.permission)
                ),
                CASE
                    WHEN length(CAST(flag AS VARCHAR)) > 2
                        AND contains(
                            lower(permissions.permission), lower(CAST(flag AS VARCHAR))
                        )
                        THEN 0.95
                END
            ) AS similarity
        FROM permissions
    ) AS likely
    WHERE likely.similarity >= 0.85
    QUALIFY likely.similarity >= max(likely.similarity) OVER () - 0.03
    ORDER BY likely.similarity DESC, likely.permission
    LIMIT 3
)

SELECT
    concat(
        'There is no permission ''', CAST(flag AS VARCHAR), '''; ',
        coalesce(
            (
                SELECT concat(
                    'did you mean ',
                    string_agg(permission, ' or ' ORDER BY similarity DESC, permission),
                    '?'
                )
                FROM near_permissions
                HAVING count(*) > 0
            ),
            'the table permissions lists all of them.'
        )
    ) AS message
WHERE getvariable('rules_ask') IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM permissions WHERE permissions.permission = CAST(flag AS VARCHAR)
    )
