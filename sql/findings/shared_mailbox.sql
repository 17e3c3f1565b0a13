-- One row per live user with the e-mail address of a function, such as info@ or sales@. Text after
-- a plus sign is ignored: info+crm@ is read where info@ is. The table `shared_mailbox_names` lists
-- the names.
--
-- kind: rule
-- title: Shared mailbox
-- severity: medium
-- meaning: An account that can log in has an address that several people read. All of them can
--   reset its password, and its actions cannot be traced to a person.
-- remedy: Give each person their own account and deactivate this one. If a program uses it, store
--   its password in a secret manager and name a person who is responsible for it.
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
