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
)

SELECT
    company,
    rule,
    string_agg(reason, ' ' ORDER BY reason) AS reason,
    bool_and(covered) AS covered
FROM reasons
GROUP BY company, rule
