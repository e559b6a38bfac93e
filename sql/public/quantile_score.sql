-- ntile that keeps ties together.

CREATE FUNCTION strata.quantile_score(value anyelement, bins integer) RETURNS smallint
    WINDOW IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'quantile_score';
COMMENT ON FUNCTION strata.quantile_score(anyelement, integer) IS
    'score of a row''s value among those of its partition, equal values getting equal scores';
CREATE FUNCTION strata.quantile_score(value anyelement, bins integer, ties text) RETURNS smallint
    WINDOW IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'quantile_score';
COMMENT ON FUNCTION strata.quantile_score(anyelement, integer, text) IS
    'score of a row''s value among those of its partition, equal values getting equal scores';
CREATE FUNCTION strata.quantile_score(value anyelement, bins integer, ties text, best text) RETURNS smallint
    WINDOW IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'quantile_score';
COMMENT ON FUNCTION strata.quantile_score(anyelement, integer, text, text) IS
    'score of a row''s value among those of its partition, equal values getting equal scores';
