--
-- Who may do what
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE ROLE regress_bcdelta_owner;
CREATE ROLE regress_bcdelta_member IN ROLE regress_bcdelta_owner;
CREATE ROLE regress_bcdelta_other;
CREATE TABLE makers (code text PRIMARY KEY, name text, secret text);
CREATE TABLE notes (code text, note text);
INSERT INTO makers VALUES ('a', 'Acme', 'hush');

-- nothing is granted to everybody but the use of functions
SELECT relname, grantee FROM pg_class, aclexplode(relacl)
WHERE relnamespace = 'bcdelta'::regnamespace AND grantee = 0;
SELECT proname FROM pg_proc
WHERE pronamespace = 'bcdelta'::regnamespace AND NOT has_function_privilege('regress_bcdelta_other', oid, 'EXECUTE') ORDER BY 1;
-- no function runs with the rights of its owner
SELECT proname FROM pg_proc WHERE pronamespace = 'bcdelta'::regnamespace AND prosecdef;

-- tracking needs USAGE on the store, SELECT on the source, TRIGGER to capture
SET ROLE regress_bcdelta_owner;
SELECT bcdelta.track('makers', 'shop', 'brand');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_owner;
SET ROLE regress_bcdelta_owner;
SELECT bcdelta.track('makers', 'shop', 'brand');
RESET ROLE;
GRANT SELECT (code, name) ON makers TO regress_bcdelta_owner;
SET ROLE regress_bcdelta_owner;
SELECT bcdelta.track('makers', 'shop', 'brand');
RESET ROLE;
GRANT TRIGGER ON makers TO regress_bcdelta_owner;
SET ROLE regress_bcdelta_owner;
-- ... and the rights to read what the mapping reads
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "secret"}');
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "(SELECT n.note FROM public.notes AS n WHERE n.code = makers.code)"}');
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "pg_read_file(''/etc/passwd'')"}');
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "name", "page_title": "current_user::text"}');
RESET ROLE;
SELECT owner FROM bcdelta.feed;

-- the owner needs no rights on the tables of the extension
SET ROLE regress_bcdelta_owner;
INSERT INTO bcdelta.change VALUES (1, 'c', 'a', NULL, NULL, now());
UPDATE bcdelta.feed SET owner = 'postgres';
SELECT bcdelta.mark('makers', 'a');
SELECT key, action, body, error FROM bcdelta.preview('makers');
SELECT bcdelta.pause('makers');

-- a member of the owner may do what the owner may
SET ROLE regress_bcdelta_member;
SELECT bcdelta.pause('makers');
SELECT key, action, body, error FROM bcdelta.preview('makers');

-- others may not, even with USAGE on the store
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_other;
SET ROLE regress_bcdelta_other;
SELECT bcdelta.pause('makers');
SELECT bcdelta.resume('makers');
SELECT bcdelta.untrack('makers');
SELECT bcdelta.preview('makers');
SELECT bcdelta.mark('makers', 'a');
SELECT bcdelta.mark_all('makers');
SELECT bcdelta.mark_where('makers', 'true');
SELECT bcdelta.mark_since('makers', 'code', now());
SELECT bcdelta.link('makers', 'a', 7);
SELECT * FROM bcdelta.feed;
SELECT * FROM bcdelta.status;

-- runs need USAGE on the store
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER shop FROM regress_bcdelta_other;
SET ROLE regress_bcdelta_other;
SELECT bcdelta.push();
SELECT bcdelta.push('makers');
SELECT bcdelta.push(server => 'shop');
SELECT bcdelta.link('makers');
SELECT bcdelta.verify('makers');
SELECT bcdelta.retry('makers');
SELECT bcdelta.retry();
CALL bcdelta.sweep('shop');
SELECT bcdelta.schedule('s', feed => 'makers', every => '1 day');
SELECT bcdelta.schedule('s', server => 'shop', every => '1 day');
RESET ROLE;

-- a superuser reads and pushes as the owner, not as itself
SELECT key, action, body, error FROM bcdelta.preview('makers');
CREATE FUNCTION boast() RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN EXECUTE 'ALTER ROLE regress_bcdelta_owner SUPERUSER'; RETURN 'done'; END $$;
ALTER FUNCTION boast() OWNER TO regress_bcdelta_owner;
SET ROLE regress_bcdelta_owner;
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "public.boast()"}', feed => 'trap');
SELECT bcdelta.mark('trap', 'a');
RESET ROLE;
SELECT key, action, body, error FROM bcdelta.preview('trap');
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_bcdelta_owner';

-- a role that reads all data sees everything but the tokens
CREATE USER MAPPING FOR regress_bcdelta_owner SERVER shop OPTIONS (access_token 'secret');
GRANT SELECT ON ALL TABLES IN SCHEMA bcdelta TO regress_bcdelta_other;
SET ROLE regress_bcdelta_other;
SELECT feed, state FROM bcdelta.status ORDER BY 1;
SELECT count(*) FROM bcdelta.progress;
-- the functions behind the views are for readers of the views, of some columns too
RESET ROLE;
CREATE ROLE regress_bcdelta_stranger;
SET ROLE regress_bcdelta_stranger;
SELECT bcdelta.feed_trouble('makers');
SELECT * FROM bcdelta.worker_store();
SELECT * FROM bcdelta.worker_progress();
SELECT bcdelta.home();
RESET ROLE;
GRANT SELECT (feed, trouble) ON bcdelta.status TO regress_bcdelta_stranger;
SET ROLE regress_bcdelta_stranger;
SELECT feed, trouble FROM bcdelta.status ORDER BY 1;
SELECT * FROM bcdelta.worker_progress();
RESET ROLE;
REVOKE ALL ON bcdelta.status FROM regress_bcdelta_stranger;
SET ROLE regress_bcdelta_other;
SELECT umoptions FROM pg_user_mappings WHERE srvname = 'shop';
RESET ROLE;

-- a schedule belongs to who made it
SET ROLE regress_bcdelta_owner;
SELECT bcdelta.schedule('s', feed => 'makers', every => '1 day') > now() AS later;
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_other;
SET ROLE regress_bcdelta_other;
SELECT bcdelta.schedule('s', feed => 'makers', every => '1 hour');
SELECT bcdelta.unschedule('s');
SET ROLE regress_bcdelta_member;
SELECT bcdelta.schedule('s', feed => 'makers', every => '2 hours') > now() AS later;
SELECT bcdelta.unschedule('s');
RESET ROLE;

-- a renamed role stays the owner, and its old name, created anew, is a stranger's
SELECT bcdelta.schedule('s', feed => 'makers', every => '1 day') > now() AS later;
UPDATE bcdelta.schedule SET owner = 'regress_bcdelta_owner';
ALTER ROLE regress_bcdelta_owner RENAME TO regress_bcdelta_renamed;
ALTER ROLE regress_bcdelta_stranger RENAME TO regress_bcdelta_owner;
SELECT feed, owner FROM bcdelta.feed ORDER BY 1;
SET ROLE regress_bcdelta_owner;
SELECT bcdelta.pause('makers');
SELECT bcdelta.untrack('makers');
SELECT bcdelta.mark('makers', 'a');
SELECT bcdelta.unschedule('s');
SET ROLE regress_bcdelta_renamed;
SELECT bcdelta.pause('makers');
SELECT bcdelta.resume('makers');
SELECT bcdelta.unschedule('s');
RESET ROLE;
ALTER ROLE regress_bcdelta_owner RENAME TO regress_bcdelta_stranger;
ALTER ROLE regress_bcdelta_renamed RENAME TO regress_bcdelta_owner;

-- what a dropped role leaves behind is nobody's
CREATE ROLE regress_bcdelta_gone IN ROLE regress_bcdelta_owner;
SET ROLE regress_bcdelta_gone;
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'left');
RESET ROLE;
DROP ROLE regress_bcdelta_gone;
SELECT bcdelta.feed_trouble('left') ~ '^its owner no longer exists' AS told;
SELECT bcdelta.resume('left');
SET ROLE regress_bcdelta_owner;
SELECT bcdelta.untrack('left');
RESET ROLE;
UPDATE bcdelta.feed SET owner = 'regress_bcdelta_owner' WHERE feed = 'left';
SELECT bcdelta.resume('left');
SELECT bcdelta.feed_trouble('left');
SELECT bcdelta.untrack('left');

-- an owner that lost a right: the trouble is told
REVOKE USAGE ON FOREIGN SERVER shop FROM regress_bcdelta_owner;
SELECT bcdelta.feed_trouble('makers');
SELECT bcdelta.resume('makers');
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_owner;
REVOKE SELECT (name) ON makers FROM regress_bcdelta_owner;
SELECT bcdelta.resume('makers');

DROP EXTENSION bcdelta CASCADE;
DROP FUNCTION boast;
DROP TABLE makers, notes;
DROP ROLE regress_bcdelta_stranger, regress_bcdelta_member, regress_bcdelta_owner, regress_bcdelta_other;
