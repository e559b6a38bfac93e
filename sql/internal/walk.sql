-- A user's answers from day to day, found by jumping from change to change.

CREATE TYPE strata_internal.evaluation_step AS (
    day date,
    layer text,
    layers text[],
    scores smallint[],
    next_change date
);
COMMENT ON TYPE strata_internal.evaluation_step IS 'a day on which the answer of a model changed, and that answer';

CREATE FUNCTION strata_internal.walk(
    user_row record,
    model strata.model,
    from_day date,
    to_day date
) RETURNS strata_internal.evaluation_step[] IMMUTABLE PARALLEL SAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'walk';
COMMENT ON FUNCTION strata_internal.walk(record, strata.model, date, date) IS
    'what a model answers for a user on a first day, and on each later day up to a last on which the answer is another';
