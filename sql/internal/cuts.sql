-- What the type cuts and the aggregate cuts_agg stand on. The state is a flat bytea: parallel workers and sharded
-- servers can ship it.

CREATE TYPE strata.cuts;
CREATE FUNCTION strata_internal.cuts_in(cstring) RETURNS strata.cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_in_wrapper';
COMMENT ON FUNCTION strata_internal.cuts_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.cuts_out(strata.cuts) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_out_wrapper';
COMMENT ON FUNCTION strata_internal.cuts_out(strata.cuts) IS 'I/O';
CREATE FUNCTION strata_internal.cuts_recv(internal) RETURNS strata.cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_recv_wrapper';
COMMENT ON FUNCTION strata_internal.cuts_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.cuts_send(strata.cuts) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_send_wrapper';
COMMENT ON FUNCTION strata_internal.cuts_send(strata.cuts) IS 'I/O';

CREATE FUNCTION strata_internal.cuts_agg_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_combine';
COMMENT ON FUNCTION strata_internal.cuts_agg_combine(bytea, bytea) IS 'combine function of cuts_agg';
CREATE FUNCTION strata_internal.cuts_agg_final(bytea) RETURNS strata.cuts
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_final_wrapper';
COMMENT ON FUNCTION strata_internal.cuts_agg_final(bytea) IS 'final function of cuts_agg';
CREATE FUNCTION strata_internal.cuts_agg_transition(bytea, numeric) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.cuts_agg_transition(bytea, numeric) IS 'transition function of cuts_agg';
CREATE FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer) IS 'transition function of cuts_agg';
CREATE FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer, text) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer, text) IS
    'transition function of cuts_agg';
CREATE FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer, text, text) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_agg_transition';
COMMENT ON FUNCTION strata_internal.cuts_agg_transition(bytea, numeric, integer, text, text) IS
    'transition function of cuts_agg';
