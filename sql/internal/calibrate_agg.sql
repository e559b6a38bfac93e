-- What calibrate_agg calls. The state is a flat bytea that carries the model: parallel workers and sharded servers can
-- ship it.

CREATE FUNCTION strata_internal.calibrate_agg_transition(bytea, record, strata.model, date) RETURNS bytea
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'calibrate_agg_transition';
COMMENT ON FUNCTION strata_internal.calibrate_agg_transition(bytea, record, strata.model, date) IS
    'transition function of calibrate_agg';
CREATE FUNCTION strata_internal.calibrate_agg_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'calibrate_agg_combine';
COMMENT ON FUNCTION strata_internal.calibrate_agg_combine(bytea, bytea) IS 'combine function of calibrate_agg';
CREATE FUNCTION strata_internal.calibrate_agg_final(bytea) RETURNS strata.model
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'calibrate_agg_final_wrapper';
COMMENT ON FUNCTION strata_internal.calibrate_agg_final(bytea) IS 'final function of calibrate_agg';
