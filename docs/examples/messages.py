#!/usr/bin/env python3
"""messages.py DATABASE ADDRESS: mails what people should hear of a cutover, by sendmail.

Runs until it is stopped, as a role with USAGE on the server.  bcdelta tells of events
by NOTIFY bcdelta; psql prints those that have come after its next command.  What comes
while nobody listens is in the table bcdelta.event.
"""
import email.message
import json
import re
import subprocess
import sys

database, address = sys.argv[1:]
psql = subprocess.Popen(["psql", "-XAtq", "-d", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def ask(sql):
    """What psql prints for a statement, line by line, notifications included."""
    psql.stdin.write(sql + ";\n\\echo --end\n")
    lines = []
    for line in psql.stdout:
        if line == "--end\n":
            return lines
        lines.append(line)
    sys.exit("psql has ended")


ask("LISTEN bcdelta")
while True:
    for line in ask("SELECT pg_sleep(5)"):
        told = re.match(r'Asynchronous notification "bcdelta" with payload "(.*)" received', line)
        event = json.loads(told.group(1)) if told else {}
        if event.get("event") == "cutover" and "detail" in event:
            names = ["'%s'" % event[name].replace("'", "''") for name in ("server", "detail")]
            for message in ask("SELECT row_to_json(m) FROM bcdelta.message(%s, %s) AS m" % tuple(names)):
                if message.startswith("{"):
                    mail = json.loads(message)
                    text = email.message.EmailMessage()
                    text["To"], text["Subject"] = address, mail["subject"]
                    text.set_content(mail["body"])
                    subprocess.run(["sendmail", "-t"], input=text.as_bytes(), check=False)
