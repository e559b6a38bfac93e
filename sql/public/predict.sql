-- What fitted models answer of a user: given by (x, t_x, t), or by a ledger as of a day.

CREATE FUNCTION strata.purchase_summary(
    ledger strata.ledger,
    as_of date,
    OUT x integer,
    OUT t_x integer,
    OUT t integer,
    OUT mean_amount double precision
) IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'purchase_summary';
COMMENT ON FUNCTION strata.purchase_summary(strata.ledger, date) IS
    'what purchase models need of a user: repeat days, days to the last of them and to as_of, mean amount of a '
    'repeat day';

CREATE FUNCTION strata.p_alive(
    model strata.bgnbd,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_p_alive';
COMMENT ON FUNCTION strata.p_alive(strata.bgnbd, bigint, double precision, double precision) IS
    'probability that a user is still there';
CREATE FUNCTION strata.p_alive(model strata.bgnbd, ledger strata.ledger, as_of date) RETURNS double precision
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_p_alive';
COMMENT ON FUNCTION strata.p_alive(strata.bgnbd, strata.ledger, date) IS 'probability that a user is still there';
CREATE FUNCTION strata.p_alive(
    model strata.pareto_nbd,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_p_alive';
COMMENT ON FUNCTION strata.p_alive(strata.pareto_nbd, bigint, double precision, double precision) IS
    'probability that a user is still there';
CREATE FUNCTION strata.p_alive(model strata.pareto_nbd, ledger strata.ledger, as_of date) RETURNS double precision
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_p_alive';
COMMENT ON FUNCTION strata.p_alive(strata.pareto_nbd, strata.ledger, date) IS 'probability that a user is still there';
CREATE FUNCTION strata.p_alive(
    model strata.bgbb,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_p_alive';
COMMENT ON FUNCTION strata.p_alive(strata.bgbb, bigint, double precision, double precision) IS
    'probability that a user is still there';
CREATE FUNCTION strata.expected_purchases(
    model strata.bgnbd,
    days double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_expected_purchases';
COMMENT ON FUNCTION strata.expected_purchases(
    strata.bgnbd, double precision, bigint, double precision, double precision
) IS 'expected number of purchase days within the horizon';
CREATE FUNCTION strata.expected_purchases(
    model strata.bgnbd,
    days double precision,
    ledger strata.ledger,
    as_of date
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_expected_purchases';
COMMENT ON FUNCTION strata.expected_purchases(strata.bgnbd, double precision, strata.ledger, date) IS
    'expected number of purchase days within the horizon';
CREATE FUNCTION strata.expected_purchases(
    model strata.pareto_nbd,
    days double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_expected_purchases';
COMMENT ON FUNCTION strata.expected_purchases(
    strata.pareto_nbd, double precision, bigint, double precision, double precision
) IS 'expected number of purchase days within the horizon';
CREATE FUNCTION strata.expected_purchases(
    model strata.pareto_nbd,
    days double precision,
    ledger strata.ledger,
    as_of date
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_expected_purchases';
COMMENT ON FUNCTION strata.expected_purchases(strata.pareto_nbd, double precision, strata.ledger, date) IS
    'expected number of purchase days within the horizon';
CREATE FUNCTION strata.expected_purchases(
    model strata.bgbb,
    opportunities double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_expected_purchases';
COMMENT ON FUNCTION strata.expected_purchases(
    strata.bgbb, double precision, bigint, double precision, double precision
) IS 'expected number of purchase days within the horizon';
CREATE FUNCTION strata.purchase_probability(
    model strata.bgnbd,
    days double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_purchase_probability';
COMMENT ON FUNCTION strata.purchase_probability(
    strata.bgnbd, double precision, bigint, double precision, double precision
) IS 'probability of a purchase within the horizon';
CREATE FUNCTION strata.purchase_probability(
    model strata.bgnbd,
    days double precision,
    ledger strata.ledger,
    as_of date
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_purchase_probability';
COMMENT ON FUNCTION strata.purchase_probability(strata.bgnbd, double precision, strata.ledger, date) IS
    'probability of a purchase within the horizon';
CREATE FUNCTION strata.purchase_probability(
    model strata.pareto_nbd,
    days double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_purchase_probability';
COMMENT ON FUNCTION strata.purchase_probability(
    strata.pareto_nbd, double precision, bigint, double precision, double precision
) IS 'probability of a purchase within the horizon';
CREATE FUNCTION strata.purchase_probability(
    model strata.pareto_nbd,
    days double precision,
    ledger strata.ledger,
    as_of date
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_purchase_probability';
COMMENT ON FUNCTION strata.purchase_probability(strata.pareto_nbd, double precision, strata.ledger, date) IS
    'probability of a purchase within the horizon';
CREATE FUNCTION strata.purchase_probability(
    model strata.bgbb,
    opportunities double precision,
    x bigint,
    t_x double precision,
    t double precision
) RETURNS double precision IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgbb_purchase_probability';
COMMENT ON FUNCTION strata.purchase_probability(
    strata.bgbb, double precision, bigint, double precision, double precision
) IS 'probability of a purchase within the horizon';

CREATE FUNCTION strata.expected_amount(
    model strata.gamma_gamma,
    x bigint,
    mean_amount double precision
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'expected_amount';
COMMENT ON FUNCTION strata.expected_amount(strata.gamma_gamma, bigint, double precision) IS
    'expected amount of a purchase to come';
CREATE FUNCTION strata.expected_amount(
    model strata.gamma_gamma,
    ledger strata.ledger,
    as_of date
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_expected_amount';
COMMENT ON FUNCTION strata.expected_amount(strata.gamma_gamma, strata.ledger, date) IS
    'expected amount of a purchase to come';
CREATE FUNCTION strata.lifetime_value(
    purchases strata.bgnbd,
    amounts strata.gamma_gamma,
    horizon_days double precision,
    discount_rate double precision,
    margin double precision,
    x bigint,
    t_x double precision,
    t double precision,
    mean_amount double precision,
    discounting text DEFAULT 'monthly'
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_lifetime_value';
COMMENT ON FUNCTION strata.lifetime_value(
    strata.bgnbd, strata.gamma_gamma, double precision, double precision, double precision, bigint, double precision,
    double precision, double precision, text
) IS 'discounted value of the purchases of a user within the horizon';
CREATE FUNCTION strata.lifetime_value(
    purchases strata.bgnbd,
    amounts strata.gamma_gamma,
    horizon_days double precision,
    discount_rate double precision,
    margin double precision,
    ledger strata.ledger,
    as_of date,
    discounting text DEFAULT 'monthly'
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'bgnbd_lifetime_value';
COMMENT ON FUNCTION strata.lifetime_value(
    strata.bgnbd, strata.gamma_gamma, double precision, double precision, double precision, strata.ledger, date, text
) IS 'discounted value of the purchases of a user within the horizon';
CREATE FUNCTION strata.lifetime_value(
    purchases strata.pareto_nbd,
    amounts strata.gamma_gamma,
    horizon_days double precision,
    discount_rate double precision,
    margin double precision,
    x bigint,
    t_x double precision,
    t double precision,
    mean_amount double precision,
    discounting text DEFAULT 'monthly'
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_lifetime_value';
COMMENT ON FUNCTION strata.lifetime_value(
    strata.pareto_nbd, strata.gamma_gamma, double precision, double precision, double precision, bigint,
    double precision, double precision, double precision, text
) IS 'discounted value of the purchases of a user within the horizon';
CREATE FUNCTION strata.lifetime_value(
    purchases strata.pareto_nbd,
    amounts strata.gamma_gamma,
    horizon_days double precision,
    discount_rate double precision,
    margin double precision,
    ledger strata.ledger,
    as_of date,
    discounting text DEFAULT 'monthly'
) RETURNS double precision IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pareto_nbd_lifetime_value';
COMMENT ON FUNCTION strata.lifetime_value(
    strata.pareto_nbd, strata.gamma_gamma, double precision, double precision, double precision, strata.ledger, date,
    text
) IS 'discounted value of the purchases of a user within the horizon';
