-- One row per permission set or user with the combination toxic_reveal_and_take. If one permission
-- set grants the whole combination, the finding is about the set; otherwise it is about the user
-- who holds it through several sets or through none: see `toxic_holdings`. `toxic_combinations`
-- lists the permissions of the combination.
--
-- kind: rule
-- title: Reveal and export hidden items
-- severity: high
-- meaning: Seeing hidden items or changing their visibility, together with exporting lists: items
--   that others keep private can be revealed and exported.
-- remedy: Remove the export from users who administer visibility, or the other way round.
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
