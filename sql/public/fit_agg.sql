-- Prediction: the fitted models as types, and the aggregates that fit them to all users.

CREATE TYPE strata.bgnbd (
    INPUT = strata_internal.bgnbd_in,
    OUTPUT = strata_internal.bgnbd_out,
    RECEIVE = strata_internal.bgnbd_recv,
    SEND = strata_internal.bgnbd_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.bgnbd IS 'a BG/NBD model: who is still there, and how many purchases are to come';
CREATE CAST (strata.bgnbd AS json) WITH INOUT;
COMMENT ON CAST (strata.bgnbd AS json) IS 'parameters and fit of the model by name';
CREATE CAST (strata.bgnbd AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.bgnbd AS jsonb) IS 'parameters and fit of the model by name';

CREATE TYPE strata.pareto_nbd (
    INPUT = strata_internal.pareto_nbd_in,
    OUTPUT = strata_internal.pareto_nbd_out,
    RECEIVE = strata_internal.pareto_nbd_recv,
    SEND = strata_internal.pareto_nbd_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.pareto_nbd IS 'a Pareto/NBD model: who is still there, and how many purchases are to come';
CREATE CAST (strata.pareto_nbd AS json) WITH INOUT;
COMMENT ON CAST (strata.pareto_nbd AS json) IS 'parameters and fit of the model by name';
CREATE CAST (strata.pareto_nbd AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.pareto_nbd AS jsonb) IS 'parameters and fit of the model by name';

CREATE TYPE strata.bgbb (
    INPUT = strata_internal.bgbb_in,
    OUTPUT = strata_internal.bgbb_out,
    RECEIVE = strata_internal.bgbb_recv,
    SEND = strata_internal.bgbb_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.bgbb IS 'a BG/BB model: who takes the next of discrete opportunities';
CREATE CAST (strata.bgbb AS json) WITH INOUT;
COMMENT ON CAST (strata.bgbb AS json) IS 'parameters and fit of the model by name';
CREATE CAST (strata.bgbb AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.bgbb AS jsonb) IS 'parameters and fit of the model by name';

CREATE TYPE strata.gamma_gamma (
    INPUT = strata_internal.gamma_gamma_in,
    OUTPUT = strata_internal.gamma_gamma_out,
    RECEIVE = strata_internal.gamma_gamma_recv,
    SEND = strata_internal.gamma_gamma_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.gamma_gamma IS 'a gamma-gamma model: what a user spends on a purchase';
CREATE CAST (strata.gamma_gamma AS json) WITH INOUT;
COMMENT ON CAST (strata.gamma_gamma AS json) IS 'parameters and fit of the model by name';
CREATE CAST (strata.gamma_gamma AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.gamma_gamma AS jsonb) IS 'parameters and fit of the model by name';

CREATE AGGREGATE strata.bgnbd_fit_agg(x bigint, t_x double precision, t double precision) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.bgnbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.bgnbd_fit_agg(bigint, double precision, double precision) IS
    'the BG/NBD model that fits a set of users best';
CREATE AGGREGATE strata.bgnbd_fit_agg(x bigint, t_x double precision, t double precision, weight bigint) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.bgnbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.bgnbd_fit_agg(bigint, double precision, double precision, bigint) IS
    'the BG/NBD model that fits a set of users best';
CREATE AGGREGATE strata.bgnbd_fit_agg(x bigint, t_x double precision, t double precision, weight bigint, unit text) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.bgnbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.bgnbd_fit_agg(bigint, double precision, double precision, bigint, text) IS
    'the BG/NBD model that fits a set of users best';
CREATE AGGREGATE strata.pareto_nbd_fit_agg(x bigint, t_x double precision, t double precision) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.pareto_nbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.pareto_nbd_fit_agg(bigint, double precision, double precision) IS
    'the Pareto/NBD model that fits a set of users best';
CREATE AGGREGATE strata.pareto_nbd_fit_agg(x bigint, t_x double precision, t double precision, weight bigint) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.pareto_nbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.pareto_nbd_fit_agg(bigint, double precision, double precision, bigint) IS
    'the Pareto/NBD model that fits a set of users best';
CREATE AGGREGATE strata.pareto_nbd_fit_agg(
    x bigint,
    t_x double precision,
    t double precision,
    weight bigint,
    unit text
) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.pareto_nbd_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.pareto_nbd_fit_agg(bigint, double precision, double precision, bigint, text) IS
    'the Pareto/NBD model that fits a set of users best';
CREATE AGGREGATE strata.bgbb_fit_agg(x bigint, t_x double precision, t double precision) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.bgbb_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.bgbb_fit_agg(bigint, double precision, double precision) IS
    'the BG/BB model that fits a set of users best';
CREATE AGGREGATE strata.bgbb_fit_agg(x bigint, t_x double precision, t double precision, weight bigint) (
    SFUNC = strata_internal.purchases_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.bgbb_fit_final, COMBINEFUNC = strata_internal.purchases_fit_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.bgbb_fit_agg(bigint, double precision, double precision, bigint) IS
    'the BG/BB model that fits a set of users best';
CREATE AGGREGATE strata.gamma_gamma_fit_agg(x bigint, mean_amount double precision) (
    SFUNC = strata_internal.gamma_gamma_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.gamma_gamma_fit_final, COMBINEFUNC = strata_internal.gamma_gamma_fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.gamma_gamma_fit_agg(bigint, double precision) IS
    'the gamma-gamma model that fits the repeat amounts of a set of users best';
CREATE AGGREGATE strata.gamma_gamma_fit_agg(x bigint, mean_amount double precision, weight bigint) (
    SFUNC = strata_internal.gamma_gamma_fit_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.gamma_gamma_fit_final, COMBINEFUNC = strata_internal.gamma_gamma_fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.gamma_gamma_fit_agg(bigint, double precision, bigint) IS
    'the gamma-gamma model that fits the repeat amounts of a set of users best';
