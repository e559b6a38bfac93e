-- Models: what asks a model about a row. The row's columns are matched by their names.

CREATE CAST (json AS model) WITH INOUT AS ASSIGNMENT;
CREATE CAST (jsonb AS model) WITH INOUT AS ASSIGNMENT;
CREATE CAST (model AS json) WITH INOUT;
CREATE CAST (model AS jsonb) WITH INOUT;

CREATE TYPE evaluation AS (layer text, layers text[], scores smallint[], next_change date);

CREATE FUNCTION layer_assign(user_row record, model model, as_of date DEFAULT NULL) RETURNS text IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'layer_assign';
CREATE FUNCTION layers_assign(user_row record, model model, as_of date DEFAULT NULL) RETURNS text[] IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'layers_assign';
CREATE FUNCTION evaluate(user_row record, model model, as_of date DEFAULT NULL) RETURNS evaluation IMMUTABLE PARALLEL SAFE COST 100 LANGUAGE c AS 'MODULE_PATHNAME', 'evaluate';
CREATE FUNCTION metrics(user_row record, model model, as_of date DEFAULT NULL) RETURNS jsonb IMMUTABLE PARALLEL SAFE COST 100 LANGUAGE c AS 'MODULE_PATHNAME', 'metrics';

