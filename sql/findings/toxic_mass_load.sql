-- One row per permission set or user with the combination toxic_mass_load. If one permission set
-- grants the whole combination, the finding is about the set; otherwise it is about the user who
-- holds it through several sets or through none: see `toxic_holdings`. `toxic_combinations` lists
-- the permissions of the combination.
--
-- kind: rule
-- title: Change records in bulk, automatically
-- severity: medium
-- meaning: Importing, changing many records at once, and creating automations: a single account can
--   overwrite any number of records and automate it.
-- remedy: Give imports and bulk changes to few people, and automations to others.
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
