-- One row per permission set or user with the combination toxic_destroy_and_cover. Where one
-- permission set grants all of it, the set is the finding, else the user who holds it by several
-- sets or by none: see `toxic_holdings`. What it takes, `toxic_combinations` says.
--
-- kind: rule
-- title: Destroy and cover the traces
-- severity: high
-- meaning: Deleting deals and activities, and changing or merging many records at once: deals can
--   be destroyed together with what shows that they were there.
-- remedy: Leave the deletion of activities, or bulk changes, to somebody who cannot delete deals.
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
