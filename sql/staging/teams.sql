-- One row per team in the snapshot's list, with typed columns.
-- A missing or unreadable value keeps the last known one. If one of the members cannot be read, the
-- last known members count.
--
-- key: company, team_id
-- columns:
--   company: the company's name in the settings
--   team_id: Pipedrive's id of the team
--   name: name of the team
--   manager_id: the user who manages it; NULL if there is none, or it was never known
--   active: active_flag; NULL if it was never known
--   deleted: deleted_flag; NULL if it was never known
--   members: the ids of its members, sorted; NULL if they were never known
WITH fields AS (
    SELECT
        company,
        subject_id AS team_id,
        record,
        CASE
            WHEN is_ids(record -> '$.users')
                THEN list_transform(
                    CAST(record -> '$.users' AS JSON[]), lambda entry: as_id(entry ->> '$')
                )
        END AS member_ids
    FROM staging.list_records
    WHERE endpoint = 'legacyTeams'
)

SELECT
    fields.company,
    fields.team_id,
    or_last(
        json_type(fields.record, '$.name'),
        as_text(json_type(fields.record, '$.name'), fields.record ->> '$.name'),
        last.name
    ) AS name,
    or_last(
        json_type(fields.record, '$.manager_id'),
        as_id(fields.record ->> '$.manager_id'),
        last.manager_id
    ) AS manager_id,
    coalesce(as_flag(fields.record ->> '$.active_flag'), last.active) AS active,
    coalesce(as_flag(fields.record ->> '$.deleted_flag'), last.deleted) AS deleted,
    coalesce(list_sort(list_distinct(fields.member_ids)), last.members) AS members
FROM fields
LEFT JOIN history.teams AS last
    ON
        last.company = fields.company
        AND last.team_id = fields.team_id
        AND last.valid_to IS NULL
