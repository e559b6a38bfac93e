-- A user's answers from day to day, found by jumping from change to change.

CREATE TYPE evaluation_step AS (day date, layer text, layers text[], scores smallint[], next_change date);

CREATE FUNCTION walk(user_row record, model model, from_day date, to_day date) RETURNS evaluation_step[] IMMUTABLE PARALLEL SAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'walk';
