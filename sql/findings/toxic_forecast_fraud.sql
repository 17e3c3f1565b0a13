-- One row per permission set or user with the combination toxic_forecast_fraud. If one permission
-- set grants the whole combination, the finding is about the set; otherwise it is about the user
-- who holds it through several sets or through none: see `toxic_holdings`. `toxic_combinations`
-- lists the permissions of the combination.
--
-- kind: rule
-- title: Move deals between periods
-- severity: high
-- meaning: Changing the closing date of deals together with the activities or products that justify
--   it: the numbers of a quarter can be moved, and nothing shows why.
-- remedy: Give closing dates to somebody who does not edit the activities and products of the
--   deals.
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
