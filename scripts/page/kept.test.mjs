// Nothing that was typed gets lost: while the service is away, over the end of a session, a reload, a look back.

import assert from "node:assert/strict";
import { changePhase, ownProject, stateOf } from "./support/projects.mjs";
import { startProxy } from "./support/proxy.mjs";
import { pageSuite } from "./support/suite.mjs";
import { assertShown, dragDays, field, mode, notice, openProject, save, startDraft, swapped, type, typedDates } from "./support/walk.mjs";

const AWAY = /ERR_CONNECTION|ERR_EMPTY|ERR_FAILED/;

pageSuite("kept", { signIn: true, args: ["--projects", "40"] }, (pageTest) => {
  pageTest("what is typed while the service is away is sent when it is back", { token: "planner" }, async ({ service, open }) => {
    const proxy = await startProxy(service.url);
    const { page, problems } = await open({ url: proxy.url });
    problems.permit(AWAY);
    try {
      const project = await ownProject(service);
      const [a, b] = project.phases;
      await openProject(page, project);
      await startDraft(page);
      await type(page, "name", a, "Before");
      await proxy.cut();
      await field(page, "name", b).fill("While away");
      await field(page, "name", b).press("Tab");
      await notice(page, "away").waitFor();
      // Edits whose values are in no field are sent again in their order.
      await page.locator(`#add-${a.id}`).click();
      await dragDays(page, b, "end", 4);
      await proxy.restore();
      await assertShown(page.locator("#preview"), "is called While away");
      await assertShown(page.locator("#preview"), "New phase is new");
      await save(page);
      const { phases } = await stateOf(service, project.id);
      assert.deepEqual(phases.slice(0, 3).map(({ name }) => name), ["Before", "New phase", "While away"]);
      assert.equal(phases[2].last, b.last + 4);
    } finally {
      await proxy.cut();
    }
  });

  pageTest("an edit that met the end of the session, and the reason, are there after signing in", { token: "planner" }, async (test) => {
    const { page, context, service, problems } = test;
    problems.permit(/status of 401/);
    const project = await ownProject(service);
    const [a, b] = project.phases;
    await openProject(page, project);
    await startDraft(page);
    await type(page, "name", a, "Before");
    await page.locator("#reason").fill("because");
    await context.clearCookies();
    await field(page, "name", b).fill("Behind");
    await field(page, "name", b).press("Tab");
    await notice(page, "expired").getByText("Sign in again").click();
    await page.locator("#token").fill(service.tokens.planner);
    await page.locator("#token").press("Enter");
    await page.locator("#draft").waitFor();
    await assertShown(page.locator("#preview"), "is called Behind");
    assert.equal(await page.locator("#reason").inputValue(), "because");
    assert.equal(await field(page, "name", a).inputValue(), "Before");
  });

  pageTest("a draft is there again after a look back, and Back does not lose it", { token: "planner" }, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a] = project.phases;
    await openProject(page, project);
    await startDraft(page);
    await type(page, "name", a, "Kept");
    await page.locator("#history a", { hasText: "what changed" }).first().click();
    await page.locator('#timeline[data-mode="past"]').waitFor();
    await assertShown(notice(page, "resumed"), "You have unsaved changes of this timeline.");
    await swapped(page, () => page.locator("#to-now").click());
    await page.locator("#edit").click();
    await page.locator("#draft").waitFor();
    assert.equal(await field(page, "name", a).inputValue(), "Kept");
    await page.goBack();
    await openProject(page, project);
    await page.locator("#draft").waitFor();
    assert.equal(await field(page, "name", a).inputValue(), "Kept");
  });

  pageTest("a refresh that is under way does not take a draft away", { token: "planner" }, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b] = project.phases;
    await openProject(page, project);
    let held = 0;
    await page.route(`**${project.path}`, async (route) => {
      if (route.request().resourceType() === "xhr") {
        held += 1;
        await new Promise((resolve) => setTimeout(resolve, 1_500));
      }
      await route.continue();
    });
    await page.mouse.move(1, 1);
    await changePhase(service, b.id, { name: "Theirs" });
    await page.waitForRequest((request) => request.resourceType() === "xhr" && request.url().endsWith(project.path));
    await page.locator("#edit").click();
    await page.locator("#draft").waitFor();
    await type(page, "name", a, "Mine");
    await page.waitForTimeout(2_000);
    assert.equal(await mode(page), "draft");
    assert.equal(await field(page, "name", a).inputValue(), "Mine");
    assert.ok(held > 0);
  });

  pageTest("what nobody changed stays as it is, line breaks too", { token: "planner" }, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b, c] = project.phases;
    const description = "line one\nline two\n\n- point";
    await changePhase(service, b.id, { description });
    // A field of one line cannot have this name.
    const name = "Build\nsecond line";
    await changePhase(service, c.id, { name });
    await openProject(page, project);
    await startDraft(page);
    await type(page, "name", a, "Renamed");
    await save(page);
    const { phases } = await stateOf(service, project.id);
    assert.equal(phases[1].description, description);
    assert.equal(phases[2].name, name);
    assert.equal(phases[0].name, "Renamed");
  });

  pageTest("the first edit of a bar is undone, also with Ctrl+Z", { token: "planner" }, async ({ page, service }) => {
    const project = await ownProject(service);
    const b = project.phases[1];
    await openProject(page, project);
    await startDraft(page);
    const before = await typedDates(page);
    await swapped(page, () => page.locator("#discard").click());
    for (const undo of [() => page.locator("#undo").click(), () => page.keyboard.press("Control+z")]) {
      await swapped(page, () => dragDays(page, b, "end", 3));
      assert.notDeepEqual(await typedDates(page), before);
      await swapped(page, undo);
      assert.deepEqual(await typedDates(page), before);
      await swapped(page, () => page.locator("#discard").click());
    }
  });

  pageTest("who signs out leaves no draft to the next person", { token: "planner" }, async ({ page, service }) => {
    const project = await ownProject(service);
    await openProject(page, project);
    await startDraft(page);
    await type(page, "name", project.phases[0], "Secret");
    await page.locator(".session button").click();
    await page.locator("#token").fill(service.tokens.planner);
    await page.locator("#token").press("Enter");
    await page.waitForURL("**/");
    await openProject(page, project);
    await page.waitForTimeout(500);
    assert.equal(await mode(page), "now");
  });
});
