-- One row per permission set or user with the combination toxic_reveal_and_take. Where one
-- permission set grants all of it, the set is the finding, else the user who holds it by several
-- sets or by none: see `toxic_holdings`. What it takes, `toxic_combinations` says.
--
-- kind: rule
-- title: Reveal and take
-- severity: high
-- meaning: Seeing or changing the visibility of what is hidden, and exporting lists: what others
--   keep to themselves can be made visible and taken out.
-- remedy: Take the export away from whoever administers visibility, or the other way round.
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
WHERE combination = 'toxic_reveal_and_take'
