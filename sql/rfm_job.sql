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
    window_days integer DEFAULT NULL
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
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY EXECUTE strata.rfm_query(query, as_of, time_zone, bins, ties, scheme, lang, window_days,
                                          'pg_catalog.text'::pg_catalog.regtype, false);
END
$$;

-- With the user as the type of user_type, whose value is not looked at: user_type => NULL::bigint.
CREATE FUNCTION rfm(
    query text,
    as_of date,
    user_type anyelement,
    time_zone text DEFAULT NULL,
    bins integer DEFAULT 5,
    ties text DEFAULT 'min',
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en',
    window_days integer DEFAULT NULL
) RETURNS TABLE (
    user_id anyelement,
    recency integer,
    frequency bigint,
    monetary numeric,
    r smallint,
    f smallint,
    m smallint,
    code text,
    segment text
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY EXECUTE strata.rfm_query(query, as_of, time_zone, bins, ties, scheme, lang, window_days,
                                          pg_catalog.pg_typeof(user_type), false);
END
$$;

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
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY EXECUTE strata.rfm_query(query, as_of, time_zone, bins, ties, scheme, lang, window_days,
                                          'pg_catalog.text'::pg_catalog.regtype, true);
END
$$;
