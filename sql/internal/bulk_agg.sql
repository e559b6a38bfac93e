-- The engine of ledgers, rfm and rfm_summary: all users of a query at once. It works only below the functions that
-- start it.

CREATE FUNCTION strata_internal.bulk_agg_transition(internal, "any", "any", "any", text, date, integer) RETURNS internal
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_transition';
COMMENT ON FUNCTION strata_internal.bulk_agg_transition(internal, "any", "any", "any", text, date, integer) IS
    'transition function of bulk_agg';
CREATE FUNCTION strata_internal.bulk_agg_serialize(internal) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_serialize';
COMMENT ON FUNCTION strata_internal.bulk_agg_serialize(internal) IS 'part of a parallel worker as bytes';
CREATE FUNCTION strata_internal.bulk_agg_deserialize(bytea, internal) RETURNS internal
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_deserialize';
COMMENT ON FUNCTION strata_internal.bulk_agg_deserialize(bytea, internal) IS 'part of a parallel worker as it was sent';
CREATE FUNCTION strata_internal.bulk_agg_combine(internal, internal) RETURNS internal
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_combine';
COMMENT ON FUNCTION strata_internal.bulk_agg_combine(internal, internal) IS 'combine function of bulk_agg';
CREATE FUNCTION strata_internal.bulk_agg_final(internal) RETURNS void
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bulk_agg_final';
COMMENT ON FUNCTION strata_internal.bulk_agg_final(internal) IS 'final function of bulk_agg';

CREATE AGGREGATE strata_internal.bulk_agg("any", "any", "any", time_zone text, as_of date, window_days integer) (
    SFUNC = strata_internal.bulk_agg_transition, STYPE = internal, SSPACE = 1048576,
    FINALFUNC = strata_internal.bulk_agg_final, FINALFUNC_MODIFY = READ_WRITE,
    COMBINEFUNC = strata_internal.bulk_agg_combine, SERIALFUNC = strata_internal.bulk_agg_serialize,
    DESERIALFUNC = strata_internal.bulk_agg_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata_internal.bulk_agg("any", "any", "any", text, date, integer) IS
    'engine of ledgers, rfm and rfm_summary; works only below them';
