-- Scores of one metric by its exact cut points over a set of users.

CREATE TYPE strata.cuts (
    INPUT = strata_internal.cuts_in,
    OUTPUT = strata_internal.cuts_out,
    RECEIVE = strata_internal.cuts_recv,
    SEND = strata_internal.cuts_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.cuts IS
    'the exact cut points of one metric over a set of users, with bins, tie policy, direction and means';

CREATE AGGREGATE strata.cuts_agg(value numeric) (
    SFUNC = strata_internal.cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.cuts_agg_final, COMBINEFUNC = strata_internal.cuts_agg_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.cuts_agg(numeric) IS 'cut points of a metric over a set of users';
CREATE AGGREGATE strata.cuts_agg(value numeric, bins integer) (
    SFUNC = strata_internal.cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.cuts_agg_final, COMBINEFUNC = strata_internal.cuts_agg_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.cuts_agg(numeric, integer) IS 'cut points of a metric over a set of users';
CREATE AGGREGATE strata.cuts_agg(value numeric, bins integer, ties text) (
    SFUNC = strata_internal.cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.cuts_agg_final, COMBINEFUNC = strata_internal.cuts_agg_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.cuts_agg(numeric, integer, text) IS 'cut points of a metric over a set of users';
CREATE AGGREGATE strata.cuts_agg(value numeric, bins integer, ties text, best text) (
    SFUNC = strata_internal.cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.cuts_agg_final, COMBINEFUNC = strata_internal.cuts_agg_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.cuts_agg(numeric, integer, text, text) IS 'cut points of a metric over a set of users';

CREATE FUNCTION strata.score(value numeric, cuts strata.cuts) RETURNS smallint
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'score_wrapper';
COMMENT ON FUNCTION strata.score(numeric, strata.cuts) IS 'score of a value by cut points, from 1 to bins';
