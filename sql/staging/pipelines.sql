-- One row per pipeline in the snapshot's list, with typed columns.
-- A missing or unreadable value keeps the last known one.
--
-- key: company, pipeline_id
-- columns:
--   company: the company's name in the settings
--   pipeline_id: Pipedrive's id of the pipeline
--   name: name of the pipeline
--   deleted: whether it is deleted; NULL if it was never known
--   order_nr: its position among the pipelines
SELECT
    records.company,
    records.subject_id AS pipeline_id,
    or_last(
        json_type(records.record, '$.name'),
        as_text(json_type(records.record, '$.name'), records.record ->> '$.name'),
        last.name
    ) AS name,
    coalesce(as_flag(records.record ->> '$.is_deleted'), last.deleted) AS deleted,
    as_id(records.record ->> '$.order_nr') AS order_nr
FROM staging.list_records AS records
LEFT JOIN history.pipelines AS last
    ON
        last.company = records.company
        AND last.pipeline_id = records.subject_id
        AND last.valid_to IS NULL
WHERE records.endpoint = 'pipelines'
