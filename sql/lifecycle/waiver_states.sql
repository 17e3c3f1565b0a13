-- One row per waiver: whether it is in force, and how many findings it matches.
--
-- key: company, waiver_id
-- writes: history.waivers
-- columns:
--   company: the company's name in the settings
--   waiver_id: the waiver
--   state: active, expired, or unmatched if it matches no finding
--   findings: how many unresolved findings it matches
WITH counted AS (
    SELECT
        waivers.company,
        waivers.waiver_id,
        waivers.expires,
        moments.at,
        count(matches.finding_id) AS findings
    FROM history.waivers AS waivers
    INNER JOIN run.moments AS moments ON waivers.company = moments.company
    LEFT JOIN lifecycle.waiver_matches AS matches
        ON waivers.company = matches.company AND waivers.waiver_id = matches.waiver_id
    GROUP BY waivers.company, waivers.waiver_id, waivers.expires, moments.at
)

SELECT
    counted.company,
    counted.waiver_id,
    CASE
        WHEN counted.expires < CAST(counted.at AS DATE) THEN 'expired'
        WHEN counted.findings = 0 THEN 'unmatched'
        ELSE 'active'
    END AS state,
    counted.findings
FROM counted
