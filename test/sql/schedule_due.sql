--
-- Schedules: what may be written, and when it is due
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE TABLE makers (code text PRIMARY KEY, name text);
SELECT bcdelta.track('makers', 'shop', 'brand');

-- arguments
SELECT bcdelta.schedule(NULL, every => '1 hour');
SELECT bcdelta.schedule('', every => '1 hour');
SELECT bcdelta.schedule('s');
SELECT bcdelta.schedule('s', every => '1 hour', at => now());
SELECT bcdelta.schedule('s', every => '1 month');
SELECT bcdelta.schedule('s', every => '1 year -12 months');
SELECT bcdelta.schedule('s', every => '0');
SELECT bcdelta.schedule('s', every => '-1 hour');
SELECT bcdelta.schedule('s', every => '0.999 s');
SELECT bcdelta.schedule('s', every => '1 day -24 hours');
SELECT bcdelta.schedule('s', every => '2000000000 days');
SELECT bcdelta.schedule('s', every => '2000000000 hours');
SELECT bcdelta.schedule('s', at => 'infinity');
SELECT bcdelta.schedule('s', at => '2021-03-10 12:00');
SELECT bcdelta.schedule('s', every => '1 hour', kind => 'link');
SELECT bcdelta.schedule('s', every => '1 hour', kind => NULL);
SELECT bcdelta.schedule('s', every => '1 hour', hours => '');
SELECT bcdelta.schedule('s', every => '1 hour', hours => '1-5');
SELECT bcdelta.schedule('s', every => '1 hour', hours => '01:00-25:00');
SELECT bcdelta.schedule('s', every => '1 hour', hours => '01:00');
SELECT bcdelta.schedule('s', every => '1 hour', hours => '01:00-01:00');
SELECT bcdelta.schedule('s', every => '1 hour', hours => '00:00-24:00') > now();
SELECT bcdelta.unschedule('s');
SELECT bcdelta.schedule('s', every => '1 hour', hours => '01:00-05:00 Europe/Bärlin');
SELECT bcdelta.schedule('s', every => '1 hour', hours => 'Europe/Berlin');
SELECT bcdelta.schedule('s', feed => 'nope', every => '1 hour');
SELECT bcdelta.schedule('s', server => 'nope', every => '1 hour');
SELECT bcdelta.schedule('s', feed => 'makers', server => 'nope', every => '1 hour');
SELECT count(*) FROM bcdelta.schedule;

-- when it is due: after its period, or at its time
BEGIN;
SET TimeZone = 'UTC';
SELECT bcdelta.schedule('often', every => '90 s') - now() AS due;
SELECT bcdelta.schedule('daily', feed => 'makers', every => '1 day 00:30') - now() AS due;
SELECT bcdelta.schedule('once', at => now() + interval '3 days', kind => 'verify') - now() AS due;
SELECT bcdelta.schedule('now', at => now(), server => 'shop') - now() AS due;
SELECT name, feed, server, every, at - now() AS at, kind, hours, owner = CURRENT_USER::regrole AS mine,
	home = bcdelta.home() AS at_home, next_run_at - now() AS due, last_run_id, last_error
FROM bcdelta.schedule ORDER BY name;
-- the same name again replaces it
SELECT bcdelta.schedule('often', feed => 'makers', every => '2 s', kind => 'verify') - now() AS due;
SELECT feed, every, kind FROM bcdelta.schedule WHERE name = 'often';
ROLLBACK;

-- hours are those of the session's time zone
BEGIN;
SET TimeZone = 'Europe/Berlin';
SELECT bcdelta.schedule('night', at => '2099-03-10 12:00', hours => '01:00-05:30');
SELECT bcdelta.schedule('night', at => '2099-03-10 00:59:59.9', hours => '01:00-05:30');
SELECT bcdelta.schedule('night', at => '2099-03-10 01:00', hours => '01:00-05:30');
SELECT bcdelta.schedule('night', at => '2099-03-10 05:29:59', hours => '01:00-05:30');
SELECT bcdelta.schedule('night', at => '2099-03-10 05:30', hours => '01:00-05:30');
-- ... that pass midnight
SELECT bcdelta.schedule('night', at => '2099-03-10 21:00', hours => '22:00-06:00');
SELECT bcdelta.schedule('night', at => '2099-03-10 23:00', hours => '22:00-06:00');
SELECT bcdelta.schedule('night', at => '2099-03-10 05:59', hours => '22:00-06:00');
SELECT bcdelta.schedule('night', at => '2099-03-10 00:30', hours => '22:00-24:00');
-- ... when the clocks go forward and back: 02:30 is not there once, and twice there
SELECT bcdelta.schedule('night', at => '2099-03-28 12:00', hours => '02:30-05:30');
SELECT bcdelta.schedule('night', at => '2099-10-24 12:00', hours => '02:30-05:30');
SELECT bcdelta.schedule('night', at => '2099-10-24 12:00', hours => '03:30-05:30');
-- ... and no night is left out
SELECT bcdelta.schedule('night', at => '2099-03-28 12:00', hours => '02:30-03:30');
SELECT bcdelta.schedule('night', at => '2099-03-28 12:00', hours => '03:00-04:00');
SELECT bcdelta.schedule('night', at => '2099-03-28 12:00', hours => '02:15-02:45');
SELECT bcdelta.schedule('night', at => '2099-03-28 12:00', hours => '22:00-06:00');
SELECT time_zone, hours FROM bcdelta.schedule;
-- ... or of the zone that is named
SELECT bcdelta.schedule('night', at => '2099-03-10 12:00', hours => ' 01:00-05:30  America/New_York');
SELECT time_zone, hours FROM bcdelta.schedule;
SET TimeZone = '<+05:30>-05:30';
SELECT bcdelta.schedule('night', at => '2099-03-10 12:00', hours => '01:00-05:30') AT TIME ZONE 'UTC';
SELECT time_zone FROM bcdelta.schedule;
ROLLBACK;
RESET TimeZone;

-- a nightly one is first due in the coming night, whatever the time of day
SET TimeZone = 'UTC';
BEGIN;
SELECT to_char(now() + interval '2 hours', 'HH24:MI') || '-' || to_char(now() + interval '5 hours', 'HH24:MI') AS later,
	to_char(now() - interval '2 hours', 'HH24:MI') || '-' || to_char(now() + interval '5 hours', 'HH24:MI') AS open \gset
SELECT bcdelta.schedule('nightly', every => '1 day', hours => :'later') - date_trunc('minute', now()) AS due;
SELECT bcdelta.schedule('nightly', every => '1 day', hours => :'open') - date_trunc('minute', now()) AS due;
SELECT bcdelta.schedule('weekly', every => '7 days', hours => :'later') - date_trunc('minute', now()) AS due;
SELECT bcdelta.schedule('often', every => '10 minutes', hours => :'later') - date_trunc('minute', now()) AS due;
SELECT bcdelta.schedule('often', every => '10 minutes', hours => :'open') - now() AS due;
ROLLBACK;
RESET TimeZone;

SELECT bcdelta.schedule('night', every => '1 day') > now() AS later;
SELECT bcdelta.unschedule('night');
SELECT bcdelta.unschedule('night');
SELECT bcdelta.unschedule(NULL) IS NULL;
BEGIN READ ONLY;
SELECT bcdelta.schedule('s', every => '1 hour');
ROLLBACK;

DROP EXTENSION bcdelta CASCADE;
DROP TABLE makers;
