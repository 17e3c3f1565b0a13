-- One row per role that tonight's answers tell of, typed.
-- Where the list of roles is not to be had, a role is what the assignments to it say; the rest of
-- it stays as last known.
--
-- key: company, role_id
-- columns:
--   company: the company's name in the settings
--   role_id: Pipedrive's id of the role
--   name: name of the role
--   parent_role_id: the role above; NULL or the role itself for a root
--   active: active_flag; NULL where the list of roles is not to be had
--   description: description of the role
--   level: depth as Pipedrive counts it
--   assignment_count: members as Pipedrive counts them
--   sub_role_count: roles below, as Pipedrive counts them
WITH assigned AS (
    SELECT
        company,
        role_id,
        max(role_name) AS name,
        max(parent_role_id) AS parent_role_id
    FROM staging.user_roles
    WHERE company NOT IN (
        SELECT company
        FROM staging.coverage
        WHERE endpoint = 'roles' AND outcome = 'answered'
    )
    GROUP BY company, role_id
)
SELECT
    company,
    role_id,
    record ->> '$.name' AS name,
    as_id(record ->> '$.parent_role_id') AS parent_role_id,
    as_flag(record ->> '$.active_flag') AS active,
    record ->> '$.description' AS description,
    as_id(record ->> '$.level') AS level,
    as_id(record ->> '$.assignment_count') AS assignment_count,
    as_id(record ->> '$.sub_role_count') AS sub_role_count
FROM staging.role_records
UNION ALL
SELECT
    assigned.company,
    assigned.role_id,
    coalesce(assigned.name, last.name) AS name,
    coalesce(assigned.parent_role_id, last.parent_role_id) AS parent_role_id,
    last.active,
    last.description,
    NULL AS level,
    NULL AS assignment_count,
    NULL AS sub_role_count
FROM assigned
LEFT JOIN history.roles AS last
    ON
        last.company = assigned.company
        AND last.role_id = assigned.role_id
        AND last.valid_to IS NULL
