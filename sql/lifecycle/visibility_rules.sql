-- One row per rule that reads what only a run with visibility = true collects.
--
-- key: rule
-- columns:
--   rule: the rule
--   read_settings: whether it reads the visibility settings of roles, or what follows from them
--   read_pipelines: whether it reads which pipelines a role sees
SELECT
    rule,
    bool_or(
        table_name IN (
            'main.role_visibility', 'main.default_reach', 'main.viewers_of', 'main.who_can_see',
            'main.can_see'
        )
    ) AS read_settings,
    bool_or(table_name = 'main.role_pipelines') AS read_pipelines
FROM run.rule_reads
WHERE table_name IN (
    'main.role_visibility', 'main.default_reach', 'main.viewers_of', 'main.who_can_see',
    'main.can_see', 'main.visibility_meaning', 'main.pipelines', 'main.role_pipelines',
    'main.teams', 'main.team_members'
)
GROUP BY rule
