/* sql/bcdelta--0.1.0--0.2.0.sql: what ALTER EXTENSION bcdelta UPDATE does to 0.1.0 */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION bcdelta UPDATE" to load this file. \quit

-- Rewrites the table of links once, together with its indexes.
ALTER TABLE bcdelta.link ADD address text COLLATE "C", ADD doubt jsonb;
ALTER TABLE bcdelta.link
	ALTER address TYPE text COLLATE "C" USING store_id::text,
	ALTER address SET NOT NULL,
	ALTER store_id DROP NOT NULL,
	DROP CONSTRAINT link_store_id_feed_key,
	ADD UNIQUE (address, feed);
COMMENT ON COLUMN bcdelta.link.store_id IS 'the id of the BigCommerce record; null: the record has no id';
COMMENT ON COLUMN bcdelta.link.address IS
'identifies the BigCommerce record within its resource: its id as text, or the values of its key';
COMMENT ON COLUMN bcdelta.link.doubt IS
'an adjustment that may have been carried out or not, because its outcome is not known: the values of the row from which and to which it led, and the level that the store had before; see bcdelta.settle()';
CREATE FUNCTION bcdelta.settle(feed text, key text, done boolean) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_settle';
COMMENT ON FUNCTION bcdelta.settle(text, text, boolean) IS
'says whether the store has carried out the adjustment of a row, or with a null key of all rows of the feed, whose outcome is not known (bcdelta.link.doubt); returns their number; one that was not done is sent again';

ALTER TABLE bcdelta.feed ADD merged text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN bcdelta.feed.merged IS
'parts of records, such as stock, that are sent together with the record because the store denied access to their own endpoint; reset by resume()';

COMMENT ON COLUMN bcdelta.change.op IS
'c: the row with this key, or a child row of it, changed; h: it was marked; m: its key was moved_from; l: a child row changed, and a lookup finds the rows to mark; t: the table, or a child table, was truncated; a: any row may have changed; n: a row without a key changed';
ALTER TABLE bcdelta.pending ADD intent jsonb;
ALTER TABLE bcdelta.pending ADD last_changed_at timestamptz;
COMMENT ON COLUMN bcdelta.pending.last_changed_at IS
'time of the latest captured change, for policy newest; null: not needed, or the row was marked for another reason since';
UPDATE bcdelta.pending SET intent = pg_catalog.jsonb_build_object('', sought) WHERE sought IS NOT NULL;
DROP INDEX bcdelta.pending_sought;
ALTER TABLE bcdelta.pending DROP sought;
ALTER TABLE bcdelta.pending DROP CONSTRAINT pending_trouble_check;
CREATE INDEX pending_intent ON bcdelta.pending (feed, key) WHERE intent ? '';
COMMENT ON COLUMN bcdelta.pending.intent IS
'for each part of the record, what a request without a known outcome may have done; fields: the fields that it may have updated, long values as null; '''': the natural key under which it may have created the record';

CREATE FUNCTION bcdelta.is_outcome(word text) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'bcdelta_is_outcome';
COMMENT ON FUNCTION bcdelta.is_outcome(text) IS
'whether bcdelta.result may have this outcome; for internal use';

ALTER TABLE bcdelta.result ADD address text, ADD parts jsonb,
	DROP CONSTRAINT result_outcome_check,
	ADD CONSTRAINT result_outcome_check CHECK (bcdelta.is_outcome(outcome));
COMMENT ON COLUMN bcdelta.result.address IS 'identifies the record, as in bcdelta.link';
COMMENT ON COLUMN bcdelta.result.parts IS
'the outcome for each part of the record that had a request of its own, as a JSON array of objects; null: one request';

ALTER TABLE bcdelta.discrepancy ADD address text, ADD facet text, ADD pushed_value text;
COMMENT ON COLUMN bcdelta.discrepancy.address IS 'identifies the record, as in bcdelta.link';
COMMENT ON COLUMN bcdelta.discrepancy.facet IS 'the part of the record that the field belongs to; null: the record itself';
COMMENT ON COLUMN bcdelta.discrepancy.pushed_value IS
'the last known value of the field in the store, as in bcdelta.link.payload; null: not known';

COMMENT ON FUNCTION bcdelta.link(text) IS
'matches source rows with existing records of the store by their natural key, such as the SKU; writes nothing to the store; rows without a match are listed in bcdelta.discrepancy';

CREATE TABLE bcdelta.directory (
	server name NOT NULL,
	store text COLLATE "C" NOT NULL,
	resource text COLLATE "C" NOT NULL,
	name text NOT NULL,
	store_id bigint NOT NULL CHECK (store_id >= 0),
	read_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (server, store, resource, store_id)
);
CREATE INDEX directory_name ON bcdelta.directory USING hash (name);
CREATE INDEX directory_alike ON bcdelta.directory USING hash (lower(btrim(name)));
COMMENT ON TABLE bcdelta.directory IS
'what named() finds: the names in the lists of stores, such as locations and customer groups; a run reads the lists that its rows need';
COMMENT ON COLUMN bcdelta.directory.server IS 'the foreign server whose run read the list';
COMMENT ON COLUMN bcdelta.directory.store IS 'the store that the server led to, as in bcdelta.feed.store';
COMMENT ON COLUMN bcdelta.directory.resource IS 'the first argument of named()';
COMMENT ON COLUMN bcdelta.directory.name IS 'the name of the record; of a location, its code';
COMMENT ON COLUMN bcdelta.directory.store_id IS 'what named() returns';
COMMENT ON COLUMN bcdelta.directory.read_at IS 'when the list was read';

CREATE FUNCTION bcdelta.named(resource text, name text) RETURNS bigint
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'bcdelta_named';
COMMENT ON FUNCTION bcdelta.named(text, text) IS
'the BigCommerce id of a record that the store knows by this name, such as a location by its code or a customer group by its name, for mapping expressions; null if the name is null; a row with a name that the store does not have is invalid';
COMMENT ON COLUMN bcdelta.pending.waits_feed IS
'feed of the row that this row waits for, because it refers to that row or takes its turn after it; of a failed row also the list of names that lacks the one in waits_key';

CREATE TABLE bcdelta.journal (
	journal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	server name,
	feed text,
	key text,
	what text NOT NULL,
	by_role text,
	app text,
	reason text,
	detail jsonb
);
CREATE INDEX journal_feed_key ON bcdelta.journal (feed, key, journal_id);
COMMENT ON TABLE bcdelta.journal IS
'what was decided, by whom, when and why; append-only, kept for good; notes are added with note()';
COMMENT ON COLUMN bcdelta.journal.server IS 'the store that the decision is about; null: none in particular';
COMMENT ON COLUMN bcdelta.journal.feed IS 'the feed, which may have been dropped since; null: none in particular';
COMMENT ON COLUMN bcdelta.journal.key IS 'the row, by the key that it had then; null: none in particular';
COMMENT ON COLUMN bcdelta.journal.what IS
'the function that was called, such as pause, alter_feed or note; of the worker''s own decisions, what it did';
COMMENT ON COLUMN bcdelta.journal.by_role IS
'the name of the role that had logged in; it may have been dropped since; null: the worker decided by itself';
COMMENT ON COLUMN bcdelta.journal.app IS 'application_name of the session; null: none, or the worker carried the decision out';
COMMENT ON COLUMN bcdelta.journal.reason IS 'why, in the words of the person or of the worker; the text of a note';
COMMENT ON COLUMN bcdelta.journal.detail IS 'what exactly: for alter_feed, the old and new values of what changed';
SELECT pg_catalog.pg_extension_config_dump('bcdelta.journal', '');
SELECT pg_catalog.pg_extension_config_dump(
	pg_catalog.pg_get_serial_sequence('bcdelta.journal', 'journal_id')::pg_catalog.regclass, '');
CREATE FUNCTION bcdelta.note(note text, feed text DEFAULT NULL, key text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_note';
COMMENT ON FUNCTION bcdelta.note(text, text, text) IS
'writes a note into bcdelta.journal, on a feed, on one of its rows, or on neither; returns the number of the entry';

DROP FUNCTION bcdelta.pause(text);
CREATE FUNCTION bcdelta.pause(feed text, reason text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_pause';
COMMENT ON FUNCTION bcdelta.pause(text, text) IS
'stops pushing a feed; changes are still captured; the reason is shown in bcdelta.status and kept in bcdelta.journal';

ALTER TABLE bcdelta.run ADD keys text[], ADD condition text, ADD rollback jsonb;
COMMENT ON COLUMN bcdelta.run.mode IS 'mode of a verify: count, sample, full, changed, keys or where; adjusted: reads the values of new adjustments';
COMMENT ON COLUMN bcdelta.run.rollback IS 'what a rollback undoes, and how: its arguments; preview: it only looks';
COMMENT ON TABLE bcdelta.run IS 'one row per push, link, verify or rollback, with its totals';
COMMENT ON COLUMN bcdelta.run.keys IS 'keys of the rows that a verify compares; null: it has another mode';
COMMENT ON COLUMN bcdelta.run.condition IS 'condition on the rows that a verify compares; null: it has another mode';
ALTER TABLE bcdelta.discrepancy ADD natural_key text, ADD row_state text, ADD store_modified timestamptz;
COMMENT ON COLUMN bcdelta.discrepancy.natural_key IS 'what people know the record by, such as its SKU or name; null: not known';
COMMENT ON COLUMN bcdelta.discrepancy.row_state IS
'state of the row in bcdelta.pending when the difference was found: failed, or review; null: nothing was left to push';
COMMENT ON COLUMN bcdelta.discrepancy.store_modified IS 'when the record was last changed, as the store says; null: not known';

-- Rights that were granted on it have to be granted again.
DROP FUNCTION bcdelta.verify(text, name, text, integer);
CREATE FUNCTION bcdelta.verify(feed text DEFAULT NULL, server name DEFAULT NULL,
	mode text DEFAULT 'full', sample integer DEFAULT 100, keys text[] DEFAULT NULL, condition text DEFAULT NULL)
RETURNS bcdelta.run LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_verify';
COMMENT ON FUNCTION bcdelta.verify(text, name, text, integer, text[], text) IS
'compares source and store: count, a sample of rows, full (every row, field by field), changed (what may have changed since the last full or changed verify), the rows with these keys, or where (the rows that satisfy an SQL condition, which is read as the owner of the feed); differences are listed in bcdelta.discrepancy';
CREATE FUNCTION bcdelta.repair(run_id bigint) RETURNS bigint
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'bcdelta_repair';
COMMENT ON FUNCTION bcdelta.repair(bigint) IS
'marks the rows in which a verify found differences, so that the next push corrects the store; returns their number';

CREATE TABLE bcdelta.undo (
	undo_id bigint GENERATED ALWAYS AS IDENTITY,
	run_id bigint NOT NULL,
	feed text NOT NULL,
	feed_id integer NOT NULL,
	key text NOT NULL,
	store_id bigint,
	address text COLLATE "C",
	action text NOT NULL CHECK (action IN ('created', 'updated', 'hidden', 'deleted')),
	before jsonb,
	after jsonb,
	written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	undone_by bigint,
	PRIMARY KEY (run_id, undo_id)
) WITH (fillfactor = 90);
CREATE INDEX undo_record ON bcdelta.undo (address, feed);
CREATE INDEX undo_lost ON bcdelta.undo (feed, key) WHERE address IS NULL;
CREATE INDEX undo_created ON bcdelta.undo (feed, key) WHERE action = 'created';
CREATE INDEX undo_deleted ON bcdelta.undo (feed, key) WHERE action = 'deleted';
CREATE INDEX undo_written_at ON bcdelta.undo USING brin (written_at) WITH (pages_per_range = 16);
COMMENT ON TABLE bcdelta.undo IS
'what records held before they were written, committed before each request, so that rollback() can undo it; kept for bcdelta.undo_retention';
COMMENT ON COLUMN bcdelta.undo.feed_id IS 'the feed, which may have been dropped and made again under its name since; 0: its links were forgotten since';
COMMENT ON COLUMN bcdelta.undo.key IS 'the key that the row had then';
COMMENT ON COLUMN bcdelta.undo.store_id IS 'the id of the record; null: it has none, or it is not known whether one was created';
COMMENT ON COLUMN bcdelta.undo.address IS 'identifies the record, as in bcdelta.link; null: it is not known whether one was created';
COMMENT ON COLUMN bcdelta.undo.action IS
'what the request does to the record; hidden: because its row is gone. Whether the store has done it is not recorded here: a rollback reads the record';
COMMENT ON COLUMN bcdelta.undo.before IS
'the fields that the request writes, as the record had them; fields that are not known are missing; of a deleted record, all that is known of it';
COMMENT ON COLUMN bcdelta.undo.after IS 'the fields that the request writes; null: the record is deleted';
COMMENT ON COLUMN bcdelta.undo.undone_by IS 'the rollback that has undone it; null: none, or that was undone itself';

CREATE TABLE bcdelta.rollback_field (
	run_id bigint NOT NULL,
	feed text NOT NULL,
	key text NOT NULL,
	store_id bigint,
	address text COLLATE "C",
	field text,
	now jsonb,
	becomes jsonb,
	verdict text NOT NULL CHECK (verdict IN ('undone', 'same', 'edited', 'forced', 'impossible')),
	reason text
);
ALTER TABLE bcdelta.rollback_field REPLICA IDENTITY FULL;
CREATE INDEX rollback_field_run_id ON bcdelta.rollback_field (run_id, feed, key);
COMMENT ON TABLE bcdelta.rollback_field IS
'what a rollback, or its preview, has found and decided for each field that was written; kept as long as results';
COMMENT ON COLUMN bcdelta.rollback_field.run_id IS 'the rollback';
COMMENT ON COLUMN bcdelta.rollback_field.field IS 'the API field; null: the record as a whole';
COMMENT ON COLUMN bcdelta.rollback_field.now IS 'what the store held when the rollback read it; null: nothing, or it was not read';
COMMENT ON COLUMN bcdelta.rollback_field.becomes IS 'what it is set to';
COMMENT ON COLUMN bcdelta.rollback_field.verdict IS
'undone: set back; same: nothing to do; edited: changed by somebody else since, and kept; forced: changed by somebody else since, and overwritten; impossible: see the reason';

CREATE TABLE bcdelta.adjustment (
	adjustment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	feed text NOT NULL,
	key text NOT NULL,
	field text NOT NULL,
	value jsonb,
	source_value jsonb,
	until text NOT NULL CHECK (until IN ('always', 'source changes', 'time')),
	ends_at timestamptz CHECK ((ends_at IS NOT NULL) = (until = 'time')),
	reason text NOT NULL,
	by_role text NOT NULL,
	made_at timestamptz NOT NULL DEFAULT now(),
	state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'broken', 'ended')),
	asked boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX adjustment_field ON bcdelta.adjustment (feed, key, field) WHERE state <> 'ended';
CREATE INDEX adjustment_key ON bcdelta.adjustment (feed, key);
CREATE INDEX adjustment_unread ON bcdelta.adjustment (adjustment_id) WHERE state <> 'ended' AND value IS NULL AND NOT asked;
CREATE INDEX adjustment_ends_at ON bcdelta.adjustment (ends_at) WHERE state <> 'ended' AND ends_at IS NOT NULL;
COMMENT ON TABLE bcdelta.adjustment IS
'values of the store that are meant: no run overwrites them, and verify reports when the store has another one; written by adjust()';
COMMENT ON COLUMN bcdelta.adjustment.value IS
'the value that the store is to keep, as in its record; null: it has not been read yet';
COMMENT ON COLUMN bcdelta.adjustment.source_value IS
'the value that the mapping gave when the adjustment was made; null: none';
COMMENT ON COLUMN bcdelta.adjustment.until IS
'always: until unadjust(); source changes: until the source has another value than source_value; time: until ends_at';
COMMENT ON COLUMN bcdelta.adjustment.ends_at IS 'when the adjustment ends by itself; null: at no particular time';
COMMENT ON COLUMN bcdelta.adjustment.reason IS 'why, in the words of the person who made it';
COMMENT ON COLUMN bcdelta.adjustment.by_role IS 'the name of the role that made it; it may have been dropped since';
COMMENT ON COLUMN bcdelta.adjustment.state IS
'active; broken: the store was last seen with another value, which nobody overwrites either; ended: the source''s values are written again';
COMMENT ON COLUMN bcdelta.adjustment.asked IS 'the worker has requested a verify of the row, which reads the value';
SELECT pg_catalog.pg_extension_config_dump('bcdelta.adjustment', '');
SELECT pg_catalog.pg_extension_config_dump(
	pg_catalog.pg_get_serial_sequence('bcdelta.adjustment', 'adjustment_id')::pg_catalog.regclass, '');
CREATE FUNCTION bcdelta.adjust(feed text, key text, field text, reason text, until text DEFAULT 'always') RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_adjust';
COMMENT ON FUNCTION bcdelta.adjust(text, text, text, text, text) IS
'declares that the store''s present value of a field of a row is meant: always, until the source changes, or until a time; returns the number of the adjustment';

CREATE FUNCTION bcdelta.unadjust(feed text, key text, field text, reason text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_unadjust';
COMMENT ON FUNCTION bcdelta.unadjust(text, text, text, text) IS
'ends the adjustment of a field; the next push writes the source''s value';
COMMENT ON COLUMN bcdelta.discrepancy.kind IS
'missing_in_store: a row without a record; missing_in_source: a record or a link without a row; different: a field differs; conflict: an adjusted field no longer has the declared value, which is pushed_value';

ALTER TABLE bcdelta.schedule ADD mode text;
COMMENT ON COLUMN bcdelta.schedule.mode IS 'mode of its verify runs; null: full';
DROP FUNCTION bcdelta.schedule(text, text, name, interval, timestamptz, text, text);
CREATE FUNCTION bcdelta.schedule(name text, feed text DEFAULT NULL, server name DEFAULT NULL,
	every interval DEFAULT NULL, at timestamptz DEFAULT NULL, kind text DEFAULT 'push',
	hours text DEFAULT NULL, mode text DEFAULT NULL)
RETURNS timestamptz LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_schedule';
COMMENT ON FUNCTION bcdelta.schedule(text, text, name, interval, timestamptz, text, text, text) IS
'makes the worker start a run at regular intervals or once; replaces the schedule of that name; returns when it is first due';

CREATE TABLE bcdelta.proven (
	server name NOT NULL,
	resource text NOT NULL,
	store text NOT NULL,
	mappings text[] NOT NULL,
	full_run_id bigint NOT NULL,
	full_at timestamptz NOT NULL,
	run_id bigint NOT NULL,
	proven_at timestamptz NOT NULL,
	watermark timestamptz NOT NULL,
	counted boolean NOT NULL,
	dated boolean NOT NULL,
	records bigint NOT NULL,
	written bigint NOT NULL,
	touched bigint NOT NULL,
	different bigint NOT NULL,
	strangers bigint NOT NULL,
	waiting bigint NOT NULL,
	calls bigint NOT NULL,
	silent_edits bigint NOT NULL,
	PRIMARY KEY (server, resource)
);
COMMENT ON TABLE bcdelta.proven IS
'the last proof of each resource of a store, by a verify of mode full or changed that covered all of its feeds; shown by the view bcdelta.proof';
COMMENT ON COLUMN bcdelta.proven.store IS 'the store, as in bcdelta.feed.store';
COMMENT ON COLUMN bcdelta.proven.mappings IS 'feed_id:version of the feeds that it covers; if they change, everything is compared again';
COMMENT ON COLUMN bcdelta.proven.full_run_id IS 'the last verify that compared all rows';
COMMENT ON COLUMN bcdelta.proven.full_at IS 'when that began';
COMMENT ON COLUMN bcdelta.proven.run_id IS 'the last verify of mode full or changed, whose differences are in bcdelta.discrepancy';
COMMENT ON COLUMN bcdelta.proven.proven_at IS 'when that began';
COMMENT ON COLUMN bcdelta.proven.watermark IS
'the same by the clock of the store; the next verify of mode changed compares what was changed since then';
COMMENT ON COLUMN bcdelta.proven.counted IS 'the number of records was compared';
COMMENT ON COLUMN bcdelta.proven.dated IS 'records that were changed in the store were compared';
COMMENT ON COLUMN bcdelta.proven.records IS 'linked rows';
COMMENT ON COLUMN bcdelta.proven.written IS 'those written since full_at, as the replies of the store have confirmed';
COMMENT ON COLUMN bcdelta.proven.touched IS 'records that were changed in the store since full_at, and were compared';
COMMENT ON COLUMN bcdelta.proven.different IS 'rows with differences';
COMMENT ON COLUMN bcdelta.proven.strangers IS 'records that belong to no row';
COMMENT ON COLUMN bcdelta.proven.waiting IS 'rows with changes that were not pushed yet';
COMMENT ON COLUMN bcdelta.proven.calls IS 'requests of the last verify for this resource';
COMMENT ON COLUMN bcdelta.proven.silent_edits IS
'edits in the store that a full verify has found, and that no date had shown: how far the dates can be trusted';

CREATE VIEW bcdelta.undoable AS
SELECT u.run_id, r.kind, r.server, u.feed, r.started_at, u.records, u.undone, u.created, u.updated, u.hidden, u.deleted,
	ceil(u.records / 250.0)::bigint + ceil((u.updated + u.hidden + u.created) / 10.0)::bigint + u.deleted AS calls,
	u.written_at + nullif(current_setting('bcdelta.undo_retention', true), '')::integer * interval '1 day' AS until
FROM (SELECT run_id, feed, count(DISTINCT coalesce(address, key)) AS records,
		count(DISTINCT coalesce(address, key)) FILTER (WHERE undone_by IS NOT NULL) AS undone,
		count(*) FILTER (WHERE action = 'created') AS created, count(*) FILTER (WHERE action = 'updated') AS updated,
		count(*) FILTER (WHERE action = 'hidden') AS hidden, count(*) FILTER (WHERE action = 'deleted') AS deleted,
		min(written_at) AS written_at
	FROM bcdelta.undo GROUP BY run_id, feed) AS u
LEFT JOIN bcdelta.run AS r USING (run_id);
COMMENT ON VIEW bcdelta.undoable IS
'what rollback() could undo, by run and feed: the number of records, how many of these a rollback has undone, the writes by kind, about how many calls it takes, and until when';

CREATE VIEW bcdelta.id_change AS
SELECT o.feed, o.key, o.store_id AS old_id, n.store_id AS new_id, n.run_id, n.written_at AS at
FROM bcdelta.undo AS o
JOIN bcdelta.undo AS n ON n.run_id = o.undone_by AND n.feed = o.feed AND n.key = o.key AND n.action = 'created'
WHERE o.action = 'deleted' AND n.store_id IS NOT NULL;
COMMENT ON VIEW bcdelta.id_change IS
'records that were deleted, and that a rollback has made again, with another id; for whoever else knows the old ids';

CREATE VIEW bcdelta.proof AS
SELECT f.server, f.resource, w.proven_at, w.run_id, w.full_at, w.full_run_id, w.records,
	greatest(w.records - w.written - w.touched, 0) AS untouched, w.written, w.touched, w.different, w.strangers, w.waiting,
	w.calls, w.silent_edits, w.watermark, w.dated, w.counted,
	CASE WHEN w.run_id IS NULL
		THEN format('Nothing is known of resource %s: SELECT * FROM bcdelta.verify(server => %L) compares everything.', f.resource, f.server)
	ELSE
		CASE WHEN w.different = 0
			THEN format('All %s %s rows agree as of %s', to_char(w.records, 'FM999,999,999,990'), f.resource, w.as_of)
			ELSE format('%s of %s %s rows agree as of %s', to_char(greatest(w.records - w.different, 0), 'FM999,999,999,990'),
				to_char(w.records, 'FM999,999,999,990'), f.resource, w.as_of) END
		|| CASE WHEN w.run_id = w.full_run_id THEN ': all of them were compared'
			ELSE format(': %s untouched since %s full verification, %s written and confirmed, %s',
				to_char(greatest(w.records - w.written - w.touched, 0), 'FM999,999,999,990'), w.full_day,
				to_char(w.written, 'FM999,999,999,990'),
				CASE WHEN w.dated THEN to_char(w.touched, 'FM999,999,999,990') || ' touched in the store and compared'
					ELSE 'edits in the store are not seen before the next one' END) END
		|| concat(CASE WHEN NOT w.counted THEN '; not counted' END,
			CASE WHEN w.different > 0 THEN format('; %s differ', to_char(w.different, 'FM999,999,999,990')) END,
			CASE WHEN w.strangers > 0 THEN format('; %s records belong to no row', to_char(w.strangers, 'FM999,999,999,990')) END,
			CASE WHEN w.waiting > 0 THEN format('; %s wait to be pushed', to_char(w.waiting, 'FM999,999,999,990')) END,
			CASE WHEN w.silent_edits > 0 THEN format('; the dates of the store have missed %s edits so far', to_char(w.silent_edits, 'FM999,999,999,990')) END)
		|| format('; %s %s.', to_char(w.calls, 'FM999,999,999,990'), CASE WHEN w.calls = 1 THEN 'call' ELSE 'calls' END)
	END AS sentence
FROM (SELECT DISTINCT server, resource FROM bcdelta.feed) AS f
LEFT JOIN LATERAL (
	SELECT p.*, CASE WHEN p.proven_at > now() - interval '20 hours' THEN to_char(p.proven_at, 'HH24:MI')
			ELSE to_char(p.proven_at, 'YYYY-MM-DD HH24:MI') END AS as_of,
		CASE WHEN p.full_at > now() - interval '6 days' THEN to_char(p.full_at, 'FMDay') || '''s'
			ELSE 'the ' || to_char(p.full_at, 'YYYY-MM-DD') END AS full_day
	FROM bcdelta.proven AS p WHERE p.server = f.server AND p.resource = f.resource
	AND p.store = ALL (SELECT o.store FROM bcdelta.feed AS o WHERE o.server = f.server AND o.resource = f.resource AND o.store IS NOT NULL)
	AND p.mappings = (SELECT array_agg(o.feed_id || ':' || o.version ORDER BY o.feed_id) FROM bcdelta.feed AS o
		WHERE o.server = f.server AND o.resource = f.resource)) AS w ON true;
COMMENT ON VIEW bcdelta.proof IS
'one row per server and resource: whether all rows and records agree, as of when, how that is known, and in how many calls';
COMMENT ON COLUMN bcdelta.proof.proven_at IS
'when the last verify of mode full or changed began; null: there was none since feeds were added or altered';
COMMENT ON COLUMN bcdelta.proof.untouched IS 'rows that neither the source nor the store has touched since the last full verify';
COMMENT ON COLUMN bcdelta.proof.sentence IS 'the same in words';

CREATE FUNCTION bcdelta.adjust_found(run_id bigint, condition text DEFAULT NULL, reason text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_adjust_found';
COMMENT ON FUNCTION bcdelta.adjust_found(bigint, text, text) IS
'declares the store''s values of fields that differed in a verify as meant, or of those whose row in bcdelta.discrepancy satisfies an SQL condition, with the rights of the caller; returns their number';

ALTER TABLE bcdelta.feed ADD COLUMN policies jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN bcdelta.feed.policies IS
'fields with a policy of their own for conflicts, in place of on_conflict; see set_conflict()';

CREATE TABLE bcdelta.conflict (
	conflict_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	feed text NOT NULL,
	key text NOT NULL,
	store_id bigint NOT NULL,
	field text,
	kind text NOT NULL CHECK (kind IN ('edited', 'found', 'gone', 'deleted')),
	state text NOT NULL CHECK (state IN ('open', 'source', 'store', 'value', 'obsolete')),
	base jsonb,
	source_value jsonb,
	store_value jsonb,
	value jsonb,
	source_changed_at timestamptz,
	store_modified_at timestamptz,
	reason text,
	found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	run_id bigint,
	decided_at timestamptz,
	decided_by text,
	note text,
	is_current boolean NOT NULL DEFAULT true
);
CREATE UNIQUE INDEX conflict_current ON bcdelta.conflict (feed, store_id, coalesce(field, '')) WHERE is_current;
CREATE INDEX conflict_feed_key ON bcdelta.conflict (feed, key);
CREATE INDEX conflict_record ON bcdelta.conflict (feed, store_id);
COMMENT ON TABLE bcdelta.conflict IS
'fields that were changed in the source and in the store; one row for each pair of values; see bcdelta.review and resolve()';
COMMENT ON COLUMN bcdelta.conflict.key IS 'the key that the row had when the conflict was found';
COMMENT ON COLUMN bcdelta.conflict.store_id IS 'the id of the record';
COMMENT ON COLUMN bcdelta.conflict.field IS 'null: the conflict is about the record as a whole';
COMMENT ON COLUMN bcdelta.conflict.kind IS
'edited: both sides have changed the field since they agreed; found: the record was found with another value, and it is not known who changed it; gone: the record was deleted in the store, and its row has changed; deleted: the row was deleted, and its record has changed';
COMMENT ON COLUMN bcdelta.conflict.source_changed_at IS 'when the source has changed, by option modified or the captured change, with policy newest; null: not known';
COMMENT ON COLUMN bcdelta.conflict.store_modified_at IS 'when the record was last changed, in the time of this server, with policy newest';
COMMENT ON COLUMN bcdelta.conflict.reason IS 'what follows from the two times';
COMMENT ON COLUMN bcdelta.conflict.state IS
'open: a person has to decide; source, store, value: which value was chosen, by a person or, without decided_by, by the policy; obsolete: the values have changed, or agree now';
COMMENT ON COLUMN bcdelta.conflict.base IS 'the value when both sides last agreed; null: not known';
COMMENT ON COLUMN bcdelta.conflict.source_value IS 'the value that the mapping gave';
COMMENT ON COLUMN bcdelta.conflict.store_value IS 'the value that the store held';
COMMENT ON COLUMN bcdelta.conflict.value IS 'the value that was chosen in place of both';
COMMENT ON COLUMN bcdelta.conflict.decided_by IS 'the role that called resolve(); null: the policy decided, or nobody yet';
COMMENT ON COLUMN bcdelta.conflict.is_current IS
'whether this row says why the field has, or keeps, another value in the store than in the source';

SELECT pg_catalog.pg_extension_config_dump('bcdelta.conflict', '');
SELECT pg_catalog.pg_extension_config_dump(
	pg_catalog.pg_get_serial_sequence('bcdelta.conflict', 'conflict_id')::pg_catalog.regclass, '');

CREATE FUNCTION bcdelta.rollback(run_id bigint, created text DEFAULT 'hide', force boolean DEFAULT false,
	after text DEFAULT 'pause', wait boolean DEFAULT true)
RETURNS bcdelta.run LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_rollback';
COMMENT ON FUNCTION bcdelta.rollback(bigint, text, boolean, text, boolean) IS
'undoes what a push or a rollback has written, where the store still has it; created: hide, delete or keep records that it created; force: also where somebody else has changed it since; after: pause the feeds, or none; what was found is in bcdelta.rollback_field';

CREATE FUNCTION bcdelta.rollback_since(since timestamptz, server name DEFAULT NULL, feed text DEFAULT NULL,
	created text DEFAULT 'hide', force boolean DEFAULT false, after text DEFAULT 'pause', wait boolean DEFAULT true)
RETURNS bcdelta.run LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_rollback_since';
COMMENT ON FUNCTION bcdelta.rollback_since(timestamptz, name, text, text, boolean, text, boolean) IS
'undoes everything that was written since a time, by whichever run, to a feed (null: all feeds of the server); otherwise like rollback()';

CREATE FUNCTION bcdelta.rollback_preview(run_id bigint DEFAULT NULL, since timestamptz DEFAULT NULL, server name DEFAULT NULL,
	feed text DEFAULT NULL, created text DEFAULT 'hide', force boolean DEFAULT false, max_rows integer DEFAULT 100)
RETURNS TABLE (feed text, key text, store_id bigint, field text, now jsonb, becomes jsonb, verdict text, reason text)
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_rollback_preview';
COMMENT ON FUNCTION bcdelta.rollback_preview(bigint, timestamptz, name, text, text, boolean, integer) IS
'what rollback() of a run, or rollback_since() a time, would do with each field: reads the records from the store, and writes nothing; its run has the rest in bcdelta.rollback_field';

CREATE FUNCTION bcdelta.set_conflict(feed text, field text DEFAULT NULL, policy text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_set_conflict';
COMMENT ON FUNCTION bcdelta.set_conflict(text, text, text) IS
'sets what happens if a field (null: any field without a policy of its own) was changed in the source and in the store: source, store, newest or review; a null policy is the feed''s, or source';
CREATE FUNCTION bcdelta.resolve(conflict_id bigint, choice text, value jsonb DEFAULT NULL, note text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_resolve';
COMMENT ON FUNCTION bcdelta.resolve(bigint, text, jsonb, text) IS
'decides an open conflict: source, store, or value with a value of its own; carried out by the next push, and valid only for the values that the conflict shows: if one of them has changed, nothing is written and there is a new conflict';

CREATE VIEW bcdelta.review AS
SELECT c.conflict_id, c.feed, l.key,
	coalesce(l.payload ->> 'sku', l.payload ->> 'name', l.payload ->> 'email', l.payload ->> 'code', l.payload ->> 'path') AS natural_key,
	c.field, c.kind, c.base, c.source_value, c.store_value, c.source_changed_at, c.store_modified_at, c.reason,
	date_trunc('second', now() - c.found_at) AS age,
	format('SELECT bcdelta.resolve(%s, %L);', c.conflict_id, 'store') AS call
FROM bcdelta.conflict AS c JOIN bcdelta.link AS l ON l.feed = c.feed AND l.address = c.store_id::text
WHERE c.state = 'open' AND c.is_current;
COMMENT ON VIEW bcdelta.review IS 'conflicts that a person has to decide, with the values of both sides and the call that keeps the store''s value';
COMMENT ON COLUMN bcdelta.review.natural_key IS 'SKU, name, e-mail address, code or path of the row';
COMMENT ON COLUMN bcdelta.review.call IS 'a statement to copy; with ''source'' the value of the source is written, with ''value'' another one';

CREATE FUNCTION bcdelta.why(feed text, key text, read boolean DEFAULT false)
RETURNS TABLE (field text, source_value jsonb, last_known jsonb, store_value jsonb, owner text, decision text, reason text)
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_why';
COMMENT ON FUNCTION bcdelta.why(text, text, boolean) IS
'explains what a push would do with each field of a row: send, same, keep or hold, who owns it (source, store, newest, review), and the rule in words; by what is known, without asking the store';
