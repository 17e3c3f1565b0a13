-- One row per live user whose e-mail address belongs to none of the company's own domains. The
-- table `own_email_domains` lists these domains: those that findings.toml names, or otherwise those
-- that many users share, without public providers. If there are none, because the company is small
-- or its people use public providers, the rule abstains until findings.toml names them. A subdomain
-- is a domain of its own. An address without a domain is unknown.
--
-- kind: rule
-- title: External e-mail domain
-- severity: medium
-- meaning: Somebody with an address outside the company can log in: a partner, a private mailbox,
--   or an unknown person. The company cannot close that mailbox when the work ends.
-- remedy: Ask who invited the person and until when. Give staff a company address, deactivate the
--   others, or name the domain under [allowed] in findings.toml.
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
        last_login,
        login_known
    FROM users
    INNER JOIN user_addresses AS emails USING (company, user_id)
    WHERE live
        AND emails.domain <> ''
),

own_domains AS (
    SELECT
        company,
        bool_or(named) AS named,
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
        ', which is not one of the company''s own domains.'
    ) AS title,
    to_json({
        'user': addresses.label,
        'domain': domain,
        'users_of_domain': domains.users,
        'public_provider': domains.public,
        'public_list': domains.public_list,
        'own_domains': own_domains.domains,
        'own_domains_from': CASE
            WHEN own_domains.named THEN 'findings.toml'
            ELSE 'proposed: findings.toml names none'
        END,
        'admin': addresses.admin,
        'created': addresses.created,
        'first_seen': addresses.first_seen,
        'last_login': addresses.last_login,
        'login_known': addresses.login_known,
        'threshold_users': rule_thresholds.email_domain_users_count,
        'threshold_share': rule_thresholds.email_domain_users_share
    }) AS evidence
FROM addresses
INNER JOIN email_domains AS domains USING (company, domain)
INNER JOIN own_domains USING (company)
INNER JOIN rule_thresholds USING (company)
WHERE NOT domains.own
