-- A segmentation model as a value. Equality, for DISTINCT and GROUP BY, is that of canonical bytes.

CREATE TYPE strata.model (
    INPUT = strata_internal.model_in,
    OUTPUT = strata_internal.model_out,
    RECEIVE = strata_internal.model_recv,
    SEND = strata_internal.model_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.model IS
    'a segmentation model: who is counted, what is measured, how it is cut, and which layers there are';

CREATE CAST (json AS strata.model) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (json AS strata.model) IS 'checks a definition';
CREATE CAST (jsonb AS strata.model) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (jsonb AS strata.model) IS 'checks a definition; jsonb has changed the order of its keys';
CREATE CAST (strata.model AS json) WITH INOUT;
COMMENT ON CAST (strata.model AS json) IS 'the definition in canonical form';
CREATE CAST (strata.model AS jsonb) WITH INOUT;
COMMENT ON CAST (strata.model AS jsonb) IS 'the definition, without the order of its keys';

CREATE OPERATOR strata.= (
    FUNCTION = strata_internal.model_eq, LEFTARG = strata.model, RIGHTARG = strata.model,
    COMMUTATOR = OPERATOR(strata.=), NEGATOR = OPERATOR(strata.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR strata.= (strata.model, strata.model) IS 'equal';
CREATE OPERATOR strata.<> (
    FUNCTION = strata_internal.model_ne, LEFTARG = strata.model, RIGHTARG = strata.model,
    COMMUTATOR = OPERATOR(strata.<>), NEGATOR = OPERATOR(strata.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR strata.<> (strata.model, strata.model) IS 'not equal';

CREATE OPERATOR CLASS strata.model_hash_ops DEFAULT FOR TYPE strata.model USING hash AS
    OPERATOR 1 strata.=,
    FUNCTION 1 strata_internal.model_hash(strata.model),
    FUNCTION 2 strata_internal.model_hash_extended(strata.model, bigint);
COMMENT ON OPERATOR CLASS strata.model_hash_ops USING hash IS 'equality of models by their canonical bytes';
COMMENT ON OPERATOR FAMILY strata.model_hash_ops USING hash IS 'equality of models by their canonical bytes';

CREATE FUNCTION strata.model_check(model strata.model)
RETURNS TABLE (severity text, path text, finding text, counterexample jsonb)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_check_wrapper';
COMMENT ON FUNCTION strata.model_check(strata.model) IS
    'layers that never match, overlap or leave users out, and more that the author of a model should know';
CREATE FUNCTION strata.model_layers(model strata.model)
RETURNS TABLE ("position" integer, layer text, label_en text, label_zh text, parent text, meta jsonb)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_layers_wrapper';
COMMENT ON FUNCTION strata.model_layers(strata.model) IS 'the layers of a model in their order, with labels';
CREATE FUNCTION strata.describe(model strata.model, lang text DEFAULT 'en') RETURNS text
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'describe_wrapper';
COMMENT ON FUNCTION strata.describe(strata.model, text) IS 'a model in words';
