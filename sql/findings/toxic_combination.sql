-- One row per permission set or user with a combination of permissions that findings.toml adds. If
-- one permission set grants the whole combination, the finding is about the set; otherwise it is
-- about the user who holds it through several sets or through none: see `toxic_holdings`.
-- `toxic_combinations` lists the permissions of the combination. The severity is the one in
-- findings.toml.
--
-- kind: rule
-- title: Custom toxic combination
-- severity: high
-- meaning: The company's findings.toml names permissions that one person must not hold together,
--   and here one person does.
-- remedy: Remove one of the permissions, or remove the combination from findings.toml.
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
WHERE combination NOT IN (
    'toxic_exfiltrate',
    'toxic_destroy_and_cover',
    'toxic_forecast_fraud',
    'toxic_reveal_and_take',
    'toxic_mass_load'
)
