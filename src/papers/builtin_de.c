/*
 * builtin_de.c
 *		The messages that come with bcdelta, in German.
 */
#include "postgres.h"

#include "papers/builtin.h"

#define GREETING	"Liebe Kundinnen und Kunden,\n\n"
#define THANKS		"\n\nVielen Dank für Ihre Geduld."

const BcdTemplate bcd_templates_de[] = {
	{"planned", "internal", "{server}: Umzug für den {go_live_date} geplant",
		"Der neue Shop soll öffnen: {go_live}.\n\nWas bis dahin und danach geschieht:\n{steps}\n\n"
		"Ab {freeze} ändert niemand mehr etwas im alten Shop. Nichts, was sich nicht zurücknehmen ließe, beginnt von selbst: Der letzte Abgleich wartet auf die Freigabe durch einen Menschen.\n\n"
		"Wer jetzt wofür zuständig ist:\n{authority}\n\nWer zuständig ist, sobald der neue Shop offen ist:\n{authority_live}\n\n"
	"Der Plan mit allen Aufrufen: {runbook_call}"},
	{"planned", "support", "Neuer Shop: geplant für den {go_live_date}",
		"Der neue Shop soll öffnen: {go_live}. Bis dahin bestellen alle im alten Shop, und alle Fragen zu Bestellungen werden dort beantwortet.\n\n"
	"Bestellungen, die bis dahin eingehen, bleiben in der Verwaltung des alten Shops. Wer fragt, erfährt: An aufgegebenen Bestellungen ändert sich nichts."},
	{"planned", "customers", "Unser neuer Shop öffnet am {go_live_date}",
	GREETING "unser neuer Shop öffnet am {go_live_date}. Bis dahin bestellen Sie wie gewohnt; aufgegebene Bestellungen werden wie vereinbart geliefert. Sie brauchen nichts zu tun."},

	{"tomorrow", "internal", "{server}: morgen ist es so weit, {go_live}",
		"Der neue Shop soll öffnen: {go_live}, in den Stunden {hours}.\n\n{criteria}\n{unmet}\n\nAufwand für einen Abgleich in diesem Augenblick: {estimate}.\n\nDiese Schritte stehen noch aus:\n{steps}\n\n"
	"Ab {freeze} ändert niemand mehr etwas im alten Shop (Dauer: {freeze_length}). Was zu tun ist, wenn etwas schiefgeht, steht im Ablaufplan: {runbook_call}"},
	{"tomorrow", "support", "Neuer Shop: morgen, {go_live}",
		"Der neue Shop soll öffnen: {go_live}. Bis dahin wird im alten Shop bestellt. Bitte dort ab {freeze} nichts mehr ändern: keine Preise, keine Bestände, keine Kundendaten.\n\n"
	"Eine Nachricht folgt, sobald der neue Shop offen ist, ebenso, falls er nicht öffnet."},
	{"tomorrow", "customers", "Morgen öffnet unser neuer Shop",
	GREETING "unser neuer Shop öffnet am {go_live_date} gegen {go_live_time}. Um diese Zeit kann der Shop kurz nicht erreichbar sein. Aufgegebene Bestellungen werden wie vereinbart geliefert."},

	{"freeze", "internal", "{server}: Änderungsstopp",
		"Seit {freeze} ändert niemand mehr etwas im alten Shop, bis der neue offen ist. Geplant: {go_live}.\n\n"
	"Änderungen werden weiterhin erfasst, nichts geht verloren. Wer noch schreibt: {leaks_call}\n\nNoch zu übertragen: {pending}. Aufwand für den letzten Abgleich: {estimate}.\n\nDer nächste Schritt: {next_step}"},
	{"freeze", "support", "Neuer Shop: bitte im alten Shop nichts mehr ändern",
		"Für den alten Shop gilt ab {freeze} ein Änderungsstopp: Bitte dort keine Artikel, Preise, Bestände oder Kundendaten ändern, bis die Nachricht kommt, dass der neue Shop offen ist. Geplant: {go_live}.\n\n"
	"Was nicht warten kann, bitte notieren und danach im neuen Shop eintragen."},
	{"freeze", "customers", "Unser Shop zieht um",
	GREETING "wir ziehen in unseren neuen Shop um. Er öffnet am {go_live_date} gegen {go_live_time}. Aufgegebene Bestellungen werden wie vereinbart geliefert." THANKS},

	{"delay", "internal", "{server}: der Umzug verzögert sich",
		"Der neue Shop öffnet später als vorgesehen. Jetzt geplant: {go_live}.\n\nUrsache: {cause}\n\nAufwand für einen Abgleich in diesem Augenblick: {estimate}; noch zu übertragen: {pending}.\n\n"
	"Bis dahin bleibt die Zuständigkeit, wie sie ist:\n{authority}\n\nZu entscheiden ist:\n(a) zu einer anderen Zeit weiter: {move_call}\n(b) vorerst anhalten: {hold_call}\n\nFür beides muss nichts zurückgenommen werden."},
	{"delay", "support", "Neuer Shop: Verzögerung",
	"Der neue Shop öffnet später als vorgesehen; jetzt geplant: {go_live}. Bestellt wird weiter im alten Shop. Bitte dort weiterhin nichts ändern, solange nichts anderes gesagt wird."},
	{"delay", "customers", "Unser neuer Shop öffnet etwas später",
	GREETING "unser neuer Shop braucht noch etwas Zeit. Er soll nun am {go_live_date} gegen {go_live_time} öffnen. Aufgegebene Bestellungen werden wie vereinbart geliefert." THANKS},

	{"go", "internal", "{server}: Freigabe",
		"Freigegeben von {by}: {reason}\n\n{criteria}\n{override}\n\nDer letzte Abgleich beginnt. Aufwand: {estimate}. Danach öffnet der neue Shop.\n\n"
	"Anhalten: {hold_call}\nDer Rückweg: {rollback}"},
	{"go", "support", "Neuer Shop: er öffnet jetzt",
	"Die Entscheidung ist gefallen: Der neue Shop öffnet nach einer letzten Übertragung der Daten. Bitte bis zur Nachricht, dass er offen ist, in keinem der beiden Shops etwas ändern."},
	{"go", "customers", "Unser neuer Shop öffnet gleich",
	GREETING "unser neuer Shop öffnet in wenigen Augenblicken. Bitte warten Sie mit neuen Bestellungen noch ein wenig." THANKS},

	{"no_go", "internal", "{server}: keine Freigabe am {go_live_date}",
		"Der neue Shop öffnet jetzt nicht. {criteria}\n{unmet}\n\nUrsache: {cause}\n\nDer alte Shop bleibt zuständig, und es muss nichts zurückgenommen werden:\n{authority}\n\n"
	"Noch einmal prüfen: {check_call}\nWenn alles in Ordnung ist: {go_call}\nEine andere Zeit: {move_call}"},
	{"no_go", "support", "Neuer Shop: er öffnet jetzt nicht",
	"Der neue Shop öffnet am {go_live_date} nicht. Bestellt wird wie bisher im alten Shop. Eine Nachricht folgt, sobald es einen neuen Termin gibt."},
	{"no_go", "customers", "Unser neuer Shop öffnet später",
	GREETING "die Eröffnung unseres neuen Shops ist verschoben. Sie bestellen wie gewohnt; aufgegebene Bestellungen werden wie vereinbart geliefert. Den neuen Termin teilen wir Ihnen mit." THANKS},

	{"stopped", "internal", "{server}: der Umzug ist angehalten",
		"Der Umzug wurde angehalten.\n\nUrsache: {cause}\n\nDer letzte Schritt: {last_step}\nNoch zu übertragen: {pending}. Nichts ist verloren, und nichts geht von selbst weiter.\n\n"
	"Ursache beheben und weiter: {go_call}\nEine andere Zeit: {move_call}\nDer Rückweg: {rollback}\n\nWer jetzt wofür zuständig ist:\n{authority}"},
	{"stopped", "support", "Neuer Shop: unterbrochen",
	"Die Eröffnung des neuen Shops ist unterbrochen. Bitte in keinem der beiden Shops etwas ändern, bis klar ist, wie es weitergeht. Wer fragt, erfährt: Die Bestellungen sind sicher."},
	{"stopped", "customers", "Unser neuer Shop öffnet später",
	GREETING "die Eröffnung unseres neuen Shops dauert länger als gedacht. Aufgegebene Bestellungen sind sicher und werden wie vereinbart geliefert." THANKS},

	{"rolled_back", "internal", "{server}: was geschrieben wurde, ist zurückgenommen",
		"Was der Umzug geschrieben hatte, ist zurückgenommen.\n\nUrsache: {cause}\n\nDer letzte Schritt: {last_step}\n\nWer jetzt wofür zuständig ist:\n{authority}\n\n"
	"Feeds, die dabei angehalten wurden, bleiben es, bis ihre Quelle berichtigt ist und jemand sie fortsetzt. Der Plan mit allen Aufrufen: {runbook_call}"},
	{"rolled_back", "support", "Neuer Shop: zurück zum alten Shop",
	"Der neue Shop ist nicht offen. Bestellt und gearbeitet wird wie bisher im alten Shop. Bestellungen, die inzwischen im neuen Shop eingegangen sind, bleiben dort und sind von dort aus zu erledigen."},
	{"rolled_back", "customers", "Unser neuer Shop öffnet später",
	GREETING "wir haben die Eröffnung unseres neuen Shops verschoben; der bisherige ist wie gewohnt geöffnet. Aufgegebene Bestellungen werden wie vereinbart geliefert." THANKS},

	{"live", "internal", "{server}: der neue Shop ist offen",
		"Der neue Shop ist offen seit: {live_at}.\n{override}\n\nWer jetzt wofür zuständig ist:\n{authority}\n\nWas als Nächstes kommt:\n{steps}\n\n"
	"Der Rückweg: {rollback}\nWie von jetzt an abgeglichen wird: {sop_call}"},
	{"live", "support", "Der neue Shop ist offen",
		"Der neue Shop ist offen seit: {live_at}. Neue Bestellungen gehen dort ein und werden dort beantwortet. Frühere Bestellungen bleiben in der Verwaltung des alten Shops.\n\n"
	"Von jetzt an wird im neuen Shop gearbeitet:\n{authority}"},
	{"live", "customers", "Unser neuer Shop ist offen",
	GREETING "unser neuer Shop ist offen. Sehen Sie sich gern um. Bestellungen aus dem alten Shop werden wie vereinbart geliefert. Falls Sie sich nicht anmelden können, fordern Sie bitte auf der Anmeldeseite ein neues Passwort an."},

	{"day_after", "internal", "{server}: ein Tag nach der Eröffnung",
	"Der neue Shop ist offen seit: {live_at}.\n\nDer letzte Schritt: {last_step}\nNoch zu übertragen: {pending}.\n\nWer jetzt wofür zuständig ist:\n{authority}\n\nWas als Nächstes kommt:\n{steps}"},
	{"day_after", "support", "Der neue Shop, ein Tag danach",
	"Der neue Shop ist offen seit: {live_at}. Bitte melden, worüber Kundinnen und Kunden klagen. Bestellungen, die noch im alten Shop eingehen, müssen übertragen werden: bitte den Zuständigen Bescheid geben."},
	{"day_after", "customers", "Wie gefällt Ihnen unser neuer Shop?",
	GREETING "seit gestern ist unser neuer Shop offen. Wenn etwas nicht so funktioniert, wie Sie es erwarten, schreiben Sie uns bitte."},

	{"week_after", "internal", "{server}: eine Woche nach der Eröffnung",
		"Der neue Shop ist offen seit: {live_at}.\n\nDer letzte Schritt: {last_step}\nNoch zu übertragen: {pending}. Unter Beobachtung bis: {watch_end}.\n\nWer jetzt wofür zuständig ist:\n{authority}\n\n"
	"Was als Nächstes kommt:\n{steps}\n\nWie von jetzt an abgeglichen wird: {sop_call}"},
	{"week_after", "support", "Der neue Shop, eine Woche danach",
	"Der neue Shop ist offen seit: {live_at}. Der alte Shop nimmt keine Bestellungen mehr an und dient nur noch zum Nachsehen. Was im neuen Shop falsch ist, wird im neuen Shop berichtigt."},
	{"week_after", "customers", "Eine Woche neuer Shop",
	GREETING "seit einer Woche ist unser neuer Shop offen. Danke für Ihre Bestellungen und für jeden Hinweis, was wir besser machen können."},
	{NULL}
};
