-- One row per user, role and permission set that ever existed, with its current or last name.
--
-- kind: macro
-- columns:
--   company: the company's name in the settings
--   kind: user, role or permission_set
--   id: its id
--   label: its name; NULL if none is known. A user's label also has the e-mail address
WITH present_users AS (
    SELECT
        company,
        user_id,
        label
    FROM users
),

last_users AS (
    SELECT
        company,
        user_id,
        CASE
            WHEN name = email THEN email
            ELSE coalesce(concat(name, ' (' || email || ')'), email)
        END AS label
    FROM users_history
    ANTI JOIN users USING (company, user_id)
    QUALIFY row_number() OVER (PARTITION BY company, user_id ORDER BY valid_from DESC) = 1
),

last_roles AS (
    SELECT
        company,
        role_id,
        name
    FROM roles_history
    QUALIFY row_number() OVER (PARTITION BY company, role_id ORDER BY valid_from DESC) = 1
),

last_sets AS (
    SELECT
        company,
        permission_set_id,
        name
    FROM permission_sets_history
    QUALIFY row_number() OVER (PARTITION BY company, permission_set_id ORDER BY valid_from DESC) = 1
)

SELECT
    company,
    'user' AS kind,
    CAST(user_id AS VARCHAR) AS id,
    label
FROM present_users

UNION ALL

SELECT
    company,
    'user' AS kind,
    CAST(user_id AS VARCHAR) AS id,
    label
FROM last_users

UNION ALL

SELECT
    company,
    'role' AS kind,
    CAST(role_id AS VARCHAR) AS id,
    name AS label
FROM last_roles

UNION ALL

SELECT
    company,
    'permission_set' AS kind,
    permission_set_id AS id,
    name AS label
FROM last_sets
