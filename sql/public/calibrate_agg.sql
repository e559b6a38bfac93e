-- A model with the cut points that its users give.

CREATE AGGREGATE strata.calibrate_agg(user_row record, model strata.model, as_of date) (
    SFUNC = strata_internal.calibrate_agg_transition, STYPE = bytea, SSPACE = 65536,
    FINALFUNC = strata_internal.calibrate_agg_final, COMBINEFUNC = strata_internal.calibrate_agg_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.calibrate_agg(record, strata.model, date) IS
    'the model with cut points made from the users';
