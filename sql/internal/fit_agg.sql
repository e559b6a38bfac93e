-- What the fitted models and the aggregates that fit them stand on. The states are flat byteas.

CREATE TYPE strata.bgnbd;
CREATE FUNCTION strata_internal.bgnbd_in(cstring) RETURNS strata.bgnbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_in_wrapper';
COMMENT ON FUNCTION strata_internal.bgnbd_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.bgnbd_out(strata.bgnbd) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
COMMENT ON FUNCTION strata_internal.bgnbd_out(strata.bgnbd) IS 'I/O';
CREATE FUNCTION strata_internal.bgnbd_recv(internal) RETURNS strata.bgnbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_recv_wrapper';
COMMENT ON FUNCTION strata_internal.bgnbd_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.bgnbd_send(strata.bgnbd) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
COMMENT ON FUNCTION strata_internal.bgnbd_send(strata.bgnbd) IS 'I/O';

CREATE TYPE strata.pareto_nbd;
CREATE FUNCTION strata_internal.pareto_nbd_in(cstring) RETURNS strata.pareto_nbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_in_wrapper';
COMMENT ON FUNCTION strata_internal.pareto_nbd_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.pareto_nbd_out(strata.pareto_nbd) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
COMMENT ON FUNCTION strata_internal.pareto_nbd_out(strata.pareto_nbd) IS 'I/O';
CREATE FUNCTION strata_internal.pareto_nbd_recv(internal) RETURNS strata.pareto_nbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_recv_wrapper';
COMMENT ON FUNCTION strata_internal.pareto_nbd_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.pareto_nbd_send(strata.pareto_nbd) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
COMMENT ON FUNCTION strata_internal.pareto_nbd_send(strata.pareto_nbd) IS 'I/O';

CREATE TYPE strata.bgbb;
CREATE FUNCTION strata_internal.bgbb_in(cstring) RETURNS strata.bgbb
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_in_wrapper';
COMMENT ON FUNCTION strata_internal.bgbb_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.bgbb_out(strata.bgbb) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
COMMENT ON FUNCTION strata_internal.bgbb_out(strata.bgbb) IS 'I/O';
CREATE FUNCTION strata_internal.bgbb_recv(internal) RETURNS strata.bgbb
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_recv_wrapper';
COMMENT ON FUNCTION strata_internal.bgbb_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.bgbb_send(strata.bgbb) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
COMMENT ON FUNCTION strata_internal.bgbb_send(strata.bgbb) IS 'I/O';

CREATE TYPE strata.gamma_gamma;
CREATE FUNCTION strata_internal.gamma_gamma_in(cstring) RETURNS strata.gamma_gamma
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_in_wrapper';
COMMENT ON FUNCTION strata_internal.gamma_gamma_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.gamma_gamma_out(strata.gamma_gamma) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
COMMENT ON FUNCTION strata_internal.gamma_gamma_out(strata.gamma_gamma) IS 'I/O';
CREATE FUNCTION strata_internal.gamma_gamma_recv(internal) RETURNS strata.gamma_gamma
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_recv_wrapper';
COMMENT ON FUNCTION strata_internal.gamma_gamma_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.gamma_gamma_send(strata.gamma_gamma) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
COMMENT ON FUNCTION strata_internal.gamma_gamma_send(strata.gamma_gamma) IS 'I/O';

CREATE FUNCTION strata_internal.purchases_fit_transition(
    bytea,
    bigint,
    double precision,
    double precision
) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_transition';
COMMENT ON FUNCTION strata_internal.purchases_fit_transition(bytea, bigint, double precision, double precision) IS
    'transition function of the fits of purchase models';
CREATE FUNCTION strata_internal.purchases_fit_transition(
    bytea,
    bigint,
    double precision,
    double precision,
    bigint
) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_transition';
COMMENT ON FUNCTION strata_internal.purchases_fit_transition(
    bytea, bigint, double precision, double precision, bigint
) IS 'transition function of the fits of purchase models';
CREATE FUNCTION strata_internal.purchases_fit_transition(
    bytea,
    bigint,
    double precision,
    double precision,
    bigint,
    text
) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_transition';
COMMENT ON FUNCTION strata_internal.purchases_fit_transition(
    bytea, bigint, double precision, double precision, bigint, text
) IS 'transition function of the fits of purchase models';
CREATE FUNCTION strata_internal.purchases_fit_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_combine';
COMMENT ON FUNCTION strata_internal.purchases_fit_combine(bytea, bytea) IS
    'combine function of the fits of purchase models';
CREATE FUNCTION strata_internal.bgnbd_fit_final(bytea) RETURNS strata.bgnbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_fit_final_wrapper';
COMMENT ON FUNCTION strata_internal.bgnbd_fit_final(bytea) IS 'final function of bgnbd_fit_agg';
CREATE FUNCTION strata_internal.pareto_nbd_fit_final(bytea) RETURNS strata.pareto_nbd
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_fit_final_wrapper';
COMMENT ON FUNCTION strata_internal.pareto_nbd_fit_final(bytea) IS 'final function of pareto_nbd_fit_agg';
CREATE FUNCTION strata_internal.bgbb_fit_final(bytea) RETURNS strata.bgbb
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_fit_final_wrapper';
COMMENT ON FUNCTION strata_internal.bgbb_fit_final(bytea) IS 'final function of bgbb_fit_agg';

CREATE FUNCTION strata_internal.gamma_gamma_fit_transition(bytea, bigint, double precision) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_transition';
COMMENT ON FUNCTION strata_internal.gamma_gamma_fit_transition(bytea, bigint, double precision) IS
    'transition function of gamma_gamma_fit_agg';
CREATE FUNCTION strata_internal.gamma_gamma_fit_transition(bytea, bigint, double precision, bigint) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_transition';
COMMENT ON FUNCTION strata_internal.gamma_gamma_fit_transition(bytea, bigint, double precision, bigint) IS
    'transition function of gamma_gamma_fit_agg';
CREATE FUNCTION strata_internal.gamma_gamma_fit_combine(bytea, bytea) RETURNS bytea
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_combine';
COMMENT ON FUNCTION strata_internal.gamma_gamma_fit_combine(bytea, bytea) IS 'combine function of gamma_gamma_fit_agg';
CREATE FUNCTION strata_internal.gamma_gamma_fit_final(bytea) RETURNS strata.gamma_gamma
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_final_wrapper';
COMMENT ON FUNCTION strata_internal.gamma_gamma_fit_final(bytea) IS 'final function of gamma_gamma_fit_agg';
