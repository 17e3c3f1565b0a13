-- One row per permission set or user with the combination toxic_exfiltrate. Where one permission
-- set grants all of it, the set is the finding, else the user who holds it by several sets or by
-- none: see `toxic_holdings`. What it takes, `toxic_combinations` says.
--
-- kind: rule
-- title: Take the data out by machine
-- severity: high
-- meaning: Exporting, using the API and seeing everybody's data together: the customer data of the
--   whole company can leave in one night, by a program, and nobody sees it.
-- remedy: Take export or API access away from whoever does not need both; give programs an account
--   of their own.
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
