-- One row per id of a list whose rows contradict each other: a patch that removes the contradicted
-- fields.
--
-- key: company, endpoint, subject_id
-- columns:
--   company: the company's name in the settings
--   endpoint: path of the list: users, roles, permissionSets, pipelines or legacyTeams
--   subject_id: the user, role, set, pipeline or team
--   patch: for json_merge_patch, which removes fields with the value null
SELECT
    company,
    endpoint,
    subject_id,
    json_group_object(field, NULL) AS patch
FROM staging.contradictions
GROUP BY company, endpoint, subject_id
