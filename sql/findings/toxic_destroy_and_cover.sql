-- One row per permission set or user with the combination toxic_destroy_and_cover. If one
-- permission set grants the whole combination, the finding is about the set; otherwise it is about
-- the user who holds it through several sets or through none: see `toxic_holdings`.
-- `toxic_combinations` lists the permissions of the combination.
--
-- kind: rule
-- title: Destroy data and cover the traces
-- severity: high
-- meaning: Deleting deals and activities, together with changing or merging many records at once:
--   deals can be destroyed together with the evidence that they existed.
-- remedy: Give the deletion of activities, or bulk changes, to somebody who cannot delete deals.
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
WHERE combination = 'toxic_destroy_and_cover'
