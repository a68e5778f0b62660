/*
 * builtin_en.c
 *		The messages that come with bcdelta, in English.
 */
#include "postgres.h"

#include "papers/builtin.h"

#define GREETING	"Dear customers,\n\n"
#define THANKS		"\n\nThank you for your patience."

const BcdTemplate bcd_templates_en[] = {
	{"planned", "internal", "{server}: go-live is planned for {go_live_date}",
		"The new shop is planned to open on {go_live}.\n\nWhat happens until then, and afterwards:\n{steps}\n\n"
		"From {freeze} on, nobody changes anything in the old shop. Nothing that cannot be taken back starts by itself: the final sweep waits for a person who says go.\n\n"
		"Who is in charge of what now:\n{authority}\n\nWho is in charge once the new shop is open:\n{authority_live}\n\n"
	"The plan with all calls: {runbook_call}"},
	{"planned", "support", "New shop: planned for {go_live_date}",
		"The new shop is planned to open on {go_live}. Until then, all customers order in the old shop, and all questions about orders are answered there.\n\n"
	"Orders that were placed before stay in the old shop's order management. Tell customers who ask that nothing changes for orders that they have placed."},
	{"planned", "customers", "Our new shop opens on {go_live_date}",
	GREETING "our new shop opens on {go_live_date}. Until then you order as usual, and orders that you have placed are delivered as agreed. You do not have to do anything."},

	{"tomorrow", "internal", "{server}: go-live tomorrow, {go_live}",
		"The new shop is planned to open on {go_live}, in the hours {hours}.\n\n{criteria}\n{unmet}\n\nA sweep would now take {estimate}.\n\nSteps that are still to come:\n{steps}\n\n"
	"From {freeze} on ({freeze_length}), nobody changes anything in the old shop. What to do if something goes wrong is in the runbook: {runbook_call}"},
	{"tomorrow", "support", "New shop: tomorrow, {go_live}",
		"The new shop is planned to open on {go_live}. Up to then, customers order in the old shop. From {freeze} on, please change nothing there: no prices, no stock, no customer data.\n\n"
	"You will be told as soon as the new shop is open, and also if it does not open."},
	{"tomorrow", "customers", "Our new shop opens tomorrow",
	GREETING "our new shop opens on {go_live_date} at about {go_live_time}. At that time, the shop may not be available for a short while. Orders that you have placed are delivered as agreed."},

	{"freeze", "internal", "{server}: the freeze has begun",
		"Since {freeze}, nobody is to change anything in the old shop, until the new one is open. Go-live is planned for {go_live}.\n\n"
	"Changes are still captured, and nothing is lost. Who still writes: {leaks_call}\n\n{pending} to be pushed. The final sweep takes {estimate}.\n\nThe next step: {next_step}"},
	{"freeze", "support", "New shop: please change nothing in the old shop any more",
		"The old shop is frozen from {freeze} on: please change no products, prices, stock or customer data there until you are told that the new shop is open. It is planned for {go_live}.\n\n"
	"Note down what cannot wait, and enter it in the new shop afterwards."},
	{"freeze", "customers", "Our shop is moving",
	GREETING "we are moving to our new shop, which opens on {go_live_date} at about {go_live_time}. Orders that you have placed are delivered as agreed." THANKS},

	{"delay", "internal", "{server}: go-live is delayed",
		"The new shop opens later than planned. Go-live is now planned for {go_live}.\n\nCause: {cause}\n\nA sweep would now take {estimate}; {pending} to be pushed.\n\n"
	"Until then, nothing changes in who is in charge:\n{authority}\n\nSomebody has to decide:\n(a) go on at another time: {move_call}\n(b) stop for now: {hold_call}\n\nNothing has to be undone for either."},
	{"delay", "support", "New shop: delayed",
	"The new shop opens later than planned; it is now planned for {go_live}. Customers go on ordering in the old shop. Please go on changing nothing there, unless you are told otherwise."},
	{"delay", "customers", "Our new shop opens a little later",
	GREETING "our new shop needs a little more time. It is now planned to open on {go_live_date} at about {go_live_time}. Orders that you have placed are delivered as agreed." THANKS},

	{"go", "internal", "{server}: go",
		"{by} has said go: {reason}\n\n{criteria}\n{override}\n\nThe final sweep begins, and takes {estimate}. The new shop opens after that.\n\n"
	"To stop it: {hold_call}\nThe way back: {rollback}"},
	{"go", "support", "New shop: it opens now",
	"The decision is made: the new shop opens now, after a last transfer of data. Please change nothing in either shop until you are told that it is open."},
	{"go", "customers", "Our new shop opens in a moment",
	GREETING "our new shop opens in a moment. Please wait a little with new orders." THANKS},

	{"no_go", "internal", "{server}: no go on {go_live_date}",
		"The new shop does not open now. {criteria}\n{unmet}\n\nCause: {cause}\n\nThe old shop stays in charge, and nothing has to be undone:\n{authority}\n\n"
	"To look again: {check_call}\nWhen all is well: {go_call}\nAnother time: {move_call}"},
	{"no_go", "support", "New shop: it does not open now",
	"The new shop does not open on {go_live_date}. Customers go on ordering in the old shop, as before. You will be told when there is a new time."},
	{"no_go", "customers", "Our new shop opens later",
	GREETING "the opening of our new shop is postponed. You order as usual, and orders that you have placed are delivered as agreed. We will tell you when there is a new date." THANKS},

	{"stopped", "internal", "{server}: the cutover was stopped",
		"The cutover was stopped.\n\nCause: {cause}\n\nThe last step: {last_step}\n{pending} to be pushed. Nothing is lost, and nothing goes on by itself.\n\n"
	"Mend the cause, and go on: {go_call}\nAnother time: {move_call}\nThe way back: {rollback}\n\nWho is in charge of what now:\n{authority}"},
	{"stopped", "support", "New shop: interrupted",
	"The opening of the new shop was interrupted. Please change nothing in either shop until you are told how it goes on. Tell customers who ask that their orders are safe."},
	{"stopped", "customers", "Our new shop opens later",
	GREETING "the opening of our new shop takes longer than we thought. Orders that you have placed are safe, and are delivered as agreed." THANKS},

	{"rolled_back", "internal", "{server}: what was written has been taken back",
		"What the cutover had written has been undone.\n\nCause: {cause}\n\nThe last step: {last_step}\n\nWho is in charge of what now:\n{authority}\n\n"
	"Feeds that were paused stay paused until their source is corrected, and somebody resumes them. The plan with all calls: {runbook_call}"},
	{"rolled_back", "support", "New shop: back to the old shop",
	"The new shop is not open. Customers order in the old shop, as before, and you work there as before. Orders that were placed in the new shop meanwhile stay there, and have to be carried out from there."},
	{"rolled_back", "customers", "Our new shop opens later",
	GREETING "we have postponed the opening of our new shop, and the old one is open as usual. Orders that you have placed are delivered as agreed." THANKS},

	{"live", "internal", "{server}: the new shop is open",
		"The new shop is open since {live_at}.\n{override}\n\nWho is in charge of what now:\n{authority}\n\nWhat comes next:\n{steps}\n\n"
	"The way back: {rollback}\nHow the shops are synced from now on: {sop_call}"},
	{"live", "support", "The new shop is open",
		"The new shop is open since {live_at}. New orders arrive there, and are answered there. Orders from before stay in the old shop's order management.\n\n"
	"From now on, people work in the new shop:\n{authority}"},
	{"live", "customers", "Our new shop is open",
	GREETING "our new shop is open. Have a look around. Orders that you have placed in the old shop are delivered as agreed. If you cannot log in, ask for a new password on the log-in page."},

	{"day_after", "internal", "{server}: one day after go-live",
	"The new shop is open since {live_at}.\n\nThe last step: {last_step}\n{pending} to be pushed.\n\nWho is in charge of what now:\n{authority}\n\nWhat comes next:\n{steps}"},
	{"day_after", "support", "The new shop, one day later",
	"The new shop has been open since {live_at}. Please report what customers complain of. Orders that still arrive in the old shop have to be carried over: tell the people in charge of them."},
	{"day_after", "customers", "How do you like our new shop?",
	GREETING "our new shop has been open since yesterday. If anything does not work as you expect, please write to us."},

	{"week_after", "internal", "{server}: one week after go-live",
		"The new shop is open since {live_at}.\n\nThe last step: {last_step}\n{pending} to be pushed. It is watched until {watch_end}.\n\nWho is in charge of what now:\n{authority}\n\n"
	"What comes next:\n{steps}\n\nHow the shops are synced from now on: {sop_call}"},
	{"week_after", "support", "The new shop, one week later",
	"The new shop has been open since {live_at}. The old shop takes no more orders, and is only there to look things up. Whatever is wrong in the new shop is corrected in the new shop."},
	{"week_after", "customers", "One week of our new shop",
	GREETING "our new shop has been open for a week. Thank you for your orders, and for telling us what we can do better."},
	{NULL}
};
