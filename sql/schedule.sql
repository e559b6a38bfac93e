-- Refreshing models by the clock, through pg_cron where it is installed in this database.

-- Whether pg_cron is here, its own functions and nobody else's of the same name.
CREATE FUNCTION _has_cron() RETURNS boolean STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_extension AS e JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
                    JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE e.extname = 'pg_cron' AND n.nspname = 'cron' AND p.proname = 'schedule' AND p.pronargs = 3
    )
$$;

-- The name of a model's job: names that are too long for pg_cron would be cut, and one job be taken for another.
CREATE FUNCTION _job(model models) RETURNS text STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN octet_length(name) < 64 THEN name ELSE format('strata:%s', model.model_id) END
    FROM (SELECT format('strata:%s:%s', r.rolname, model.name) FROM pg_roles AS r WHERE r.oid = model.owner) AS j (name)
$$;

-- A word for a shell, in double quotes where it needs them or where that is asked for.
CREATE FUNCTION _shell_word(word text, quoted boolean DEFAULT false) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN word ~ '^[A-Za-z0-9_]+$' AND NOT quoted THEN word ELSE '"' || regexp_replace(word, '(["$`\\])', '\\\1', 'g') || '"' END $$;

-- Runs nothing of pg_cron's before it is sure that the role may.
CREATE FUNCTION _check_cron() RETURNS void STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT has_schema_privilege('cron', 'USAGE') THEN
        RAISE EXCEPTION '% may not use pg_cron', current_user USING
            ERRCODE = 'insufficient_privilege', HINT = format('A superuser allows it: GRANT USAGE ON SCHEMA cron TO %I;', current_user);
    END IF;
END
$$;

CREATE FUNCTION schedule(model text, cron text) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._own_model(schedule.model);
    command text := format('SELECT * FROM strata.refresh(%L)', m.name);
BEGIN
    IF schedule.cron IS NULL THEN
        RAISE EXCEPTION 'the schedule of model "%" is missing', m.name USING
            ERRCODE = 'null_value_not_allowed', HINT = format('Five minutes after midnight (GMT): SELECT strata.schedule(%L, ''5 0 * * *'');', m.name);
    ELSIF NOT strata._has_cron() THEN
        RAISE EXCEPTION 'pg_cron is not installed in database "%"', current_database() USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('A line of crontab does the same: %s psql -d %s -c %s', schedule.cron,
                -- crontab reads a percent sign as the end of the line
                replace(strata._shell_word(current_database()), '%', '\%'), replace(strata._shell_word(command, quoted => true), '%', '\%'));
    END IF;
    PERFORM strata._check_cron();
    EXECUTE 'SELECT cron.schedule($1, $2, $3)' USING strata._job(m), schedule.cron, command;
    UPDATE strata.models AS x SET schedule = schedule.cron WHERE x.model_id = m.model_id;
    RETURN format('job "%s": %s, at %s (GMT)', strata._job(m), command, schedule.cron);
END
$$;

CREATE FUNCTION unschedule(model text) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._own_model(unschedule.model);
    job bigint;
BEGIN
    IF m.schedule IS NULL THEN
        RETURN format('model "%s" has no schedule', m.name);
    END IF;
    -- without pg_cron, or without the job, there is nothing that runs any more
    IF strata._has_cron() THEN
        PERFORM strata._check_cron();
        EXECUTE 'SELECT jobid FROM cron.job WHERE jobname = $1 AND username = current_user' INTO job USING strata._job(m);
        IF job IS NOT NULL THEN
            EXECUTE 'SELECT cron.unschedule($1)' USING job;
        END IF;
    END IF;
    UPDATE strata.models AS x SET schedule = NULL WHERE x.model_id = m.model_id;
    RETURN format('model "%s" is refreshed by hand', m.name);
END
$$;
