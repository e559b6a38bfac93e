-- Expressions that users give for one row of a relation.

CREATE FUNCTION row_expression(relation regclass, expression text, what text DEFAULT 'expression') RETURNS TABLE (canonical text, expression_type regtype, columns text[]) STABLE STRICT PARALLEL RESTRICTED ROWS 1 COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'row_expression';
