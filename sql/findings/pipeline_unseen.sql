-- One row per pipeline that is hidden from every role with active members. Deleted pipelines are
-- left out. If it is not known for one of these roles, there is no finding.
--
-- kind: rule
-- title: Pipeline that nobody sees
-- severity: low
-- meaning: The pipeline is hidden from all roles that have active members, so only admins see its
--   deals. It is left over, or its deals are not worked on, and nobody notices what happens in it.
-- remedy: Show it to the role that works with it, or move its deals and delete it.
-- reference: CIS Controls v8 3.3 (data access control lists)
-- needs: users, roles, pipelines, all roles/{id}/pipelines, all users/{id}/roleAssignments
-- identity: subject
WITH counts AS (
    SELECT
        shown.company,
        shown.pipeline_id,
        count(*) AS roles,
        bool_and(shown.visible IS FALSE) AS is_hidden,
        sum(roles.members) AS members,
        min(shown.observed_at) AS observed_at
    FROM role_pipelines AS shown
    INNER JOIN roles USING (company, role_id)
    WHERE roles.members > 0
    GROUP BY shown.company, shown.pipeline_id
)

SELECT
    company,
    'pipeline' AS subject_kind,
    CAST(pipeline_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'low' AS severity,
    concat(
        'The pipeline ', pipelines.label, ' is hidden from all ', counts.roles,
        ' roles that have active members.'
    ) AS title,
    to_json({
        'pipeline': pipelines.name,
        'roles_with_members': counts.roles,
        'members': counts.members,
        'first_seen': pipelines.first_seen,
        'observed_at': counts.observed_at
    }) AS evidence
FROM counts
INNER JOIN pipelines USING (company, pipeline_id)
WHERE counts.is_hidden
    AND pipelines.deleted IS NOT TRUE
