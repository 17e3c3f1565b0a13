-- One row per live user whose e-mail address another live user also has. Addresses are compared as
-- they are in `user_addresses`, regardless of case and script. Text without an @ is not an address:
-- all deleted users share the same text there. Only users who are known to be active and not
-- deleted count.
--
-- kind: rule
-- title: Duplicate e-mail address
-- severity: low
-- meaning: Two accounts that can log in share one e-mail address. Anybody who reads that mailbox
--   can take over both accounts, and it is hard to prove which of them was used.
-- remedy: Find out which account is in use. Give the other one its own address, or deactivate it.
-- reference: NIST SP 800-53 IA-4 (identifier management), CIS Controls v8 5.1
-- needs: users
-- identity: subject
-- grows: users, first_others
WITH addresses AS (
    SELECT
        company,
        user_id,
        label,
        emails.address,
        admin,
        created,
        first_seen,
        last_login,
        login_known
    FROM users
    INNER JOIN user_addresses AS emails USING (company, user_id)
    WHERE live
),

shared_addresses AS (
    SELECT
        company,
        address,
        count(*) AS users
    FROM addresses
    GROUP BY company, address
    HAVING count(*) > 1
),

groups AS (
    SELECT
        company,
        address,
        any_value(shared_addresses.users) AS users,
        -- one more than is shown, because each user leaves itself out
        list(
            {
                'user_id': addresses.user_id,
                'user': addresses.label,
                'admin': addresses.admin,
                'created': addresses.created,
                'last_login': addresses.last_login,
                'login_known': addresses.login_known
            }
            ORDER BY addresses.user_id
        )[1:21] AS members
    FROM addresses
    INNER JOIN shared_addresses USING (company, address)
    GROUP BY company, address
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(addresses.user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'low' AS severity,
    concat(
        addresses.label,
        ' shares the e-mail address with ',
        CASE
            WHEN groups.users = 2 THEN 'another active user.'
            ELSE concat(groups.users - 1, ' other active users.')
        END
    ) AS title,
    to_json({
        'user': addresses.label,
        'email': addresses.address,
        'admin': addresses.admin,
        'created': addresses.created,
        'first_seen': addresses.first_seen,
        'last_login': addresses.last_login,
        'login_known': addresses.login_known,
        'users': groups.users,
        'first_others': list_filter(
            groups.members, lambda member: member.user_id <> addresses.user_id
        )[1:20]
    }) AS evidence
FROM addresses
INNER JOIN groups USING (company, address)
