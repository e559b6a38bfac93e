-- Prediction: the models as types, their fits as aggregates over a flat bytea, and what they answer of a user: given by
-- (x, t_x, t), or by a ledger as of a day.

CREATE TYPE bgnbd;
CREATE FUNCTION bgnbd_in(cstring) RETURNS bgnbd IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_in_wrapper';
CREATE FUNCTION bgnbd_out(bgnbd) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
CREATE FUNCTION bgnbd_recv(internal) RETURNS bgnbd IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_recv_wrapper';
CREATE FUNCTION bgnbd_send(bgnbd) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
CREATE TYPE bgnbd (
    INPUT = bgnbd_in,
    OUTPUT = bgnbd_out,
    RECEIVE = bgnbd_recv,
    SEND = bgnbd_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
CREATE CAST (bgnbd AS json) WITH INOUT;
CREATE CAST (bgnbd AS jsonb) WITH INOUT;

CREATE TYPE pareto_nbd;
CREATE FUNCTION pareto_nbd_in(cstring) RETURNS pareto_nbd IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_in_wrapper';
CREATE FUNCTION pareto_nbd_out(pareto_nbd) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
CREATE FUNCTION pareto_nbd_recv(internal) RETURNS pareto_nbd IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_recv_wrapper';
CREATE FUNCTION pareto_nbd_send(pareto_nbd) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
CREATE TYPE pareto_nbd (
    INPUT = pareto_nbd_in,
    OUTPUT = pareto_nbd_out,
    RECEIVE = pareto_nbd_recv,
    SEND = pareto_nbd_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
CREATE CAST (pareto_nbd AS json) WITH INOUT;
CREATE CAST (pareto_nbd AS jsonb) WITH INOUT;

CREATE TYPE bgbb;
CREATE FUNCTION bgbb_in(cstring) RETURNS bgbb IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_in_wrapper';
CREATE FUNCTION bgbb_out(bgbb) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
CREATE FUNCTION bgbb_recv(internal) RETURNS bgbb IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_recv_wrapper';
CREATE FUNCTION bgbb_send(bgbb) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
CREATE TYPE bgbb (
    INPUT = bgbb_in,
    OUTPUT = bgbb_out,
    RECEIVE = bgbb_recv,
    SEND = bgbb_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
CREATE CAST (bgbb AS json) WITH INOUT;
CREATE CAST (bgbb AS jsonb) WITH INOUT;

CREATE TYPE gamma_gamma;
CREATE FUNCTION gamma_gamma_in(cstring) RETURNS gamma_gamma IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_in_wrapper';
CREATE FUNCTION gamma_gamma_out(gamma_gamma) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_out_wrapper';
CREATE FUNCTION gamma_gamma_recv(internal) RETURNS gamma_gamma IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_recv_wrapper';
CREATE FUNCTION gamma_gamma_send(gamma_gamma) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'prediction_send_wrapper';
CREATE TYPE gamma_gamma (
    INPUT = gamma_gamma_in,
    OUTPUT = gamma_gamma_out,
    RECEIVE = gamma_gamma_recv,
    SEND = gamma_gamma_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
CREATE CAST (gamma_gamma AS json) WITH INOUT;
CREATE CAST (gamma_gamma AS jsonb) WITH INOUT;

CREATE FUNCTION purchase_summary(ledger ledger, as_of date, OUT x integer, OUT t_x integer, OUT t integer, OUT mean_amount double precision) IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchase_summary';

-- Fits
CREATE FUNCTION purchases_fit_combine(bytea, bytea) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_combine';
CREATE FUNCTION purchases_fit_transition(bytea, bigint, double precision, double precision) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_transition';
CREATE FUNCTION purchases_fit_transition(bytea, bigint, double precision, double precision, bigint) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_transition';
CREATE FUNCTION purchases_fit_transition(bytea, bigint, double precision, double precision, bigint, text) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchases_fit_transition';

CREATE FUNCTION bgnbd_fit_final(bytea) RETURNS bgnbd IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_fit_final_wrapper';
CREATE AGGREGATE bgnbd_fit_agg(x bigint, t_x double precision, t double precision) (SFUNC = purchases_fit_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = bgnbd_fit_final, COMBINEFUNC = purchases_fit_combine, PARALLEL = SAFE);
CREATE AGGREGATE bgnbd_fit_agg(x bigint, t_x double precision, t double precision, weight bigint) (SFUNC = purchases_fit_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = bgnbd_fit_final, COMBINEFUNC = purchases_fit_combine, PARALLEL = SAFE);
CREATE AGGREGATE bgnbd_fit_agg(x bigint, t_x double precision, t double precision, weight bigint, unit text) (SFUNC = purchases_fit_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = bgnbd_fit_final, COMBINEFUNC = purchases_fit_combine, PARALLEL = SAFE);

CREATE FUNCTION pareto_nbd_fit_final(bytea) RETURNS pareto_nbd IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_fit_final_wrapper';
CREATE AGGREGATE pareto_nbd_fit_agg(x bigint, t_x double precision, t double precision) (SFUNC = purchases_fit_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = pareto_nbd_fit_final, COMBINEFUNC = purchases_fit_combine, PARALLEL = SAFE);
CREATE AGGREGATE pareto_nbd_fit_agg(x bigint, t_x double precision, t double precision, weight bigint) (SFUNC = purchases_fit_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = pareto_nbd_fit_final, COMBINEFUNC = purchases_fit_combine, PARALLEL = SAFE);
CREATE AGGREGATE pareto_nbd_fit_agg(x bigint, t_x double precision, t double precision, weight bigint, unit text) (SFUNC = purchases_fit_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = pareto_nbd_fit_final, COMBINEFUNC = purchases_fit_combine, PARALLEL = SAFE);

CREATE FUNCTION bgbb_fit_final(bytea) RETURNS bgbb IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_fit_final_wrapper';
CREATE AGGREGATE bgbb_fit_agg(x bigint, t_x double precision, t double precision) (SFUNC = purchases_fit_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = bgbb_fit_final, COMBINEFUNC = purchases_fit_combine, PARALLEL = SAFE);
CREATE AGGREGATE bgbb_fit_agg(x bigint, t_x double precision, t double precision, weight bigint) (SFUNC = purchases_fit_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = bgbb_fit_final, COMBINEFUNC = purchases_fit_combine, PARALLEL = SAFE);

CREATE FUNCTION gamma_gamma_fit_combine(bytea, bytea) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_combine';
CREATE FUNCTION gamma_gamma_fit_final(bytea) RETURNS gamma_gamma IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_final_wrapper';
CREATE FUNCTION gamma_gamma_fit_transition(bytea, bigint, double precision) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_transition';
CREATE AGGREGATE gamma_gamma_fit_agg(x bigint, mean_amount double precision) (SFUNC = gamma_gamma_fit_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = gamma_gamma_fit_final, COMBINEFUNC = gamma_gamma_fit_combine, PARALLEL = SAFE);
CREATE FUNCTION gamma_gamma_fit_transition(bytea, bigint, double precision, bigint) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'gamma_gamma_fit_transition';
CREATE AGGREGATE gamma_gamma_fit_agg(x bigint, mean_amount double precision, weight bigint) (SFUNC = gamma_gamma_fit_transition, STYPE = bytea, SSPACE = 1024, FINALFUNC = gamma_gamma_fit_final, COMBINEFUNC = gamma_gamma_fit_combine, PARALLEL = SAFE);

-- The check of a model on what came after its fit
CREATE FUNCTION bgnbd_holdout_transition(bytea, ledger, bgnbd, date, date) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_holdout_transition';
CREATE FUNCTION bgnbd_holdout_combine(bytea, bytea) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_holdout_combine';
CREATE FUNCTION bgnbd_holdout_final(bytea) RETURNS jsonb IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_holdout_final_wrapper';
CREATE AGGREGATE bgnbd_holdout(ledger ledger, model bgnbd, calibration_end date, holdout_end date) (SFUNC = bgnbd_holdout_transition, STYPE = bytea, SSPACE = 2048, FINALFUNC = bgnbd_holdout_final, COMBINEFUNC = bgnbd_holdout_combine, PARALLEL = SAFE);

-- Readers
CREATE FUNCTION p_alive(model bgnbd, x bigint, t_x double precision, t double precision) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_p_alive';
CREATE FUNCTION p_alive(model bgnbd, ledger ledger, as_of date) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_p_alive';
CREATE FUNCTION expected_purchases(model bgnbd, days double precision, x bigint, t_x double precision, t double precision) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_expected_purchases';
CREATE FUNCTION expected_purchases(model bgnbd, days double precision, ledger ledger, as_of date) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_expected_purchases';
CREATE FUNCTION probability_of_purchase(model bgnbd, days double precision, x bigint, t_x double precision, t double precision) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_probability_of_purchase';
CREATE FUNCTION probability_of_purchase(model bgnbd, days double precision, ledger ledger, as_of date) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_probability_of_purchase';
CREATE FUNCTION p_alive(model pareto_nbd, x bigint, t_x double precision, t double precision) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_p_alive';
CREATE FUNCTION p_alive(model pareto_nbd, ledger ledger, as_of date) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_p_alive';
CREATE FUNCTION expected_purchases(model pareto_nbd, days double precision, x bigint, t_x double precision, t double precision) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_expected_purchases';
CREATE FUNCTION expected_purchases(model pareto_nbd, days double precision, ledger ledger, as_of date) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_expected_purchases';
CREATE FUNCTION probability_of_purchase(model pareto_nbd, days double precision, x bigint, t_x double precision, t double precision) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_probability_of_purchase';
CREATE FUNCTION probability_of_purchase(model pareto_nbd, days double precision, ledger ledger, as_of date) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_probability_of_purchase';
CREATE FUNCTION p_alive(model bgbb, x bigint, t_x double precision, t double precision) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_p_alive';
CREATE FUNCTION expected_purchases(model bgbb, opportunities double precision, x bigint, t_x double precision, t double precision) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_expected_purchases';
CREATE FUNCTION probability_of_purchase(model bgbb, opportunities double precision, x bigint, t_x double precision, t double precision) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_probability_of_purchase';

CREATE FUNCTION expected_amount(model gamma_gamma, x bigint, mean_amount double precision) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'expected_amount';
CREATE FUNCTION expected_amount(model gamma_gamma, ledger ledger, as_of date) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_expected_amount';
CREATE FUNCTION customer_lifetime_value(purchases bgnbd, amounts gamma_gamma, horizon_days double precision, discount_rate double precision, margin double precision, x bigint, t_x double precision, t double precision, mean_amount double precision, discounting text DEFAULT 'monthly') RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_lifetime_value';
CREATE FUNCTION customer_lifetime_value(purchases bgnbd, amounts gamma_gamma, horizon_days double precision, discount_rate double precision, margin double precision, ledger ledger, as_of date, discounting text DEFAULT 'monthly') RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_lifetime_value';
CREATE FUNCTION customer_lifetime_value(purchases pareto_nbd, amounts gamma_gamma, horizon_days double precision, discount_rate double precision, margin double precision, x bigint, t_x double precision, t double precision, mean_amount double precision, discounting text DEFAULT 'monthly') RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_lifetime_value';
CREATE FUNCTION customer_lifetime_value(purchases pareto_nbd, amounts gamma_gamma, horizon_days double precision, discount_rate double precision, margin double precision, ledger ledger, as_of date, discounting text DEFAULT 'monthly') RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_lifetime_value';
