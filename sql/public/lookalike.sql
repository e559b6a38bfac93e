-- Who is like the users of a layer: its centroid over all users first, then the distance of each.

CREATE TYPE strata.centroid (
    INPUT = strata_internal.centroid_in,
    OUTPUT = strata_internal.centroid_out,
    RECEIVE = strata_internal.centroid_recv,
    SEND = strata_internal.centroid_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.centroid IS 'the means of the users of a layer, and what their metrics are measured by';
CREATE CAST (strata.centroid AS json) WITH INOUT;
COMMENT ON CAST (strata.centroid AS json) IS 'the centroid as JSON';
CREATE CAST (strata.centroid AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.centroid AS jsonb) IS 'the centroid as JSON';

CREATE AGGREGATE strata.centroid_agg(user_row record, model strata.model, layer text, as_of date) (
    SFUNC = strata_internal.centroid_agg_transition, STYPE = bytea, SSPACE = 4096,
    FINALFUNC = strata_internal.centroid_agg_final, COMBINEFUNC = strata_internal.centroid_agg_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.centroid_agg(record, strata.model, text, date) IS
    'the centroid of a layer over standardized metrics';

CREATE FUNCTION strata.lookalike(
    user_row record,
    model strata.model,
    centroid strata.centroid,
    as_of date DEFAULT NULL,
    OUT similarity double precision,
    OUT distance double precision,
    OUT parts jsonb
) IMMUTABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'lookalike';
COMMENT ON FUNCTION strata.lookalike(record, strata.model, strata.centroid, date) IS
    'how like a user is to the users of a layer, explained by metric';
