-- One row per live user who sees new items of an owner by default, and why: who_can_see('deal',
-- 'ana@example.com').
-- A user without a row does not see them, or it is not known: can_see says which. An owner who does
-- not exist, an unknown kind of item, and a company whose latest snapshot did not collect
-- visibility are errors. Followers of an item, items whose visibility somebody set, items from
-- before the present settings, and hidden pipelines are not in it.
--
-- kind: macro
-- parameters:
--   item_name: deal, lead, org (or organization), person or product
--   person: the owner's e-mail address, in any case, or id
-- columns:
--   company: the company's name in the settings
--   user_id: the user who sees them
--   name: the user's name
--   email: the user's e-mail address
--   owner_id: the owner
--   owner: the owner's name and e-mail address
--   item: deal, lead, org, person or product
--   reason: why, as a text
-- example: SELECT email, reason FROM who_can_see('deal', 'ana@example.com')
WITH owning_companies AS (
    SELECT
        users.company,
        current_snapshot.visibility
    FROM users
    INNER JOIN current_snapshot ON current_snapshot.company = users.company
    WHERE lower(users.email) = lower(CAST(person AS VARCHAR))
        OR CAST(users.user_id AS VARCHAR) = CAST(person AS VARCHAR)
),

problems AS (
    SELECT message FROM no_such_user(person)

    UNION ALL

    -- report one problem at a time
    SELECT message FROM no_such_item(item_name)
    WHERE EXISTS (SELECT 1 FROM owning_companies)

    UNION ALL

    SELECT
        concat(
            'The latest snapshot of ', string_agg(DISTINCT company, ', ' ORDER BY company),
            ' did not collect visibility; set visibility = true in the settings, and run sync.'
        ) AS message
    FROM owning_companies
    WHERE getvariable('rules_ask') IS NULL
    HAVING bool_or(visibility) IS FALSE
)

SELECT
    company,
    user_id,
    name,
    email,
    owner_id,
    owner,
    item,
    reason
FROM viewers_of(item_name, person)
WHERE sees

UNION ALL

-- every column raises the error, so that no filter can skip it
SELECT
    error(message) AS company,
    error(message) AS user_id,
    error(message) AS name,
    error(message) AS email,
    error(message) AS owner_id,
    error(message) AS owner,
    error(message) AS item,
    error(message) AS reason
FROM problems
WHERE error(message) IS NOT NULL
ORDER BY company, owner_id, name, user_id
