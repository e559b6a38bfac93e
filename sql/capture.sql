-- How the changes of a relation become known: triggers that write them to a queue, or a column that only grows.
--
-- A source called orders has the tables orders_ledger, orders_queue (what the triggers saw), orders_changes (whose ledgers
-- changed, until every model knows) and orders_rejects (rows that cannot be counted). They belong to its owner.

CREATE FUNCTION _table(source sources, ending text) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('%I.%I', source.schema_name, source.name || '_' || ending) $$;

CREATE FUNCTION _relation(source sources) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('%I.%I', source.relation_schema, source.relation_name) $$;

-- The relation by its name as it is now: tools swap tables.
CREATE FUNCTION _present_relation(source sources) RETURNS regclass LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_relation regclass := to_regclass(strata._relation(source));
BEGIN
    IF found_relation IS NULL THEN
        RAISE EXCEPTION 'relation % of source "%" does not exist', strata._relation(source), source.name USING
            ERRCODE = 'undefined_table', HINT = format('Bring it back, or drop the source: SELECT strata.drop_source(%L);', source.name);
    END IF;
    RETURN found_relation;
END
$$;

-- A relation and everything that inherits from it, partitions above all.
CREATE FUNCTION _family(relation regclass) RETURNS SETOF regclass STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE family AS (
        SELECT relation::oid AS member
        UNION
        SELECT i.inhrelid FROM family JOIN pg_inherits AS i ON i.inhparent = member WHERE NOT i.inhdetachpending
    )
    SELECT member::regclass FROM family ORDER BY member
$$;

-- Why triggers cannot see everything that happens to a relation; NULL where they can.
CREATE FUNCTION _not_for_triggers(relation regclass) RETURNS text STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN c.relkind NOT IN ('r', 'p') THEN format('%s is a %s', c.oid::regclass,
            CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'relation without rows of its own' END)
        WHEN c.relowner <> strata._me() THEN format('%s belongs to %s', c.oid::regclass, c.relowner::regrole)
        ELSE format('%s is filled by logical replication, which fires no triggers', c.oid::regclass)
    END
    FROM strata._family(relation) AS member JOIN pg_class AS c ON c.oid = member
    WHERE c.relkind NOT IN ('r', 'p') OR c.relowner <> strata._me() OR EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = c.oid)
    ORDER BY c.oid = relation DESC LIMIT 1
$$;

-- The triggers of a source, by the function that they call.
CREATE FUNCTION _capture_triggers(source sources) RETURNS TABLE (relation regclass, trigger_name name, enabled "char") STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.tgrelid::regclass, t.tgname, t.tgenabled
    FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = source.schema_name AND p.proname = source.name || '_capture' AND NOT t.tgisinternal
$$;

CREATE FUNCTION _names(relations regclass[]) RETURNS text[] STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(format('%I.%I', n.nspname, c.relname) ORDER BY n.nspname, c.relname)
    FROM unnest(relations) AS r JOIN pg_class AS c ON c.oid = r JOIN pg_namespace AS n ON n.oid = c.relnamespace
$$;

-- The queue and what fills it. The function runs with the rights of its owner, who owns relation and queue: those who write to the
-- relation need no right on the queue.
CREATE FUNCTION _make_queue(source sources) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queue text := strata._table(source, 'queue');
    relation regclass := strata._present_relation(source);
    listed text := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(source.columns) AS c);
BEGIN
    -- the columns as they stand, without checks and lengths: nothing that the relation took is refused here
    EXECUTE format('CREATE TABLE %s (strata_change smallint NOT NULL, %s)', queue, (
        SELECT string_agg(format('%I %s%s', a.attname, format_type(a.atttypid, -1),
            CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation THEN format(' COLLATE %I.%I', n.nspname, c.collname) ELSE '' END), ', ' ORDER BY a.attnum)
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
             LEFT JOIN pg_collation AS c ON c.oid = a.attcollation LEFT JOIN pg_namespace AS n ON n.oid = c.collnamespace
        WHERE a.attrelid = relation AND a.attname = ANY (source.columns)));
    EXECUTE format('COMMENT ON TABLE %s IS %L', queue, format('Changes of %s that source %s has not counted yet: 1 a new row, -1 a row that is gone, 0 all rows.', relation, source.name));
    -- quoted as a whole: there may be any quotes in names
    EXECUTE format('CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L', strata._table(source, 'capture'), format($body$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                INSERT INTO %1$s (strata_change, %2$s) SELECT 1, %2$s FROM strata_new;
            ELSIF TG_OP = 'UPDATE' THEN
                INSERT INTO %1$s (strata_change, %2$s) SELECT -1, %2$s FROM strata_old UNION ALL SELECT 1, %2$s FROM strata_new;
            ELSIF TG_OP = 'DELETE' THEN
                INSERT INTO %1$s (strata_change, %2$s) SELECT -1, %2$s FROM strata_old;
            ELSE
                INSERT INTO %1$s (strata_change) VALUES (0);
            END IF;
            RETURN NULL;
        EXCEPTION WHEN OTHERS THEN
            -- a column has another name or type than it had, or there is no queue: that is for the next sync to say, not for those who write
            BEGIN
                INSERT INTO %1$s (strata_change) VALUES (0);
            EXCEPTION WHEN OTHERS THEN
                RAISE WARNING 'source %%: %%', %3$L, SQLERRM;
            END;
            RETURN NULL;
        END
        $body$, queue, listed, quote_ident(source.name)));
    EXECUTE format('REVOKE ALL ON FUNCTION %s() FROM PUBLIC', strata._table(source, 'capture'));
    -- without the extension nobody would empty the queue
    EXECUTE format('ALTER FUNCTION %s() DEPENDS ON EXTENSION pg_strata', strata._table(source, 'capture'));
END
$$;

-- Puts triggers where they are missing; they are locked in until the transaction ends. Statements fire those of the relation that they
-- name, so every partition has its own.
CREATE FUNCTION _attach_triggers(source sources, members regclass[]) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member regclass;
    capture text := strata._table(source, 'capture');
    event text;
    trigger_name name;
BEGIN
    -- rows that were committed between the snapshot and the triggers would be seen by neither
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'triggers of source "%" cannot be created in a transaction that is %', source.name, current_setting('transaction_isolation') USING
            ERRCODE = 'active_sql_transaction', HINT = 'Begin it with ISOLATION LEVEL READ COMMITTED.';
    END IF;
    FOREACH member IN ARRAY members LOOP
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', member);
        FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete', 'truncate'] LOOP
            -- as long as a name can be, with what tells it from others in front
            trigger_name := 'strata_' || event || '_' || source.name;
            EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION %s()', trigger_name, event, member,
                CASE event WHEN 'insert' THEN 'REFERENCING NEW TABLE AS strata_new' WHEN 'update' THEN 'REFERENCING OLD TABLE AS strata_old NEW TABLE AS strata_new'
                           WHEN 'delete' THEN 'REFERENCING OLD TABLE AS strata_old' END, capture);
            -- one that was disabled stays so when it is replaced
            EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', member, trigger_name);
        END LOOP;
    END LOOP;
END
$$;

CREATE FUNCTION _detach_triggers(source sources, only_strangers boolean DEFAULT false) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger record;
BEGIN
    FOR trigger IN
        SELECT relation, trigger_name FROM strata._capture_triggers(source)
        WHERE NOT only_strangers OR relation <> ALL (strata._members(source))
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger.trigger_name, trigger.relation);
    END LOOP;
END
$$;

-- The relation and what inherits from it, as it is now; NULL where there is none.
CREATE FUNCTION _members(source sources) RETURNS regclass[] STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT array_agg(f) FROM strata._family(to_regclass(strata._relation(source))) AS f WHERE f IS NOT NULL $$;

-- A column that expressions use and that is not what it was; NULL where there is none.
CREATE FUNCTION _column_problem(source sources) RETURNS text STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN a.attname IS NULL THEN format('%s has no column "%s" any more', strata._relation(source), c)
                ELSE format('column "%s" of %s was of type %s, and is of type %s', c, strata._relation(source), format_type(q.atttypid, NULL), format_type(a.atttypid, NULL)) END
    FROM unnest(source.columns) AS c
         LEFT JOIN pg_attribute AS a ON a.attrelid = to_regclass(strata._relation(source)) AND a.attname = c AND NOT a.attisdropped
         LEFT JOIN pg_attribute AS q ON q.attrelid = to_regclass(strata._table(source, 'queue')) AND q.attname = c
    WHERE to_regclass(strata._relation(source)) IS NOT NULL AND (a.attname IS NULL OR q.atttypid <> a.atttypid)
    ORDER BY c LIMIT 1
$$;

-- What keeps triggers from seeing everything since all rows were counted last; NULL where nothing does. Partitions that came or went since then are
-- no problem: the next sync counts what they bring or take away.
CREATE FUNCTION _capture_problem(source sources) RETURNS text STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN strata._column_problem(source) IS NOT NULL THEN strata._column_problem(source)
        WHEN source.capture <> 'trigger' THEN NULL
        WHEN strata._members(source) IS NULL THEN format('there is no relation %s', strata._relation(source))
        ELSE (
            SELECT CASE count(t.*) WHEN 0 THEN format('%s has no triggers of it', member) WHEN 4 THEN format('a trigger of it on %s is disabled', member)
                   ELSE format('%s has only %s of its 4 triggers', member, count(t.*)) END
            FROM unnest(strata._members(source)) AS member LEFT JOIN strata._capture_triggers(source) AS t ON t.relation = member
            WHERE strata._names(ARRAY[member]) <@ source.relations
            GROUP BY member HAVING count(t.*) FILTER (WHERE t.enabled IN ('O', 'A')) < 4
            ORDER BY member LIMIT 1)
    END
$$;
