-- Why a user is in a layer, and what is missing to another.

CREATE FUNCTION explain(user_row record, model model, as_of date DEFAULT NULL) RETURNS jsonb IMMUTABLE PARALLEL SAFE COST 5000 LANGUAGE c AS 'MODULE_PATHNAME', 'explain';
CREATE FUNCTION explain_text(user_row record, model model, as_of date DEFAULT NULL, lang text DEFAULT 'en') RETURNS text IMMUTABLE PARALLEL SAFE COST 5000 LANGUAGE c AS 'MODULE_PATHNAME', 'explain_text';
CREATE FUNCTION distance(user_row record, model model, layer text, as_of date DEFAULT NULL) RETURNS jsonb IMMUTABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'distance';
