-- Why a user is in a layer, and what is missing to another.

CREATE FUNCTION strata.explain(user_row record, model strata.model, as_of date DEFAULT NULL) RETURNS jsonb
    IMMUTABLE PARALLEL SAFE COST 5000 LANGUAGE c AS 'MODULE_PATHNAME', 'explain';
COMMENT ON FUNCTION strata.explain(record, strata.model, date) IS
    'why a user is in a layer, and the nearest ways into better ones';
CREATE FUNCTION strata.explain_text(
    user_row record,
    model strata.model,
    as_of date DEFAULT NULL,
    lang text DEFAULT 'en'
) RETURNS text IMMUTABLE PARALLEL SAFE COST 5000 LANGUAGE c AS 'MODULE_PATHNAME', 'explain_text';
COMMENT ON FUNCTION strata.explain_text(record, strata.model, date, text) IS
    'why a user is in a layer, and the nearest ways into better ones, in words';
CREATE FUNCTION strata.distance(user_row record, model strata.model, layer text, as_of date DEFAULT NULL) RETURNS jsonb
    IMMUTABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'distance';
COMMENT ON FUNCTION strata.distance(record, strata.model, text, date) IS 'what is missing to a layer, by metric';
