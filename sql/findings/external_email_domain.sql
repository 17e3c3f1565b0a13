-- One row per live user whose e-mail address is at no domain of the company's own. Which domains
-- those are, `own_email_domains` says. Where there is none, because the company is too small to
-- tell, nobody is a stranger. A subdomain is a domain of its own. An address without a domain is
-- not known.
--
-- kind: rule
-- title: E-mail address of another domain
-- severity: medium
-- meaning: Somebody with an address outside the company can log in: a partner, a private mailbox,
--   or somebody nobody knows. The company cannot close that mailbox when the work ends.
-- remedy: Ask who invited the person and until when; give staff a company address, deactivate the
--   rest, or name the domain under [allowed] in findings.toml.
-- reference: ISO/IEC 27001:2022 A.5.19 (supplier relationships), CIS Controls v8 6.1
-- needs: users
-- identity: subject
WITH addresses AS (
    SELECT
        company,
        user_id,
        label,
        emails.domain,
        admin,
        created,
        first_seen,
        last_login
    FROM users
    INNER JOIN user_addresses AS emails USING (company, user_id)
    WHERE live
        AND emails.domain <> ''
),

domain_sizes AS (
    SELECT
        company,
        domain,
        count(*) AS users
    FROM addresses
    GROUP BY company, domain
),

own_domains AS (
    SELECT
        company,
        list({'domain': domain, 'users': users} ORDER BY users DESC, domain)[1:20] AS domains
    FROM own_email_domains
    GROUP BY company
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(addresses.user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'medium' AS severity,
    concat(
        addresses.label,
        ' is active with an address at ',
        domain,
        ', which is no domain of the company''s.'
    ) AS title,
    to_json({
        'user': addresses.label,
        'domain': domain,
        'users_of_domain': domain_sizes.users,
        'own_domains': own_domains.domains,
        'admin': addresses.admin,
        'created': addresses.created,
        'first_seen': addresses.first_seen,
        'last_login': addresses.last_login,
        'threshold_users': rule_thresholds.email_domain_users_count,
        'threshold_share': rule_thresholds.email_domain_users_share
    }) AS evidence
FROM addresses
ANTI JOIN own_email_domains USING (company, domain)
INNER JOIN domain_sizes USING (company, domain)
INNER JOIN own_domains USING (company)
INNER JOIN rule_thresholds USING (company)
