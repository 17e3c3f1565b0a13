-- One row per live user and kind of item: whose new items the user sees by default.
-- Owners are the live users of the company. The user sees the items of an owner as an admin of the
-- app, as a member of a role above the owner's role, or because the default visibility of the
-- owner's role includes the user. Followers of an item, items whose visibility somebody set, items
-- from before the present settings, and hidden pipelines are not in it. It is empty for a company
-- whose latest snapshot did not collect visibility.
--
-- kind: table
-- key: company, user_id, item
-- columns:
--   company: the company's name in the settings
--   user_id: the user who sees the items
--   item: deal, lead, org (organization), person or product
--   reach: the widest reason that applies: admin (sees all), everyone (the owner's items are open
--     to the entire company), branch (the owner's role is above the user's and includes the roles
--     below it), group (the owner has the same role), below (the owner's role is below the user's)
--     or owner (sees only the user's own items); NULL if a wider reason that is not known may apply
--   owners_seen: how many owners' items the user is known to see, including the user's own
--   owners_unknown: for how many owners it is not known
--   owners: how many owners there are
--   share: owners_seen as a share of the owners, 0 to 1; NULL if it is not known for some owners
--   from_everyone: how many other owners are seen because their items are open to everyone; an
--     owner counts once, for the first reason that applies; 0 for an admin, as in the next three
--     columns
--   from_group: how many because they have the same role
--   from_branch: how many because their role includes the roles below it
--   from_below: how many because their role is below the user's
-- example: SELECT users.label, owners_seen, share FROM default_reach JOIN users USING (company,
--   user_id) WHERE item = 'deal' ORDER BY share DESC
WITH people AS (
    SELECT
        viewers.company,
        viewers.user_id,
        viewers.role_ids,
        viewers.sees_all
    FROM user_visibility AS viewers
    SEMI JOIN visibility_meaning AS meaning ON meaning.company = viewers.company
    WHERE viewers.live
),

items AS (
    SELECT unnest(['deal', 'lead', 'org', 'person', 'product']) AS item
),

-- Many users have the same roles, so what they see is computed once per place: a set of roles.
places AS (
    SELECT
        company,
        role_ids,
        count(*) AS owners
    FROM people
    WHERE role_ids IS NOT NULL
    GROUP BY company, role_ids
),

place_roles AS (
    SELECT
        company,
        role_ids,
        owners,
        unnest(role_ids) AS role_id
    FROM places
),

-- The settings of each place. Of several roles, the widest setting counts.
place_settings AS (
    SELECT
        places.company,
        places.role_ids,
        places.owners,
        items.item,
        coalesce(bool_or(settings.reach = 'everyone'), FALSE) AS is_open,
        bool_or(settings.reach IS NULL)
        AND NOT coalesce(bool_or(settings.reach = 'everyone'), FALSE) AS is_unclear
    FROM place_roles AS places
    CROSS JOIN items
    LEFT JOIN role_visibility AS settings
        ON settings.company = places.company
        AND settings.role_id = places.role_id
        AND settings.item = items.item
    GROUP BY places.company, places.role_ids, places.owners, items.item
),

-- What a member of one role sees of the members of another role.
role_pairs AS (
    SELECT
        company,
        role_id AS viewer_role_id,
        role_id AS owner_role_id,
        item,
        'group' AS reason
    FROM role_visibility
    WHERE reach IN ('group', 'branch')

    UNION ALL

    SELECT
        tree.company,
        tree.role_id AS viewer_role_id,
        tree.ancestor_role_id AS owner_role_id,
        settings.item,
        'branch' AS reason
    FROM role_tree AS tree
    INNER JOIN role_visibility AS settings
        ON settings.company = tree.company
        AND settings.role_id = tree.ancestor_role_id
    WHERE tree.distance > 0
        AND settings.reach = 'branch'

    UNION ALL

    SELECT
        tree.company,
        tree.ancestor_role_id AS viewer_role_id,
        tree.role_id AS owner_role_id,
        items.item,
        'below' AS reason
    FROM role_tree AS tree
    CROSS JOIN items
    WHERE tree.distance > 0
),

place_pairs AS (
    SELECT
        viewers.company,
        viewers.role_ids,
        pairs.item,
        owners.role_ids AS owner_role_ids,
        min(list_position(['group', 'branch', 'below'], pairs.reason)) AS reason
    FROM place_roles AS viewers
    INNER JOIN role_pairs AS pairs
        ON pairs.company = viewers.company
        AND pairs.viewer_role_id = viewers.role_id
    INNER JOIN place_roles AS owners
        ON owners.company = pairs.company
        AND owners.role_id = pairs.owner_role_id
    GROUP BY viewers.company, viewers.role_ids, pairs.item, owners.role_ids
),

-- Owners whose items are open to everyone are counted once for the whole company, and not here.
seen AS (
    SELECT
        pairs.company,
        pairs.role_ids,
        pairs.item,
        sum(settings.owners) FILTER (pairs.reason = 1) AS from_group,
        sum(settings.owners) FILTER (pairs.reason = 2) AS from_branch,
        sum(settings.owners) FILTER (pairs.reason = 3) AS from_below,
        sum(settings.owners) FILTER (settings.is_unclear) AS unclear_owners,
        min(pairs.reason) FILTER (pairs.owner_role_ids = pairs.role_ids) AS own_reason
    FROM place_pairs AS pairs
    INNER JOIN place_settings AS settings
        ON settings.company = pairs.company
        AND settings.role_ids = pairs.owner_role_ids
        AND settings.item = pairs.item
    WHERE NOT settings.is_open
    GROUP BY pairs.company, pairs.role_ids, pairs.item
),

headcounts AS (
    SELECT
        company,
        count(*) AS owners,
        count(*) FILTER (role_ids IS NULL) AS unplaced
    FROM people
    GROUP BY company
),

totals AS (
    SELECT
        headcounts.company,
        items.item,
        headcounts.owners,
        headcounts.unplaced,
        coalesce(sum(settings.owners) FILTER (settings.is_open), 0) AS open_owners,
        coalesce(sum(settings.owners) FILTER (settings.is_unclear), 0) AS unclear_owners
    FROM headcounts
    CROSS JOIN items
    LEFT JOIN place_settings AS settings
        ON settings.company = headcounts.company
        AND settings.item = items.item
    GROUP BY headcounts.company, items.item, headcounts.owners, headcounts.unplaced
),

-- The user's own items are left out of these counts.
counts AS (
    SELECT
        people.company,
        people.user_id,
        totals.item,
        people.sees_all,
        totals.owners,
        totals.open_owners - if(own.is_open IS TRUE, 1, 0) AS from_everyone,
        coalesce(seen.from_group, 0) - if(seen.own_reason = 1, 1, 0) AS from_group,
        coalesce(seen.from_branch, 0) - if(seen.own_reason = 2, 1, 0) AS from_branch,
        coalesce(seen.from_below, 0) - if(seen.own_reason = 3, 1, 0) AS from_below,
        CASE
            WHEN people.role_ids IS NULL THEN totals.owners - totals.open_owners - 1
            ELSE totals.unplaced + totals.unclear_owners - coalesce(seen.unclear_owners, 0)
                - if(own.is_unclear AND seen.own_reason IS NULL, 1, 0)
        END AS unknown
    FROM people
    INNER JOIN totals ON totals.company = people.company
    LEFT JOIN place_settings AS own
        ON own.company = people.company
        AND own.role_ids = people.role_ids
        AND own.item = totals.item
    LEFT JOIN seen
        ON seen.company = people.company
        AND seen.role_ids = people.role_ids
        AND seen.item = totals.item
),

sums AS (
    SELECT
        *,
        CASE
            WHEN sees_all THEN owners
            ELSE 1 + from_everyone + from_group + from_branch + from_below
        END AS owners_seen
    FROM counts
)

SELECT
    company,
    user_id,
    item,
    CASE
        WHEN sees_all THEN 'admin'
        WHEN sees_all IS NULL THEN NULL
        WHEN from_everyone > 0 THEN 'everyone'
        WHEN unknown > 0 THEN NULL
        WHEN from_branch > 0 THEN 'branch'
        WHEN from_group > 0 THEN 'group'
        WHEN from_below > 0 THEN 'below'
        ELSE 'owner'
    END AS reach,
    CAST(owners_seen AS BIGINT) AS owners_seen,
    CAST(
        CASE
            WHEN sees_all THEN 0
            WHEN sees_all IS NULL THEN owners - owners_seen
            ELSE unknown
        END AS BIGINT
    ) AS owners_unknown,
    owners,
    CASE
        WHEN sees_all THEN 1
        WHEN NOT sees_all AND unknown = 0 THEN owners_seen / owners
    END AS share,
    CAST(if(sees_all, 0, from_everyone) AS BIGINT) AS from_everyone,
    CAST(if(sees_all, 0, from_group) AS BIGINT) AS from_group,
    CAST(if(sees_all, 0, from_branch) AS BIGINT) AS from_branch,
    CAST(if(sees_all, 0, from_below) AS BIGINT) AS from_below
FROM sums
