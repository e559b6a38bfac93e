-- Refreshing a model: only those whom something happened to, or whose clock has struck, are looked at.

CREATE FUNCTION strata.refresh(model text, as_of date DEFAULT NULL, "full" boolean DEFAULT false)
RETURNS TABLE (
    refreshed text,
    day date,
    previous_day date,
    version integer,
    kind text,
    users bigint,
    examined bigint,
    new_users bigint,
    changed_users bigint,
    due_users bigint,
    changes jsonb,
    seconds jsonb,
    sources jsonb
) ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'living_refresh';
COMMENT ON FUNCTION strata.refresh(text, date, boolean) IS
    'Brings the members of a model up to a day: looks at new, changed and due users alone';
