-- The main job in one call. STABLE: the caller's snapshot, and nothing but reading. The user is text, or of the type of
-- user_type, as in ledgers.

CREATE FUNCTION strata.rfm(
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
COMMENT ON FUNCTION strata.rfm(text, date, text, integer, text, text, text, integer, text) IS
    'scores and segment of every user, from a query of events';
CREATE FUNCTION strata.rfm(
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
COMMENT ON FUNCTION strata.rfm(text, date, bigint, text, integer, text, text, text, integer) IS
    'scores and segment of every user, from a query of events; the user as bigint';
CREATE FUNCTION strata.rfm(
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
COMMENT ON FUNCTION strata.rfm(text, date, integer, text, integer, text, text, text, integer) IS
    'scores and segment of every user, from a query of events; the user as integer';
CREATE FUNCTION strata.rfm(
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
COMMENT ON FUNCTION strata.rfm(text, date, uuid, text, integer, text, text, text, integer) IS
    'scores and segment of every user, from a query of events; the user as uuid';

CREATE FUNCTION strata.rfm_summary(
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
COMMENT ON FUNCTION strata.rfm_summary(text, date, text, integer, text, text, text, integer) IS
    'users, revenue and averages of every segment, from a query of events';
