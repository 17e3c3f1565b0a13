-- One row per pipeline now, including deleted ones that Pipedrive still lists.
-- It is empty for a company whose latest snapshot did not collect visibility, or whose token may
-- not list pipelines.
--
-- kind: table
-- key: company, pipeline_id
-- columns:
--   company: the company's name in the settings
--   pipeline_id: Pipedrive's id of the pipeline
--   name: the pipeline's name
--   label: its name, or its id
--   deleted: whether it is deleted; NULL means not known
--   order_nr: its position among the pipelines
--   first_seen: the first snapshot with the pipeline
-- example: SELECT name, deleted FROM pipelines ORDER BY order_nr
WITH sightings AS (
    SELECT
        company,
        pipeline_id,
        min(valid_from) AS first_seen
    FROM pipelines_history
    GROUP BY company, pipeline_id
)

SELECT
    company,
    pipeline_id,
    versions.name,
    coalesce(versions.name, CAST(pipeline_id AS VARCHAR)) AS label,
    versions.deleted,
    latest.order_nr,
    sightings.first_seen
FROM pipelines_history AS versions
SEMI JOIN visibility_meaning USING (company)
INNER JOIN sightings USING (company, pipeline_id)
LEFT JOIN history.pipelines_latest AS latest USING (company, pipeline_id)
WHERE versions.valid_to IS NULL
