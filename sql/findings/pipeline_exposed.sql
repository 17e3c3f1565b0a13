-- One row per pipeline that is hidden from at least half of the active roles and visible to the
-- default role. Deleted pipelines are left out. A role for which it is not known counts as one that
-- sees the pipeline.
--
-- kind: rule
-- title: Hidden pipeline is open to new users
-- severity: high
-- meaning: Most roles do not see this pipeline (at least half, by default), so it holds deals that
--   are not for everybody. The default role sees it, where invited users and users created by
--   single sign-on land.
-- remedy: Hide the pipeline from the default role.
-- reference: NIST SP 800-53 AC-6 (least privilege), ISO/IEC 27001:2022 A.8.3
-- needs: roles, pipelines, all roles/{id}/pipelines
-- identity: subject
WITH counts AS (
    SELECT
        shown.company,
        shown.pipeline_id,
        count(*) AS roles,
        count(*) FILTER (NOT shown.visible) AS hidden_roles,
        bool_or(shown.visible AND shown.role_id = 1) AS default_sees,
        list(coalesce(roles.name, CAST(roles.role_id AS VARCHAR)) ORDER BY roles.role_id)
            FILTER (shown.visible) AS seeing_labels,
        max(shown.observed_at) FILTER (shown.role_id = 1) AS observed_at
    FROM role_pipelines AS shown
    INNER JOIN roles USING (company, role_id)
    WHERE roles.active
    GROUP BY shown.company, shown.pipeline_id
)

SELECT
    company,
    'pipeline' AS subject_kind,
    CAST(pipeline_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'high' AS severity,
    concat(
        'The pipeline ', pipelines.label, ' is hidden from ', counts.hidden_roles, ' of ',
        counts.roles, ' roles, but the default role, where new users land, sees it.'
    ) AS title,
    to_json({
        'pipeline': pipelines.name,
        'roles': counts.roles,
        'hidden_roles': counts.hidden_roles,
        'first_seeing_roles': counts.seeing_labels[1:20],
        'threshold_share': thresholds.pipeline_exposed_share,
        'first_seen': pipelines.first_seen,
        'observed_at': counts.observed_at
    }) AS evidence
FROM counts
INNER JOIN pipelines USING (company, pipeline_id)
INNER JOIN rule_thresholds AS thresholds USING (company)
WHERE counts.default_sees
    AND counts.hidden_roles >= thresholds.pipeline_exposed_share * counts.roles
    AND pipelines.deleted IS NOT TRUE
