#!/usr/bin/env python3
"""test/browser.py AXE [SHOTS] FILE...: what a browser says of pages.

Opens each file in a headless Chromium, in several ways: on a wide and on a
narrow screen, light, dark, and printed.  Prints a JSON object: file -> way ->

    console     messages of the console, and of the page's own policy
    requests    what was asked for, other than the page itself
    violations  what axe-core finds: rule, and the first elements
    rules       how many rules of axe-core were passed
    overflow    by how many pixels the page is too wide
    pages       printed: how many there are

AXE is axe-core's script, or - for none.  SHOTS is a directory for pictures.
Chromium is driven through a pipe, with nothing but Python's own library.
"""
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

WAYS = {
    "wide": dict(width=1200, scheme="light", media="screen"),
    "dark": dict(width=1200, scheme="dark", media="screen"),
    "narrow": dict(width=360, scheme="light", media="screen"),
    "narrow dark": dict(width=360, scheme="dark", media="screen"),
    "print": dict(width=800, scheme="light", media="print"),
    "print in the dark": dict(width=800, scheme="dark", media="print"),
}


class Browser:
    def __init__(self, directory):
        ours, theirs = os.pipe(), os.pipe()     # from it, to it
        self.reads, self.writes = os.fdopen(ours[0], "rb", 0), os.fdopen(theirs[1], "wb", 0)
        self.rest, self.number, self.events = b"", 0, []

        def give():                             # it reads 3 and writes 4
            to, fro = os.dup(theirs[0]), os.dup(ours[1])
            os.dup2(to, 3)
            os.dup2(fro, 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-extensions", "--disable-sync", "--disable-component-update", "--disable-background-networking", "--user-data-dir=" + directory,
             "about:blank"],
            preexec_fn=give, pass_fds=(3, 4), stdout=subprocess.DEVNULL, stderr=open(os.path.join(directory, "log"), "wb"))
        os.close(ours[1])
        os.close(theirs[0])

    def message(self):
        while b"\0" not in self.rest:
            data = self.reads.read(1 << 16)
            if not data:
                sys.exit("Chromium has ended")
            self.rest += data
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, session=None, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if session:
            request["sessionId"] = session
        self.writes.write(json.dumps(request).encode() + b"\0")
        while True:
            reply = self.message()
            if reply.get("id") == self.number:
                if "error" in reply:
                    sys.exit("%s: %s" % (method, reply["error"]["message"]))
                return reply["result"]
            self.events.append(reply)

    def wait_for(self, method):
        while not any(e.get("method") == method for e in self.events):
            self.events.append(self.message())

    def close(self):
        try:
            self.call("Browser.close")
        except SystemExit:
            pass
        self.process.wait()


def said(events, url):
    console, requests = [], []
    for event in events:
        method, p = event.get("method"), event.get("params", {})
        if method == "Runtime.consoleAPICalled":
            console.append(" ".join(str(a.get("value", a.get("description"))) for a in p["args"]))
        elif method == "Runtime.exceptionThrown":
            console.append(p["exceptionDetails"]["text"])
        elif method == "Log.entryAdded":
            console.append(p["entry"]["text"])
        elif method == "Network.requestWillBeSent" and p["request"]["url"] != url:
            requests.append(p["request"]["url"])
    return console, requests


def look(browser, url, axe, way, shot):
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Network", "Runtime", "Log"):
        browser.call(domain + ".enable", session)
    browser.call("Emulation.setDeviceMetricsOverride", session, width=way["width"], height=900, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia", session, media=way["media"], features=[{"name": "prefers-color-scheme", "value": way["scheme"]}])
    browser.events.clear()
    browser.call("Page.navigate", session, url=url)
    browser.wait_for("Page.loadEventFired")
    result = {}

    def evaluate(expression, wait=False):
        reply = browser.call("Runtime.evaluate", session, expression=expression, awaitPromise=wait, returnByValue=True)
        if "exceptionDetails" in reply:
            sys.exit(json.dumps(reply["exceptionDetails"])[:2000])
        return reply["result"].get("value")

    result["overflow"] = evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    result["console"], result["requests"] = said(browser.events, url)
    if way["media"] == "print" or shot:
        pdf = base64.b64decode(browser.call("Page.printToPDF", session, preferCSSPageSize=True)["data"])
        result["pages"] = len(re.findall(rb"/Type\s*/Page\b", pdf))
    if shot:
        if way["media"] == "print":
            with open(shot + ".pdf", "wb") as f:
                f.write(pdf)
        size = browser.call("Page.getLayoutMetrics", session)["cssContentSize"]
        png = browser.call("Page.captureScreenshot", session, captureBeyondViewport=True,
                           clip=dict(x=0, y=0, width=size["width"], height=size["height"], scale=1))["data"]
        with open(shot + ".png", "wb") as f:
            f.write(base64.b64decode(png))
    if axe:
        evaluate(axe + ";0")
        found = json.loads(evaluate("axe.run(document).then(r => JSON.stringify({passes: r.passes.length, violations: "
                                    "r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + ' ' "
                                    "+ n.any.concat(n.all).map(a => a.message).join(' ')).join(' | '))}))", True))
        result["rules"], result["violations"] = found["passes"], found["violations"]
    browser.call("Target.closeTarget", targetId=target)
    return result


def look_at_all(files, directory, axe, shots, found):
    browser = Browser(directory)
    for file in files:
        url = "file://" + os.path.abspath(file)
        name = os.path.basename(file)
        found[name] = {}
        for title, way in WAYS.items():
            shot = shots and os.path.join(shots, "%s-%s" % (os.path.splitext(name)[0], title.replace(" ", "-")))
            found[name][title] = look(browser, url, axe if axe != "-" else None, way, shot)
    browser.close()


def main():
    arguments = sys.argv[1:]
    axe = arguments.pop(0)
    if axe != "-":
        with open(axe, encoding="utf-8") as f:
            axe = f.read()
    shots = arguments.pop(0) if os.path.isdir(arguments[0]) else None
    found = {}
    directory = tempfile.mkdtemp()
    try:
        look_at_all(arguments, directory, axe, shots, found)
    finally:
        # what the browser's processes still write there goes with the test's directory
        shutil.rmtree(directory, ignore_errors=True)
    json.dump(found, sys.stdout)


main()
