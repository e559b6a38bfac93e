-- How the caller's sources and models are, in all registries on his search path. What is wrong with one is said in its
-- row.

-- looked_at is when rows of the relation, or what its triggers wrote down, were looked at last; oldest_change_age is
-- how old the oldest change can be that the ledgers do not know of: 0 where triggers say that there is none.
CREATE FUNCTION strata.source_status() RETURNS TABLE (
    source text,
    schema text,
    relation text,
    captured_by text,
    because text,
    problem text,
    looked_at timestamptz,
    age interval,
    oldest_change_age interval,
    queue_rows bigint,
    last_seconds double precision,
    latest_day date,
    users bigint,
    events bigint,
    guests bigint,
    guest_share numeric,
    rejected bigint,
    aside bigint,
    ambiguous_aliases bigint,
    heavy_users jsonb,
    models text[]
) STABLE ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'living_source_status';
COMMENT ON FUNCTION strata.source_status() IS
    'the own sources: what keeps them from being equal to their relations, how fresh they are, what '
    'waits, what was put aside';

CREATE FUNCTION strata.model_status() RETURNS TABLE (
    model text,
    schema text,
    active_version integer,
    refreshed_version integer,
    as_of date,
    refreshed_at timestamptz,
    lag integer,
    age interval,
    users bigint,
    due bigint,
    due_next bigint,
    waiting bigint,
    last_seconds double precision,
    schedule text,
    problem text,
    report jsonb
) STABLE ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'living_model_status';
COMMENT ON FUNCTION strata.model_status() IS
    'the own models: versions, freshness, users due today and tomorrow, waiting changes, schedule, what is wrong';
