-- One row per user of an owner's company: whether the user sees new items of the owner by default,
-- and why: viewers_of('deal', 'ana@example.com').
-- The macros who_can_see and can_see are made from it, and report unknown names; this one has no
-- rows for them. Followers of an item, items whose visibility somebody set, items from before the
-- present settings, and hidden pipelines are not in it.
--
-- kind: macro
-- parameters:
--   item_name: deal, lead, org (or organization), person or product
--   person: the owner's e-mail address, in any case, or id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   name: the user's name
--   email: the user's e-mail address
--   live: active and not deleted
--   owner_id: the owner
--   owner: the owner's name and e-mail address
--   item: deal, lead, org, person or product
--   sees: whether the user sees them; NULL means not known
--   reason: why, or why not, as a text
-- example: SELECT email, reason FROM viewers_of('deal', 'ana@example.com') WHERE sees
WITH asked_items AS (
    SELECT
        CASE
            WHEN lower(CAST(item_name AS VARCHAR)) IN (
                'org', 'orgs', 'organization', 'organizations'
            ) THEN 'org'
            WHEN lower(CAST(item_name AS VARCHAR)) IN ('person', 'persons', 'people') THEN 'person'
            WHEN regexp_full_match(lower(CAST(item_name AS VARCHAR)), '(deal|lead|product)s?')
                THEN rtrim(lower(CAST(item_name AS VARCHAR)), 's')
        END AS item
),

owners AS (
    SELECT
        users.company,
        users.user_id,
        users.label,
        asked_items.item,
        standings.role_ids,
        current_snapshot.visibility
    FROM users
    CROSS JOIN asked_items
    INNER JOIN current_snapshot ON current_snapshot.company = users.company
    INNER JOIN user_visibility AS standings
        ON standings.company = users.company
        AND standings.user_id = users.user_id
    WHERE asked_items.item IS NOT NULL
        AND (
            lower(users.email) = lower(CAST(person AS VARCHAR))
            OR CAST(users.user_id AS VARCHAR) = CAST(person AS VARCHAR)
        )
),

owner_roles AS (
    SELECT
        company,
        user_id,
        item,
        unnest(role_ids) AS role_id
    FROM owners
),

-- Which roles see the owner's items: through the setting of the owner's role, or from above it.
settings AS (
    SELECT
        owner_roles.company,
        owner_roles.user_id,
        bool_or(role_visibility.reach = 'everyone') AS is_open,
        bool_or(role_visibility.reach IS NULL) AS is_unclear,
        list(owner_roles.role_id) FILTER (role_visibility.reach IN ('group', 'branch')) AS same,
        list(owner_roles.role_id) FILTER (role_visibility.reach = 'branch') AS with_branch
    FROM owner_roles
    LEFT JOIN role_visibility USING (company, role_id, item)
    GROUP BY owner_roles.company, owner_roles.user_id
),

below AS (
    SELECT
        settings.company,
        settings.user_id,
        list(DISTINCT tree.role_id) AS role_ids
    FROM settings
    INNER JOIN role_tree AS tree
        ON tree.company = settings.company
        AND list_contains(settings.with_branch, tree.ancestor_role_id)
    WHERE tree.distance > 0
    GROUP BY settings.company, settings.user_id
),

above AS (
    SELECT
        owner_roles.company,
        owner_roles.user_id,
        list(DISTINCT tree.ancestor_role_id) AS role_ids
    FROM owner_roles
    INNER JOIN role_tree AS tree
        ON tree.company = owner_roles.company
        AND tree.role_id = owner_roles.role_id
    WHERE tree.distance > 0
    GROUP BY owner_roles.company, owner_roles.user_id
),

compared AS (
    SELECT
        owners.company,
        viewers.user_id,
        viewers.live,
        owners.user_id AS owner_id,
        owners.label AS owner,
        owners.item,
        CASE
            WHEN viewers.live IS FALSE THEN 'inactive'
            WHEN viewers.user_id = owners.user_id THEN 'self'
            WHEN viewers.sees_all THEN 'admin'
            WHEN settings.is_open THEN 'everyone'
            WHEN list_has_any(viewers.role_ids, coalesce(settings.same, [])) THEN 'group'
            WHEN list_has_any(viewers.role_ids, coalesce(below.role_ids, [])) THEN 'branch'
            WHEN list_has_any(viewers.role_ids, coalesce(above.role_ids, [])) THEN 'above'
            WHEN viewers.sees_all IS NULL THEN 'unknown admin'
            WHEN owners.role_ids IS NULL THEN 'unknown owner'
            WHEN NOT owners.visibility THEN 'not collected'
            WHEN settings.is_unclear THEN 'unknown setting'
            WHEN viewers.role_ids IS NULL THEN 'unknown viewer'
            ELSE 'none'
        END AS basis
    FROM owners
    INNER JOIN user_visibility AS viewers ON viewers.company = owners.company
    LEFT JOIN settings
        ON settings.company = owners.company
        AND settings.user_id = owners.user_id
    LEFT JOIN below
        ON below.company = owners.company
        AND below.user_id = owners.user_id
    LEFT JOIN above
        ON above.company = owners.company
        AND above.user_id = owners.user_id
)

SELECT
    company,
    user_id,
    users.name,
    users.email,
    compared.live,
    compared.owner_id,
    compared.owner,
    compared.item,
    CASE
        WHEN compared.basis IN ('inactive', 'none') THEN FALSE
        -- a user who may be deactivated may see nothing
        WHEN compared.live IS NULL THEN NULL
        WHEN compared.basis IN ('self', 'admin', 'everyone', 'group', 'branch', 'above') THEN TRUE
    END AS sees,
    CASE
        WHEN compared.basis = 'inactive' THEN 'no: the user is deactivated or deleted'
        WHEN compared.basis = 'none'
            THEN 'no: the owner''s role does not share with the user''s role, which is not above it'
        WHEN compared.live IS NULL THEN 'not known: whether the user is active'
        WHEN compared.basis = 'self' THEN 'yes: the user is the owner'
        WHEN compared.basis = 'admin' THEN 'yes: an admin of the app sees everything'
        WHEN compared.basis = 'everyone' THEN 'yes: the owner''s role shares with everyone'
        WHEN compared.basis = 'group'
            THEN 'yes: the owner''s role shares with its members, and the user is a member'
        WHEN compared.basis = 'branch'
            THEN 'yes: the owner''s role shares with the roles below it, such as the user''s role'
        WHEN compared.basis = 'above' THEN 'yes: the user''s role is above the owner''s role'
        WHEN compared.basis = 'unknown admin' THEN 'not known: whether the user is an admin'
        WHEN compared.basis = 'unknown owner' THEN 'not known: the role of the owner'
        WHEN compared.basis = 'not collected'
            THEN 'not known: the latest snapshot did not collect visibility'
        WHEN compared.basis = 'unknown setting'
            THEN 'not known: the default visibility of the owner''s role, or what it means'
        WHEN compared.basis = 'unknown viewer' THEN 'not known: the role of the user'
    END AS reason
FROM compared
INNER JOIN users USING (company, user_id)
