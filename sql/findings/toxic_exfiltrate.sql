-- One row per permission set or user with the combination toxic_exfiltrate. If one permission set
-- grants the whole combination, the finding is about the set; otherwise it is about the user who
-- holds it through several sets or through none: see `toxic_holdings`. `toxic_combinations` lists
-- the permissions of the combination.
--
-- kind: rule
-- title: Export all data by program
-- severity: high
-- meaning: Exporting, using the API and seeing everybody's data together: a program can copy the
--   customer data of the whole company in one night, and nobody notices.
-- remedy: Remove export or API access from users who do not need both. Give programs their own
--   account.
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
WHERE combination = 'toxic_exfiltrate'
