-- One row per live user whose e-mail address is that of a role, such as info@ or sales@. What
-- follows a plus sign does not count: info+crm@ is read where info@ is. Which names there are,
-- `shared_mailbox_names` says.
--
-- kind: rule
-- title: Shared mailbox
-- severity: medium
-- meaning: An account that can log in has an address that several people read: all of them can
--   reset its password, and nobody can tell who did what with it.
-- remedy: Give each person an account of their own and deactivate this one; where a program uses
--   it, take its password out of people's hands and write down who answers for it.
-- reference: CIS Controls v8 5.1 (inventory of accounts), NIST SP 800-53 IA-2(5)
-- needs: users
-- identity: subject
-- grows: admin_apps
WITH mailboxes AS (
    SELECT
        company,
        user_id,
        label,
        regexp_extract(emails.address, '^([^@+]+)(\+[^@]*)?@', 1) AS name,
        admin,
        admin_apps,
        created,
        first_seen,
        last_login,
        login_known
    FROM users
    INNER JOIN user_addresses AS emails USING (company, user_id)
    WHERE live
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(mailboxes.user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'medium' AS severity,
    concat(
        mailboxes.label,
        ' can log in',
        CASE WHEN mailboxes.admin THEN ', as an admin,' END,
        ' with an address that several people may read.'
    ) AS title,
    to_json({
        'user': mailboxes.label,
        'mailbox': name,
        'admin': mailboxes.admin,
        'admin_apps': mailboxes.admin_apps,
        'created': mailboxes.created,
        'first_seen': mailboxes.first_seen,
        'last_login': mailboxes.last_login,
        'login_known': mailboxes.login_known
    }) AS evidence
FROM mailboxes
SEMI JOIN shared_mailbox_names USING (company, name)
