-- The main job in one call. STABLE: the caller's snapshot, and nothing but reading.

-- With the user as text.
CREATE FUNCTION rfm(
    query text,
    as_of date,
    time_zone text DEFAULT NULL,
    bins integer DEFAULT 5,
    ties text DEFAULT 'min',
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en',
    window_days integer DEFAULT NULL,
    user_type text DEFAULT NULL
) RETURNS TABLE (
    user_id text,
    recency integer,
    frequency bigint,
    monetary numeric,
    r smallint,
    f smallint,
    m smallint,
    code text,
    segment text
) STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'rfm';

-- With the user as the type of user_type, whose value is not looked at: user_type => NULL::bigint. One function for each
-- type, not a polymorphic one: PostgreSQL mistakes the row type of those when arguments are named in another order.
CREATE FUNCTION rfm(
    query text,
    as_of date,
    user_type bigint,
    time_zone text DEFAULT NULL,
    bins integer DEFAULT 5,
    ties text DEFAULT 'min',
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en',
    window_days integer DEFAULT NULL
) RETURNS TABLE (
    user_id bigint,
    recency integer,
    frequency bigint,
    monetary numeric,
    r smallint,
    f smallint,
    m smallint,
    code text,
    segment text
) STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'rfm';

CREATE FUNCTION rfm(
    query text,
    as_of date,
    user_type integer,
    time_zone text DEFAULT NULL,
    bins integer DEFAULT 5,
    ties text DEFAULT 'min',
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en',
    window_days integer DEFAULT NULL
) RETURNS TABLE (
    user_id integer,
    recency integer,
    frequency bigint,
    monetary numeric,
    r smallint,
    f smallint,
    m smallint,
    code text,
    segment text
) STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'rfm';

CREATE FUNCTION rfm(
    query text,
    as_of date,
    user_type uuid,
    time_zone text DEFAULT NULL,
    bins integer DEFAULT 5,
    ties text DEFAULT 'min',
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en',
    window_days integer DEFAULT NULL
) RETURNS TABLE (
    user_id uuid,
    recency integer,
    frequency bigint,
    monetary numeric,
    r smallint,
    f smallint,
    m smallint,
    code text,
    segment text
) STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'rfm';

CREATE FUNCTION rfm_summary(
    query text,
    as_of date,
    time_zone text DEFAULT NULL,
    bins integer DEFAULT 5,
    ties text DEFAULT 'min',
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en',
    window_days integer DEFAULT NULL
) RETURNS TABLE (
    segment text,
    users bigint,
    share numeric,
    revenue numeric,
    revenue_share numeric,
    average_recency numeric,
    average_frequency numeric,
    average_monetary numeric
) STABLE ROWS 12 LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_summary';
