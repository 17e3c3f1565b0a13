-- One row per person who is not a user: an error message that suggests similar users.
-- Other macros raise the message as an error: no_such_user('ana@example.com'). Queries of rules get
-- no row, because a rule may use a person that a company does not have.
--
-- kind: macro
-- parameters:
--   person: an e-mail address, in any case, or an id
-- columns:
--   message: the error message
-- example: FROM no_such_user('anna@example.com')
WITH people AS (
    SELECT user_id
    FROM users
    WHERE lower(email) = lower(CAST(person AS VARCHAR))
        OR CAST(user_id AS VARCHAR) = CAST(person AS VARCHAR)
),

near_people AS (
    SELECT
        likely.address,
        likely.similarity
    FROM (
        SELECT DISTINCT
            coalesce(users.email, CAST(user_id AS VARCHAR)) AS address,
            greatest(
                jaro_winkler_similarity(lower(CAST(person AS VARCHAR)), lower(users.email)),
                jaro_winkler_similarity(lower(CAST(person AS VARCHAR)), lower(users.name)),
                CASE
                    WHEN length(CAST(person AS VARCHAR)) > 2
                        AND contains(
                            lower(concat_ws(' ', users.name, users.email)),
                            lower(CAST(person AS VARCHAR))
                        )
                        THEN 0.95
                END
            ) AS similarity
        FROM users
        WHERE NOT EXISTS (SELECT 1 FROM people)
    ) AS likely
    WHERE likely.similarity >= 0.85
    QUALIFY likely.similarity >= max(likely.similarity) OVER () - 0.03
    ORDER BY likely.similarity DESC, likely.address
    LIMIT 3
)

SELECT
    concat(
        'There is no user ''', CAST(person AS VARCHAR), '''; ',
        coalesce(
            (
                SELECT concat(
                    'did you mean ',
                    string_agg(address, ' or ' ORDER BY similarity DESC, address),
                    '?'
                )
                FROM near_people
                HAVING count(*) > 0
            ),
            'give an e-mail address or an id, as in the table users.'
        )
    ) AS message
WHERE getvariable('rules_ask') IS NULL
    AND NOT EXISTS (SELECT 1 FROM people)
