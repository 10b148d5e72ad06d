// The portfolio and a project open without errors at every width, in both schemes, with and without scripts, and are accessible.

import assert from "node:assert/strict";
import { accessibleTree, assertAccessible, assertFocusVisible, assertNoSideScroll, screenshot, tabOrder } from "./support/checks.mjs";
import { pageSuite } from "./support/suite.mjs";

const VIEWS = [390, 1024, 1600].flatMap((width) => ["light", "dark"].map((scheme) => ({ width, scheme })));

// The id of the first project that the API lists.
async function firstProject(service) {
  const { status, json, text } = await service.api("GET", "/api/v1/timelines?limit=1", { token: "planner" });
  assert.equal(status, 200, text);
  const [project] = json.projects;
  return project.project_id;
}

async function assertGood(view, name) {
  const { page } = view;
  await assertNoSideScroll(page);
  await screenshot(view, name);
  await assertAccessible(page);
}

pageSuite("smoke", {}, (pageTest) => {
  for (const view of VIEWS) {
    pageTest(`the portfolio opens at ${view.width} px, ${view.scheme}`, view, async ({ page, ...rest }) => {
      const response = await page.goto("/");
      assert.equal(response.status(), 200);
      await assertGood({ page, ...rest }, "portfolio");
    });

    pageTest(`a project opens at ${view.width} px, ${view.scheme}`, view, async ({ page, service, ...rest }) => {
      const response = await page.goto(`/projects/${await firstProject(service)}`);
      assert.equal(response.status(), 200);
      await assertGood({ page, ...rest }, "project");
    });
  }

  pageTest("the portfolio leads to a project", {}, async ({ page, service }) => {
    await page.goto("/");
    await page.locator(`main a[href="/projects/${await firstProject(service)}"]`).first().click();
    await page.waitForURL("**/projects/*");
    assert.match(await accessibleTree(page), /heading ".+" \[level=1\]/);
  });

  pageTest("the keyboard reaches everything on a project's page, and shows where it is", {}, async ({ page, service }) => {
    await page.goto(`/projects/${await firstProject(service)}`);
    const stops = await tabOrder(page);
    assert.ok(stops.length > 3, JSON.stringify(stops));
    assertFocusVisible(stops);
  });

  for (const [name, options] of [
    ["scripts-off", { scripts: false }],
    ["forced-colours", { forcedColors: true }],
  ]) {
    pageTest(`a project opens with ${name}`, options, async ({ page, service, ...rest }) => {
      await page.goto(`/projects/${await firstProject(service)}`);
      await screenshot({ page, ...rest }, `project-${name}`);
      assert.match(await accessibleTree(page), /heading ".+" \[level=1\]/);
    });
  }

  pageTest("/log and /runs open", {}, async ({ page, ...rest }) => {
    for (const path of ["/log", "/runs"]) {
      const response = await page.goto(path);
      assert.equal(response.status(), 200, path);
      await assertGood({ page, ...rest }, path.slice(1));
    }
  });
});
