-- One row per company and rule that abstains in this snapshot because data is missing, and why.
-- A rule that abstains finds nothing, which does not mean that there is nothing to find.
--
-- key: company, rule
-- columns:
--   company: the company's name in the settings
--   rule: the rule
--   reason: one or more sentences about what is missing
--   covered: false if history.coverage does not show what is missing, so that no finding of the
--     rule may be resolved
WITH reasons AS (
    SELECT
        coverage.company,
        needs.rule,
        concat(
            'Pipedrive did not give the list ',
            string_agg(DISTINCT needs.endpoint, ', ' ORDER BY needs.endpoint),
            '.'
        ) AS reason,
        TRUE AS covered
    FROM history.coverage AS coverage
    SEMI JOIN landing.batch AS batch ON coverage.company = batch.company
    INNER JOIN run.rule_needs AS needs ON coverage.endpoint = needs.endpoint
    WHERE coverage.subject_id IS NULL AND coverage.outcome IN ('unoffered', 'refused')
    GROUP BY coverage.company, needs.rule

    UNION ALL

    SELECT DISTINCT
        batch.company,
        needs.rule,
        CASE
            WHEN rosters.company IS NULL THEN 'The company has no roster.'
            ELSE 'The roster has no expected roles.'
        END AS reason,
        TRUE AS covered
    FROM landing.batch AS batch
    INNER JOIN run.rule_needs AS needs ON starts_with(needs.endpoint, 'roster/')
    LEFT JOIN (
        SELECT
            company,
            bool_or(expected_role IS NOT NULL AND problem IS NULL) AS names_roles
        FROM policy.roster
        GROUP BY company
    ) AS rosters ON batch.company = rosters.company
    WHERE
        rosters.company IS NULL
        OR (needs.endpoint = 'roster/{id}/expectedRole' AND NOT rosters.names_roles)

    UNION ALL

    SELECT
        batch.company,
        rules.rule,
        'There is no earlier snapshot to compare with.' AS reason,
        TRUE AS covered
    FROM landing.batch AS batch
    CROSS JOIN run.rules AS rules
    INNER JOIN run.rule_reads AS reads
        ON rules.rule = reads.rule AND reads.table_name = 'main.event_snapshots'
    ANTI JOIN event_snapshots ON batch.company = event_snapshots.company
    WHERE rules.event

    UNION ALL

    SELECT
        batch.company,
        reads.rule,
        concat(
            'No e-mail domain counts as the company''s own',
            '; active users at public providers: ' || publics.listed,
            '. Name the company''s domains in findings.toml, [allowed] email_domains.'
        ) AS reason,
        FALSE AS covered
    FROM landing.batch AS batch
    INNER JOIN run.rule_reads AS reads ON reads.table_name = 'main.own_email_domains'
    LEFT JOIN (
        SELECT
            company,
            string_agg(concat(users, ' at ', domain), ', ' ORDER BY users DESC, domain) AS listed
        FROM email_domains
        WHERE public AND users > 0
        GROUP BY company
    ) AS publics ON batch.company = publics.company
    ANTI JOIN own_email_domains ON batch.company = own_email_domains.company
),

-- Coverage does not show what a run without visibility misses, so no finding is resolved then.
visibility_reasons AS (
    SELECT
        batch.company,
        rules.rule,
        'The run did not collect visibility; set visibility = true in the settings.' AS reason
    FROM landing.batch AS batch
    CROSS JOIN lifecycle.visibility_rules AS rules
    ANTI JOIN visibility_meaning AS meaning ON batch.company = meaning.company

    UNION ALL

    SELECT
        settings.company,
        rules.rule,
        CASE
            WHEN settings.known = 0
                THEN 'Pipedrive did not give the visibility settings of any role.'
            ELSE concat(
                'It is not known what the visibility value 3 means in this company; set plan in ',
                'the settings.'
            )
        END AS reason
    FROM (
        SELECT
            company,
            count(value) AS known,
            count(*) FILTER (value = 3 AND reach IS NULL) AS unclear
        FROM role_visibility
        GROUP BY company
    ) AS settings
    SEMI JOIN landing.batch AS batch ON settings.company = batch.company
    CROSS JOIN lifecycle.visibility_rules AS rules
    WHERE rules.read_settings AND (settings.known = 0 OR settings.unclear > 0)

    UNION ALL

    SELECT
        shown.company,
        rules.rule,
        'Pipedrive did not give the pipelines that are hidden from a role.' AS reason
    FROM (
        SELECT company
        FROM role_pipelines
        GROUP BY company
        HAVING count(visible) = 0
    ) AS shown
    SEMI JOIN landing.batch AS batch ON shown.company = batch.company
    CROSS JOIN lifecycle.visibility_rules AS rules
    WHERE rules.read_pipelines
),

all_reasons AS (
    SELECT
        company,
        rule,
        reason,
        covered
    FROM reasons

    UNION ALL

    SELECT
        company,
        rule,
        reason,
        FALSE AS covered
    FROM visibility_reasons
)

SELECT
    company,
    rule,
    string_agg(reason, ' ' ORDER BY reason) AS reason,
    bool_and(covered) AS covered
FROM all_reasons
GROUP BY company, rule
