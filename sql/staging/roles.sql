-- One row per role in the snapshot's answers, with typed columns.
-- If the list of roles was never available, roles are derived from the assignments. A missing or
-- unreadable value keeps the last known one.
--
-- key: company, role_id
-- columns:
--   company: the company's name in the settings
--   role_id: Pipedrive's id of the role
--   name: name of the role
--   parent_role_id: the role above; NULL or the role itself for a root
--   active: active_flag; NULL if the list of roles was never available
--   description: description of the role
--   level: the level as Pipedrive gives it
--   assignment_count: how many members it has, as Pipedrive counts them
--   sub_role_count: how many roles are below it, as Pipedrive counts them
WITH known AS (
    SELECT
        last.*,
        latest.level,
        latest.assignment_count,
        latest.sub_role_count
    FROM history.roles AS last
    LEFT JOIN history.roles_latest AS latest USING (company, role_id)
    WHERE last.valid_to IS NULL
),

-- companies whose list of roles was answered, in this snapshot or earlier
listed AS (
    SELECT company FROM staging.coverage WHERE endpoint = 'roles' AND outcome = 'answered'
    UNION
    SELECT company FROM history.roles WHERE active IS NOT NULL
),

assigned AS (
    SELECT
        company,
        role_id,
        max(role_name) AS name,
        max(parent_role_id) AS parent_role_id
    FROM staging.user_roles
    ANTI JOIN staging.role_records USING (company, role_id)
    GROUP BY company, role_id
)

SELECT
    company,
    role_id,
    or_last(
        json_type(record, '$.name'),
        as_text(json_type(record, '$.name'), record ->> '$.name'),
        known.name
    ) AS name,
    or_last(
        json_type(record, '$.parent_role_id'),
        as_id(record ->> '$.parent_role_id'),
        known.parent_role_id
    ) AS parent_role_id,
    coalesce(as_flag(record ->> '$.active_flag'), known.active) AS active,
    or_last(
        json_type(record, '$.description'),
        as_text(json_type(record, '$.description'), record ->> '$.description'),
        known.description
    ) AS description,
    coalesce(as_id(record ->> '$.level'), known.level) AS level,
    coalesce(
        as_id(record ->> '$.assignment_count'), known.assignment_count
    ) AS assignment_count,
    coalesce(as_id(record ->> '$.sub_role_count'), known.sub_role_count) AS sub_role_count
FROM staging.role_records
LEFT JOIN known USING (company, role_id)
UNION ALL
-- if roles were never listed, derive them from the assignments
SELECT
    company,
    role_id,
    coalesce(assigned.name, known.name) AS name,
    coalesce(assigned.parent_role_id, known.parent_role_id) AS parent_role_id,
    known.active,
    known.description,
    known.level,
    known.assignment_count,
    known.sub_role_count
FROM assigned
LEFT JOIN known USING (company, role_id)
WHERE company NOT IN (SELECT company FROM listed)
