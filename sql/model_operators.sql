-- Equality of models, for DISTINCT and GROUP BY: canonical bytes.

CREATE OPERATOR = (LEFTARG = model, RIGHTARG = model, FUNCTION = model_eq, COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES);
CREATE OPERATOR <> (LEFTARG = model, RIGHTARG = model, FUNCTION = model_ne, COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel);

CREATE OPERATOR CLASS model_hash_ops DEFAULT FOR TYPE model USING hash AS OPERATOR 1 =, FUNCTION 1 model_hash(model), FUNCTION 2 model_hash_extended(model, bigint);
