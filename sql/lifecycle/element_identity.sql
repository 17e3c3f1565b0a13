-- What identifies an element of a list in a finding's evidence: the ids of an object, so that it
-- may be renamed; all of an element without ids.
--
-- kind: scalar macro
-- parameters:
--   element: the element, as JSON
coalesce(
    nullif(
        array_to_string(
            list_transform(
                list_filter(
                    list_sort(json_keys(element)),
                    lambda key: regexp_full_match(key, '([A-Za-z0-9_]*_)?id')
                ),
                lambda key: concat(key, ' ')
                    || json_extract_string(element, concat('$."', key, '"'))
            ),
            ', '
        ),
        ''
    ),
    CAST(element AS VARCHAR)
)
