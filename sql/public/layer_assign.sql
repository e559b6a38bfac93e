-- What asks a model about a row. The row's columns are matched by their names.

CREATE TYPE strata.evaluation AS (layer text, layers text[], scores smallint[], next_change date);
COMMENT ON TYPE strata.evaluation IS
    'what a model says of a user: layer, layers, scores, and the first date on which they can change by themselves';

CREATE FUNCTION strata.layer_assign(user_row record, model strata.model, as_of date DEFAULT NULL) RETURNS text
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'layer_assign';
COMMENT ON FUNCTION strata.layer_assign(record, strata.model, date) IS
    'layer of a user: the first that matches, or the default';
CREATE FUNCTION strata.layers_assign(user_row record, model strata.model, as_of date DEFAULT NULL) RETURNS text[]
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'layers_assign';
COMMENT ON FUNCTION strata.layers_assign(record, strata.model, date) IS
    'all layers of a user, or the one below its headings';
CREATE FUNCTION strata.evaluate(user_row record, model strata.model, as_of date DEFAULT NULL) RETURNS strata.evaluation
    IMMUTABLE PARALLEL SAFE COST 100 LANGUAGE c AS 'MODULE_PATHNAME', 'evaluate';
COMMENT ON FUNCTION strata.evaluate(record, strata.model, date) IS
    'layer, layers, scores and the first date on which they can change by themselves';
CREATE FUNCTION strata.metrics(user_row record, model strata.model, as_of date DEFAULT NULL) RETURNS jsonb
    IMMUTABLE PARALLEL SAFE COST 100 LANGUAGE c AS 'MODULE_PATHNAME', 'metrics';
COMMENT ON FUNCTION strata.metrics(record, strata.model, date) IS 'values of all metrics of a model by name';
