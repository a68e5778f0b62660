# The night in which the shop goes live; sourced by test/demo.
# shellcheck shell=bash

# until_step CONDITION: wait until a step of the plan is as the condition says.
until_step() {
	local tries=0
	until [ "$(get "SELECT count(*) > 0 FROM bcdelta.cutover_step WHERE $1")" = t ]; do
		tries=$((tries + 1))
		[ $tries -lt 1200 ] || die "the plan does not go on: $(get 'SELECT name, state, note FROM bcdelta.cutover_step WHERE done_at IS NULL ORDER BY step LIMIT 1')"
		sleep 0.1
	done
}

show_steps() {
	shop -c "SELECT name, state, to_char(due_at, 'HH24:MI:SS') AS due, run_id AS run, measured
FROM bcdelta.cutover_step WHERE $1 ORDER BY step" | indent
}

play_night() {
	local writes

	heading "The night: a plan"
	say "All is in the store, so a day is set on which it opens. What has to happen, weeks before and after that, is a" \
		"plan, which the worker carries out. It usually takes weeks; this one has an hour and a half in it."
	ask "SELECT step, name, kind, to_char(due_at, 'Dy HH24:MI') AS due FROM bcdelta.plan_cutover('shop', date_trunc('hour', now()) + interval '14 days',
  time_zone => 'Europe/Berlin', dry_run => true) WHERE kind <> 'message'"
	say "That was a dry run. The one of tonight, in a hurry:"
	show_sql <<<"SELECT bcdelta.plan_cutover('shop', now() + interval '40 seconds', before => '{25 seconds}',
  freeze => '15 seconds', after => '{1 hour}');"
	shop -o /dev/null -c "SELECT bcdelta.plan_cutover('shop', now() + interval '40 seconds', before => '{25 seconds}',
		freeze => '15 seconds', after => '{1 hour}')"
	until_step "detail = 'freeze' AND state = 'done'"
	show_steps "state = 'done'"
	expect "stage" "$(get 'SELECT stage FROM bcdelta.stage')" freeze

	heading "No-go"
	say "From now on, nobody should change the old shop. Somebody does, and not well:"
	show_sql <<<"UPDATE articles SET title = repeat('Frame bag ', 30) WHERE art_no = 'C31-070';"
	shop -o /dev/null -c "UPDATE articles SET title = repeat('Frame bag ', 30) WHERE art_no = 'C31-070'"
	watch_run 'SELECT run_id FROM bcdelta.push()'
	until_step "kind = 'go' AND state = 'waiting'"
	say "The plan has come to the step that waits for a person, and waits: sweeps go on every ten minutes, and nothing" \
		"else happens by itself. Can the shop go live?"
	show_sql <<<"SELECT bcdelta.go('shop', 'all said yes');"
	shop -v ON_ERROR_STOP=0 -c "SELECT bcdelta.go('shop', 'all said yes')" 2>&1 >/dev/null | fold -s -w 90 | indent || :
	echo
	ask "SELECT criterion, verdict, found, next_step FROM bcdelta.go_live_check('shop')
WHERE severity = 'must' AND verdict IN ('no-go', 'unknown')"
	expect "criteria that are not met" "$(get "SELECT string_agg(criterion, ' ' ORDER BY criterion) FROM bcdelta.go_live_check('shop')
		WHERE severity = 'must' AND verdict IN ('no-go', 'unknown')")" 'failed leaks'
	ask 'SELECT source, changes, application FROM bcdelta.freeze_leaks'

	heading "Go"
	say "The title is put right, and whoever wrote it has gone home:"
	show_sql <<<"UPDATE articles SET title = 'Frame bag No. 7' WHERE art_no = 'C31-070';"
	shop -o /dev/null -c "UPDATE articles SET title = 'Frame bag No. 7' WHERE art_no = 'C31-070'"
	watch_run 'SELECT run_id FROM bcdelta.push()'
	watch_run "SELECT run_id FROM bcdelta.verify(mode => 'changed')"
	ask "SELECT bcdelta.waive('shop', 'leaks', 'it was Tom, who has gone home')"
	ask "SELECT bcdelta.go('shop', 'all said yes')"
	until_step "detail = 'live' AND state = 'done'"
	show_steps "name ~ '^(go|final|stage live)'"
	expect "stage" "$(get 'SELECT stage FROM bcdelta.stage')" live
	say "The new shop is open. Who is in charge of what has changed with that: what is the store's now is not sent any" \
		"more, and is not lost either."
	ask "SELECT resource, field, owner FROM bcdelta.authority_now WHERE owner <> 'store' ORDER BY 1"
	writes=$(store writes)
	shop -o /dev/null -c "UPDATE makers SET maker_name = maker_name || ' Ltd.'"
	watch_run 'SELECT run_id FROM bcdelta.push()'
	expect "writing calls for the store's own" "$(($(store writes) - writes))" 0
	ask "SELECT feed, state, last_error, count(*) FROM bcdelta.pending GROUP BY 1, 2, 3"

	heading "What people are told"
	ask "SELECT subject, body FROM bcdelta.message('shop', 'live')"
	ask "SELECT at::time(0), what, coalesce(by_role, 'the plan') AS who, reason FROM bcdelta.journal
WHERE what IN ('plan_cutover', 'stage', 'waive', 'go') ORDER BY journal_id DESC LIMIT 6"
	say "bcdelta.runbook('shop') is the paper for the night, bcdelta.sop('shop') the one for the time after it."
}

# The page that stays when everything else is removed
leave_report() {
	local page
	page=$(mktemp "${TMPDIR:-/tmp}/bcdelta-report.XXXXXX.html")
	shop -At -c "SELECT bcdelta.report('shop')" >"$page"
	figure 'All of it, for a browser' '' "$page"
}
