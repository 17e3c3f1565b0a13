-- One row per permission set or user with the combination toxic_mass_load. Where one permission
-- set grants all of it, the set is the finding, else the user who holds it by several sets or by
-- none: see `toxic_holdings`. What it takes, `toxic_combinations` says.
--
-- kind: rule
-- title: Change masses of records
-- severity: medium
-- meaning: Importing, changing many records at once, and automations of one's own: a single
--   account can overwrite any number of records and have it go on by itself.
-- remedy: Keep imports and bulk changes with few people, and automations with others.
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
WHERE combination = 'toxic_mass_load'
