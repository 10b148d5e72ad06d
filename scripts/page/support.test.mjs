// The support modules find what they are for, on a small site instead of the service.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import {
  accessibleTree, assertAccessible, assertFocusVisible, assertNoSideScroll, drag, measure, screenshot, tabOrder,
} from "./support/checks.mjs";
import { startProxy } from "./support/proxy.mjs";
import { request } from "./support/service.mjs";
import { markup, site } from "./support/site.mjs";
import { pageSuite } from "./support/suite.mjs";

const GOOD = markup(
  '<main><h1>Site</h1><a href="/good">First</a> <button>Second</button><p>COOKIE</p></main>',
  '<link rel="stylesheet" href="/good.css">',
);
const WITH_SCRIPT = (name) => markup("<main><h1>Site</h1></main>", `<script type="module" src="/${name}.js"></script>`);

const pages = {
  "/good": GOOD,
  "/good.css": ":focus-visible { outline: 2px solid; }",
  "/bare": markup('<main><h1>Site</h1><button>A</button><button class="mute">B</button></main>', '<link rel="stylesheet" href="/bare.css">'),
  "/bare.css": ".mute { outline: none; } h1 { width: 3000px; }",
  "/unlabelled": markup("<main><h1>Site</h1><input></main>"),
  "/inline": markup("<main><h1 onclick='a()'>Site</h1><p style='color: red'>x</p><script>1</script></main>"),
  "/throwing": WITH_SCRIPT("throwing"),
  "/throwing.js": 'throw new Error("thrown");',
  "/rejecting": WITH_SCRIPT("rejecting"),
  "/rejecting.js": 'Promise.reject(new Error("rejected"));',
  "/logging": WITH_SCRIPT("logging"),
  "/logging.js": 'console.error("logged");',
  "/sink": WITH_SCRIPT("sink"),
  "/sink.js": 'try { document.body.innerHTML = "<p>x"; } catch { }',
  "/missing": WITH_SCRIPT("nothing"),
  "/foreign": markup('<main><h1>Site</h1><img src="http://example.org/a.png" alt="a"></main>'),
  "/busy": WITH_SCRIPT("busy"),
  "/busy.js": 'addEventListener("mousedown", () => { const end = performance.now() + 120; while (performance.now() < end); });',
};

pageSuite("support", { start: site(pages) }, (pageTest) => {
  const found = (name, path, pattern) =>
    pageTest(`${name} is found`, {}, async ({ page, problems }) => {
      await page.goto(path);
      const deadline = performance.now() + 5_000;
      while (!problems.list().some((text) => pattern.test(text)) && performance.now() < deadline) await page.waitForTimeout(20);
      const all = problems.take();
      assert.ok(all.some((text) => pattern.test(text)), JSON.stringify(all));
    });
  found("an error of a script", "/throwing", /^error of a script: Error: thrown/);
  found("a rejected promise", "/rejecting", /^error of a script: Error: rejected/);
  found("an error in the console", "/logging", /^console error: logged/);
  found("a script that is missing", "/missing", /^console error: .*404/);
  found("text that becomes markup", "/sink", /^policy: require-trusted-types-for/);
  found("an inline script", "/inline", /^policy: script-src-elem blocked inline/);
  found("an inline style", "/inline", /^policy: style-src-attr blocked inline/);
  found("a handler in markup", "/inline", /^policy: script-src-attr blocked inline/);
  found("a request to another origin", "/foreign", /^request to another origin: http:\/\/example.org\/a.png/);

  pageTest("a good page has no problems, and its tree and order are read", { token: "planner" }, async ({ page }) => {
    await page.goto("/good");
    await assertAccessible(page);
    await assertNoSideScroll(page);
    assert.match(await accessibleTree(page), /- link "First"[^]*- button "Second"[^]*phaseline_session=a\.b\.c/);
    const stops = await tabOrder(page);
    assert.deepEqual(stops.map(({ name }) => name), ['link "First"', 'button "Second"']);
    assertFocusVisible(stops);
    assert.equal(await page.locator("[data-tab-stop]").count(), 0);
  });

  pageTest("a field without a label, a page that is too wide and an invisible focus are found", { width: 390 }, async ({ page }) => {
    await page.goto("/unlabelled");
    await assert.rejects(assertAccessible(page), /label \(critical\)[^]*input/);
    await page.goto("/bare");
    await assert.rejects(assertNoSideScroll(page), /wider than 390 px because of:\n {2}<h1>/);
    const stops = await tabOrder(page);
    assert.throws(() => assertFocusVisible(stops), (error) => error.actual.join() === 'button "B"');
  });

  pageTest("a long task during a drag is found", {}, async ({ page }) => {
    await page.goto("/busy");
    const busy = await measure(page, () => drag(page, { x: 10, y: 10 }, { x: 200, y: 10 }));
    assert.ok(busy.longTasks.some((duration) => duration >= 110) && busy.longest >= 90, JSON.stringify(busy));
    await page.goto("/good");
    const idle = await measure(page, () => drag(page, { x: 10, y: 300 }, { x: 200, y: 300 }));
    assert.ok(idle.frames > 5 && idle.longTasks.length === 0, JSON.stringify(idle));
  });

  for (const [name, options, query] of [
    ["dark colours", { scheme: "dark" }, "(prefers-color-scheme: dark)"],
    ["reduced motion", { calm: true }, "(prefers-reduced-motion: reduce)"],
    ["forced colours", { forcedColors: true }, "(forced-colors: active)"],
    ["a narrow screen", { width: 390 }, "(width: 390px)"],
  ]) {
    pageTest(`a context has ${name}`, options, async (view) => {
      await view.page.goto("/good");
      assert.ok(await view.page.evaluate((media) => matchMedia(media).matches, query));
      if (options.scheme) assert.ok(existsSync(await screenshot(view, "support")));
    });
  }

  pageTest("a context has a time zone", { timeZone: "Pacific/Kiritimati" }, async ({ page, open }) => {
    await page.goto("/good");
    assert.equal(await page.evaluate(() => new Date(0).getTimezoneOffset()), 640);
    const other = await open({ scripts: false });
    await other.page.goto("/throwing");
    assert.equal(await other.page.locator("h1").innerText(), "Site");
  });

  pageTest("the service goes away and comes back at one address", {}, async ({ service, open }) => {
    const proxy = await startProxy(service.url);
    try {
      const { page, problems } = await open({ url: proxy.url });
      problems.permit(/ERR_CONNECTION_REFUSED/);
      const load = () => page.evaluate(async () => (await fetch("/good")).status);
      await page.goto("/good");
      assert.equal(await load(), 200);
      await proxy.cut();
      await assert.rejects(load(), /Failed to fetch/);
      await assert.rejects(request(proxy.url, "GET", "/good"));
      await proxy.restore();
      assert.equal(await load(), 200);
      assert.equal((await request(proxy.url, "GET", "/good")).status, 200);
    } finally {
      await proxy.cut();
    }
  });
});
