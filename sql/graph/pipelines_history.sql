-- One row per version of a pipeline.
--
-- kind: view
-- key: company, pipeline_id, valid_from
-- columns:
--   company: the company's name in the settings
--   pipeline_id: Pipedrive's id of the pipeline
--   name: the pipeline's name
--   deleted: whether it is deleted; NULL means not known
--   valid_from: when this version was first seen
--   valid_to: when another version, or the end, was first seen; NULL means current
-- example: SELECT pipeline_id, name, deleted, valid_from FROM pipelines_history ORDER BY ALL
SELECT
    company,
    pipeline_id,
    name,
    deleted,
    valid_from,
    valid_to
FROM history.pipelines
