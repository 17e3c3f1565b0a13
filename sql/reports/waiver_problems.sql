-- One row per waiver that has expired, or that matches no open finding of any company.
--
-- kind: macro
-- parameters:
--   of_company: the company whose waivers are wanted; NULL for all companies
-- columns:
--   rule: the rule of the waived findings
--   subject: the subject of the waived findings
--   object: the object of the waived findings; NULL if the waiver names none
--   owner: the person who is responsible for the waiver
--   expires: the last day of the waiver, as text
--   state: expired or unmatched
--   needs_object: whether the waiver names no object although open findings of the rule have one
SELECT DISTINCT
    waivers.rule,
    waivers.subject,
    waivers.object,
    waivers.owner,
    strftime(waivers.expires, '%Y-%m-%d') AS expires,
    waivers.state,
    waivers.object IS NULL AND EXISTS (
        FROM findings
        WHERE findings.company = waivers.company
            AND findings.rule = waivers.rule
            AND findings.status <> 'resolved'
            AND findings.object IS NOT NULL
    ) AS needs_object
FROM waivers
WHERE coalesce(waivers.company = of_company, TRUE)
    AND (
        waivers.state = 'expired'
        -- a waiver for all companies need not match findings in each
        OR waivers.waiver_id NOT IN (
            SELECT others.waiver_id
            FROM waivers AS others
            WHERE others.state = 'active'
        )
    )
