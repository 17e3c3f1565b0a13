-- One row per viewer and owner: whether the viewer sees new items of the owner by default, and why:
-- can_see('bob@example.com', 'ana@example.com', 'deal').
-- There is one row, unless several users have one of the addresses; users of different companies
-- have no row. A person who does not exist and an unknown kind of item are errors. Followers of an
-- item, items whose visibility somebody set, items from before the present settings, and hidden
-- pipelines are not in it.
--
-- kind: macro
-- parameters:
--   viewer_name: the viewer's e-mail address, in any case, or id
--   person: the owner's e-mail address, in any case, or id
--   item_name: deal, lead, org (or organization), person or product
-- columns:
--   company: the company's name in the settings
--   viewer_id: the viewer
--   viewer: the viewer's name and e-mail address
--   owner_id: the owner
--   owner: the owner's name and e-mail address
--   item: deal, lead, org, person or product
--   sees: whether the viewer sees them; NULL means not known
--   reason: why, or why not, as a text
-- example: SELECT sees, reason FROM can_see('bob@example.com', 'ana@example.com', 'deal')
WITH viewing_users AS (
    SELECT
        company,
        user_id,
        label
    FROM users
    WHERE lower(email) = lower(CAST(viewer_name AS VARCHAR))
        OR CAST(user_id AS VARCHAR) = CAST(viewer_name AS VARCHAR)
),

problems AS (
    SELECT
        concat(
            'There is no user ''', CAST(viewer_name AS VARCHAR),
            '''; give an e-mail address or an id, as in the table users.'
        ) AS message
    WHERE getvariable('rules_ask') IS NULL
        AND NOT EXISTS (SELECT 1 FROM viewing_users)

    UNION ALL

    -- report one problem at a time
    SELECT message FROM no_such_user(person)
    WHERE EXISTS (SELECT 1 FROM viewing_users)

    UNION ALL

    SELECT message FROM no_such_item(item_name)
    WHERE EXISTS (SELECT 1 FROM viewing_users)
),

answers AS (
    SELECT
        company,
        user_id,
        owner_id,
        owner,
        item,
        sees,
        reason
    FROM viewers_of(item_name, person)
)

SELECT
    viewing_users.company,
    viewing_users.user_id AS viewer_id,
    viewing_users.label AS viewer,
    answers.owner_id,
    answers.owner,
    answers.item,
    answers.sees,
    answers.reason
FROM viewing_users
INNER JOIN answers USING (company, user_id)

UNION ALL

-- every column raises the error, so that no filter can skip it
SELECT
    error(message) AS company,
    error(message) AS viewer_id,
    error(message) AS viewer,
    error(message) AS owner_id,
    error(message) AS owner,
    error(message) AS item,
    error(message) AS sees,
    error(message) AS reason
FROM problems
WHERE error(message) IS NOT NULL
ORDER BY company, viewer_id, owner_id
