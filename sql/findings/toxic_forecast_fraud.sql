-- One row per permission set or user with the combination toxic_forecast_fraud. Where one
-- permission set grants all of it, the set is the finding, else the user who holds it by several
-- sets or by none: see `toxic_holdings`. What it takes, `toxic_combinations` says.
--
-- kind: rule
-- title: Move deals between the periods
-- severity: high
-- meaning: Changing the closing date of deals and what they rest on, their activities or products:
--   the numbers of a quarter can be moved without a trace of why.
-- remedy: Leave closing dates to somebody who does not edit what the deals rest on.
-- reference: ISO/IEC 27001:2022 A.5.3 (segregation of duties), NIST SP 800-53 AC-5
-- needs: users, permissionSets, all permissionSets/{id}, users/{id}/permissions
-- identity: subject, object
-- grows: permissions, users
SELECT
    company,
    subject_kind,
    subject_id,
    combination AS object,
    severity,
    title,
    evidence
FROM toxic_holdings
WHERE combination = 'toxic_forecast_fraud'
