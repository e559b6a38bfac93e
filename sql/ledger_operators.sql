-- Operators and operator classes of ledger. Order and hash act on the canonical bytes.

CREATE OPERATOR + (FUNCTION = ledger_plus, LEFTARG = ledger, RIGHTARG = ledger, COMMUTATOR = +);
CREATE OPERATOR - (FUNCTION = ledger_minus, LEFTARG = ledger, RIGHTARG = ledger);
CREATE OPERATOR = (FUNCTION = ledger_eq, LEFTARG = ledger, RIGHTARG = ledger, COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR <> (FUNCTION = ledger_ne, LEFTARG = ledger, RIGHTARG = ledger, COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR < (FUNCTION = ledger_lt, LEFTARG = ledger, RIGHTARG = ledger, COMMUTATOR = >, NEGATOR = >=, RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR <= (FUNCTION = ledger_le, LEFTARG = ledger, RIGHTARG = ledger, COMMUTATOR = >=, NEGATOR = >, RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR > (FUNCTION = ledger_gt, LEFTARG = ledger, RIGHTARG = ledger, COMMUTATOR = <, NEGATOR = <=, RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR >= (FUNCTION = ledger_ge, LEFTARG = ledger, RIGHTARG = ledger, COMMUTATOR = <=, NEGATOR = <, RESTRICT = scalargesel, JOIN = scalargejoinsel);

CREATE OPERATOR CLASS ledger_ops DEFAULT FOR TYPE ledger USING btree AS
    OPERATOR 1 <,
    OPERATOR 2 <=,
    OPERATOR 3 =,
    OPERATOR 4 >=,
    OPERATOR 5 >,
    FUNCTION 1 ledger_cmp(ledger, ledger);
CREATE OPERATOR CLASS ledger_ops DEFAULT FOR TYPE ledger USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 ledger_hash(ledger),
    FUNCTION 2 ledger_hash_extended(ledger, bigint);
