// The pages open without errors, with and without scripts, and are accessible. states.test.mjs has all their states at all widths.

import assert from "node:assert/strict";
import { accessibleTree, assertAccessible, assertFocusVisible, assertNoSideScroll, screenshot, tabOrder } from "./support/checks.mjs";
import { pageSuite } from "./support/suite.mjs";

const VIEWS = [{ width: 390, scheme: "dark" }, { width: 1024, scheme: "light" }];

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

pageSuite("smoke", { args: ["--projects", "40"] }, (pageTest) => {
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
    for (const path of ["/log?limit=12", "/runs"]) {
      const response = await page.goto(path);
      assert.equal(response.status(), 200, path);
      await assertGood({ page, ...rest }, path.slice(1, 4));
    }
  });
});
