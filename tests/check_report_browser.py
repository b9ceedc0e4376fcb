#!/usr/bin/env python3
"""The page of winnow report in headless Chromium, in light and dark: no error, no request but the page itself, every
figure drawn, every text and bar legible. Takes the program's path. Without chromium or gnuplot it is skipped, unless
WINNOW_TEST_BROWSER=1 (tools/test --browser) says that they are to be there."""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import check_report

from checking import check, finish

CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--window-size=1150,900",
            "--remote-debugging-pipe"]
# Contrast after WCAG 2 of what is drawn to the page behind it; figures and their sizes.
LOOK = """(() => {
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const colour = text => (text.match(/[\\d.]+/g) || []).slice(0, 3).map(Number);
  const page = light(colour(getComputedStyle(document.body).backgroundColor));
  const contrast = text => { const l = light(colour(text)); return (Math.max(l, page) + 0.05) / (Math.min(l, page) + 0.05); };
  const dim = [];
  for (const e of document.querySelectorAll('h1,h2,h3,p,td,th,figcaption'))
    if (contrast(getComputedStyle(e).color) < 4.5) dim.push(e.textContent);
  for (const e of document.querySelectorAll('svg text'))
    if (e.textContent.trim() && contrast(getComputedStyle(e).fill) < 4.5) dim.push('text ' + e.textContent);
  for (const e of document.querySelectorAll('svg polygon, svg path[fill], svg rect')) {
    const fill = getComputedStyle(e).fill;
    if (fill !== 'none' && e.getBoundingClientRect().width > 3 && contrast(fill) < 2.5) dim.push('shape ' + fill);
  }
  const figures = [...document.querySelectorAll('figure')].map(f => {
    const svg = f.querySelector('svg'), box = svg ? svg.getBoundingClientRect() : {width: 0, height: 0};
    return {id: f.id, width: box.width, height: box.height, drawn: f.querySelectorAll('path,polygon,circle,use').length};
  });
  return JSON.stringify({page, dim, figures, wide: document.documentElement.scrollWidth > innerWidth});
})()"""


class Browser:
    """Chromium's debugging protocol over a pair of pipes: JSON messages that end with a zero byte."""

    def __init__(self, profile):
        hears, self.says = os.pipe()
        self.hears, says = os.pipe()
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{hears} 4>&{says}', "bash", *CHROMIUM, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(hears, says), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(hears)
        os.close(says)
        self.last, self.session, self.buffer, self.events = 0, None, b"", []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(domain + ".enable")

    def receive(self):
        while b"\0" not in self.buffer:
            more = os.read(self.hears, 1 << 20)
            if not more:
                sys.exit("check_report_browser: chromium ended")
            self.buffer += more
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.says, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.last:
                if "error" in answer:
                    sys.exit(f"check_report_browser: {method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, path):
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def seen(self, *methods):
        return [event["params"] for event in self.events if event["method"] in methods]

    def close(self):
        self.process.terminate()
        self.process.wait()


def check_scheme(browser, page, scheme, shots):
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.open(page)
    look = json.loads(browser.call("Runtime.evaluate", expression=LOOK)["result"]["value"])
    requests = [event["request"]["url"] for event in browser.seen("Network.requestWillBeSent")]
    errors = browser.seen("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
    check(requests == [page.as_uri()], f"{scheme}: requests {requests}")
    check(not errors, f"{scheme}: {errors}")
    check((look["page"] > 0.5) == (scheme == "light"), f"{scheme}: the page's lightness is {look['page']}")
    check(not look["dim"], f"{scheme}: hard to see: {sorted(set(look['dim']))[:20]}")
    check(not look["wide"], f"{scheme}: the page is wider than the window")
    check(len(look["figures"]) == check_report.PLOTS, f"{len(look['figures'])} figures")
    for figure in look["figures"]:
        check(figure["width"] > 300 and figure["height"] > 150 and figure["drawn"] > 10, f"{scheme}: {figure}")
    shots[scheme] = base64.b64decode(browser.call("Page.captureScreenshot")["data"])


def main():
    missing = [program for program in ("chromium", "gnuplot") if not shutil.which(program)]
    if missing:
        wanted = os.environ.get("WINNOW_TEST_BROWSER") == "1"
        print(f"check_report_browser: skipped, {' and '.join(missing)} missing")
        sys.exit(1 if wanted else 77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_report.write_files(folder / "in")
        ran = check_report.run(folder, "in", "-o", "page.html", "--before", "in/steps.csv", "--after", "in/steps.csv")
        check(ran.returncode == 0, ran.stderr)
        browser, shots = Browser(folder / "profile"), {}
        for scheme in ("light", "dark"):
            check_scheme(browser, folder / "page.html", scheme, shots)
        browser.close()
        check(shots["light"] != shots["dark"] and min(map(len, shots.values())) > 10000, "the screenshots are alike or empty")
    finish()


if __name__ == "__main__":
    main()
