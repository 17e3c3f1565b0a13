-- One row per permission set or user with a combination of permissions that findings.toml adds.
-- Where one permission set grants all of it, the set is the finding, else the user who holds it by
-- several sets or by none: see `toxic_holdings`. What it takes, `toxic_combinations` says.
-- Severity is what the file says.
--
-- kind: rule
-- title: Toxic combination of the company's own
-- severity: high
-- meaning: The company's findings.toml names permissions that must not come together in one
--   person's hands, and here they do.
-- remedy: Take away one of the permissions, or drop the combination from findings.toml.
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
