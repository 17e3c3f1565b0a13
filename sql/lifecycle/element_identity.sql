-- Identifies an element of a list in a finding's evidence: by the ids of an object, so that it may
-- be renamed, or by the whole element if it has no ids.
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
