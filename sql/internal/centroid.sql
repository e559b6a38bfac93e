-- What the type centroid and the aggregate centroid_agg stand on.

CREATE TYPE strata.centroid;
CREATE FUNCTION strata_internal.centroid_in(cstring) RETURNS strata.centroid
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_in_wrapper';
COMMENT ON FUNCTION strata_internal.centroid_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.centroid_out(strata.centroid) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
COMMENT ON FUNCTION strata_internal.centroid_out(strata.centroid) IS 'I/O';
CREATE FUNCTION strata_internal.centroid_recv(internal) RETURNS strata.centroid
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_recv_wrapper';
COMMENT ON FUNCTION strata_internal.centroid_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.centroid_send(strata.centroid) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
COMMENT ON FUNCTION strata_internal.centroid_send(strata.centroid) IS 'I/O';

CREATE FUNCTION strata_internal.centroid_agg_transition(bytea, record, strata.model, text, date) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_agg_transition';
COMMENT ON FUNCTION strata_internal.centroid_agg_transition(bytea, record, strata.model, text, date) IS
    'transition function of centroid_agg';
CREATE FUNCTION strata_internal.centroid_agg_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_agg_combine';
COMMENT ON FUNCTION strata_internal.centroid_agg_combine(bytea, bytea) IS 'combine function of centroid_agg';
CREATE FUNCTION strata_internal.centroid_agg_final(bytea) RETURNS strata.centroid
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'centroid_agg_final_wrapper';
COMMENT ON FUNCTION strata_internal.centroid_agg_final(bytea) IS 'final function of centroid_agg';
