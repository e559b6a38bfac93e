-- What the type rfm_cuts and the aggregate rfm_cuts_agg stand on. The state is a flat bytea, as that of cuts_agg.

CREATE TYPE strata.rfm_cuts;
CREATE FUNCTION strata_internal.rfm_cuts_in(cstring) RETURNS strata.rfm_cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_in_wrapper';
COMMENT ON FUNCTION strata_internal.rfm_cuts_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.rfm_cuts_out(strata.rfm_cuts) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_out_wrapper';
COMMENT ON FUNCTION strata_internal.rfm_cuts_out(strata.rfm_cuts) IS 'I/O';
CREATE FUNCTION strata_internal.rfm_cuts_recv(internal) RETURNS strata.rfm_cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_recv_wrapper';
COMMENT ON FUNCTION strata_internal.rfm_cuts_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.rfm_cuts_send(strata.rfm_cuts) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_send_wrapper';
COMMENT ON FUNCTION strata_internal.rfm_cuts_send(strata.rfm_cuts) IS 'I/O';

CREATE FUNCTION strata_internal.rfm_cuts_agg_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_combine';
COMMENT ON FUNCTION strata_internal.rfm_cuts_agg_combine(bytea, bytea) IS 'combine function of rfm_cuts_agg';
CREATE FUNCTION strata_internal.rfm_cuts_agg_final(bytea) RETURNS strata.rfm_cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_final_wrapper';
COMMENT ON FUNCTION strata_internal.rfm_cuts_agg_final(bytea) IS 'final function of rfm_cuts_agg';
CREATE FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric) IS
    'transition function of rfm_cuts_agg';
CREATE FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer) IS
    'transition function of rfm_cuts_agg';
CREATE FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer, text) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.rfm_cuts_agg_transition(bytea, integer, bigint, numeric, integer, text) IS
    'transition function of rfm_cuts_agg';
