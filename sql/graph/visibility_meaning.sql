-- One row per company whose latest snapshot collected visibility: what the value 3 means there.
-- On the plans Lite and Growth, 3 means the entire company; on Premium and Ultimate, it means the
-- owner's role. The plan is the one in the settings. Without it, a value 5 or 7 of any role, or
-- more than one active role beside the default role, shows that the company has groups; and in a
-- company with one role only, 3 means the entire company. Otherwise it is not known.
--
-- kind: table
-- key: company
-- columns:
--   company: the company's name in the settings
--   plan: the plan in the settings: lite, growth, premium or ultimate; NULL if they do not name it
--   three_means: everyone or group; NULL means not known
--   basis: how that is known: plan, values (a 5 or 7), roles (several roles), or single role; NULL
--     if it is not known
-- example: FROM visibility_meaning
WITH companies AS (
    SELECT
        company,
        lower(plan) AS plan
    FROM current_snapshot
    WHERE visibility
),

wide_values AS (
    SELECT DISTINCT company
    FROM role_visibility_history
    WHERE valid_to IS NULL
        AND value IN (5, 7)
),

-- Derived roles (`active` is unknown) do not show how many roles there are.
role_counts AS (
    SELECT
        company,
        count(*) AS roles,
        count(*) FILTER (role_id <> 1 AND active) AS custom_roles,
        bool_and(active IS NOT NULL) AS listed
    FROM roles_history
    WHERE valid_to IS NULL
    GROUP BY company
),

clues AS (
    SELECT
        company,
        companies.plan,
        CASE
            WHEN companies.plan IN ('lite', 'growth', 'premium', 'ultimate') THEN 'plan'
            WHEN wide_values.company IS NOT NULL THEN 'values'
            WHEN role_counts.custom_roles > 1 THEN 'roles'
            WHEN role_counts.roles = 1 AND role_counts.listed THEN 'single role'
        END AS basis
    FROM companies
    LEFT JOIN wide_values USING (company)
    LEFT JOIN role_counts USING (company)
)

SELECT
    company,
    plan,
    CASE
        WHEN basis = 'plan' AND plan IN ('lite', 'growth') THEN 'everyone'
        WHEN basis = 'single role' THEN 'everyone'
        WHEN basis IS NOT NULL THEN 'group'
    END AS three_means,
    basis
FROM clues
