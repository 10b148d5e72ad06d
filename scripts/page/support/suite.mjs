// A file's tests of pages: one browser and one service for all of them, a context of its own for each.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { launchBrowser, openPage } from "./browser.mjs";
import { screenshot } from "./checks.mjs";
import { startService } from "./service.mjs";
import { failures } from "./tools.mjs";

const TEST_LIMIT_MS = 180_000;
const START_LIMIT_MS = 180_000;

// `define` gets `pageTest(name, options, body)`. The body gets `page`, `context`, `problems`, `width`, `scheme`, `service` and
// `open` (another page, in another context). The test fails if the body does, and if a page has problems (support/browser.mjs).
// Options are those of `openPage`, where `token` may be the name of one of the service's tokens. `start` starts the service, or what
// takes its place: something with `url` and `stop`.
export function pageSuite(title, { start = startService, ...service }, define) {
  describe(title, () => {
    const shared = {};
    before(async () => {
      shared.service = await start(service);
      shared.browser = await launchBrowser();
    }, { timeout: START_LIMIT_MS });
    after(async () => {
      await shared.browser?.close();
      await shared.service?.stop();
    }, { timeout: START_LIMIT_MS });
    define((name, options, body) => {
      it(name, { timeout: options.timeout ?? TEST_LIMIT_MS }, () => runPageTest(shared, `${title} ${name}`, options, body));
    });
  });
}

async function runPageTest({ browser, service }, name, options, body) {
  const opened = [];
  const open = async (more = {}) => {
    const all = { ...options, ...more };
    const token = service.tokens?.[all.token] ?? all.token;
    const one = await openPage(browser, all.url ?? service.url, { ...all, token });
    opened.push(one);
    return one;
  };
  try {
    const first = await open();
    await body({ ...first, service, open });
    if (opened.some(({ problems }) => problems.list().length > 0)) assert.fail("the pages have problems");
  } catch (error) {
    const file = name.replace(/[^a-zA-Z0-9]+/g, "-").slice(0, 80);
    for (const [index, one] of opened.entries()) {
      const path = await screenshot(one, `${file}-${index}`, { folder: failures }).catch(() => "no screenshot");
      error.message += `\n  ${one.page.url()}: ${path}${one.problems.list().map((text) => `\n  ${text}`).join("")}`;
    }
    throw error;
  } finally {
    for (const { context } of opened) await context.close();
  }
}
