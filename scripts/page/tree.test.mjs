// What assistive technology reads of a project's page in its main states: the lines that matter, in their order.

import assert from "node:assert/strict";
import { accessibleTree } from "./support/checks.mjs";
import { call, changePhase, ownProject } from "./support/projects.mjs";
import { pageSuite } from "./support/suite.mjs";
import { bar, field, openProject, startDraft, swapped, type } from "./support/walk.mjs";

const SHAPE = { days: [20, 11, 40], start: "2024-02-09" };
const CONFLICT = /status of 412/;

// Each expected text is in a line after the line of the one before it.
async function assertReads(page, expected) {
  const tree = await accessibleTree(page);
  const lines = tree.split("\n");
  let from = 0;
  for (const text of expected) {
    const at = lines.findIndex((line, index) => index >= from && line.includes(text));
    assert.notEqual(at, -1, `${text} is missing after:\n${lines.slice(Math.max(from - 2, 0), from + 12).join("\n")}`);
    from = at + 1;
  }
}

pageSuite("tree", { args: ["--projects", "40"] }, (pageTest) => {
  pageTest("the present", {}, async ({ page, service }) => {
    const project = await ownProject(service, SHAPE);
    await openProject(page, project);
    await assertReads(page, [
      'link "Skip to the content"',
      "- banner:",
      'navigation "Pages"',
      "- status",
      "- main:",
      "[level=1]",
      'region "Time"',
      'slider "Moment"',
      'button "−10 changes"',
      'textbox "End of day"',
      'checkbox "Compare"',
      'region "Timeline"',
      "2024-02-09 to 2024-04-19, 71 days 3 phases Budget 4,500.00",
      'group "Bars of the phases"',
      'button "A, 9 Feb 2024 to 28 Feb 2024, 20 days, 1,500.00, 0 assignments"',
      'button "B, 29 Feb 2024 to 10 Mar 2024, 11 days, 1,500.00, 0 assignments"',
      'button "C, 11 Mar 2024 to 19 Apr 2024, 40 days, 1,500.00, 0 assignments"',
      'table "Phases in the order of their dates"',
      'columnheader "Phase"',
      'row "B 2024-02-29 2024-03-10 11 1,000.00 500.00 1,500.00 0"',
      'rowheader "B"',
      'row "Sum 3,000.00 1,500.00 4,500.00 0"',
      'button "Edit phases"',
      'region "History"',
      'heading "History" [level=2]',
      'link "what changed"',
      'link "All changes in the log"',
    ]);
    assert.equal(await page.locator("#moment").getAttribute("aria-valuetext"), "Now");
  });

  pageTest("a draft, and one that breaks rules", {}, async ({ page, service }) => {
    const project = await ownProject(service, SHAPE);
    const [a, b] = project.phases;
    await openProject(page, project);
    await startDraft(page);
    await type(page, "end", a, "2024-02-29");
    await assertReads(page, [
      "dashed below each bar: as saved",
      'button "A, 9 Feb 2024 to 29 Feb 2024, 21 days, 1,500.00, 0 assignments, ends 1 day later"',
      'table "Draft of the phases: nothing is saved yet"',
      'textbox "Name of phase 1": A',
      'textbox "Description of A"',
      'textbox "Start of A"',
      'textbox "End of A"',
      "2024-02-29",
      'textbox "Capital budget of A": 1,000.00',
      'button "Move A earlier" [disabled]',
      'button "Add a phase in the later half of A"',
      'button "Remove A"',
      'checkbox "Neighbours follow when dates change" [checked]',
      'region "What saving does"',
      'heading "This changes" [level=2]',
      "A runs 2024-02-09 to 2024-02-29 instead of 2024-02-09 to 2024-02-28",
      'textbox "Reason"',
      'button "Save 2 changed phases"',
      'button "Undo"',
      'button "Discard"',
    ]);
    await type(page, "start", b, "2024-02-30");
    await assertReads(page, ["is no date: write it as 2026-01-31", 'heading "1 thing has to be mended', 'button "Save 2 changed phases" [disabled]']);
    const described = await field(page, "start", b).evaluate((input) => document.getElementById(input.getAttribute("aria-describedby")).textContent);
    assert.match(described, /"2024-02-30" is no date: write it as 2026-01-31/);
  });

  pageTest("a conflict: what to decide comes first, and nothing else can be edited", {}, async ({ page, service, problems }) => {
    problems.permit(CONFLICT);
    const project = await ownProject(service, SHAPE);
    const [a, b] = project.phases;
    await openProject(page, project);
    await startDraft(page);
    await type(page, "end", a, "2024-02-29");
    await changePhase(service, b.id, { name: "Theirs" });
    await swapped(page, () => page.locator("#save").click());
    await page.locator("#conflict").waitFor();
    await assertReads(page, [
      'region "Timeline"',
      "- alert:",
      'heading "Someone else changed this timeline meanwhile"',
      "Nothing of yours is lost",
      "phase 'B' renamed to 'Theirs'",
      'button "Put my changes on top of theirs"',
      'button "Drop my changes"',
      "dashed below each bar: as others saved it",
      'textbox "Name of phase 1" [disabled]: A',
      'button "Save 2 changed phases" [disabled]',
    ]);
    await bar(page, a).focus();
    await page.keyboard.press("Enter");
    assert.equal(await page.locator(".editing").count(), 0);
  });

  pageTest("the past beside another moment", {}, async ({ page, service }) => {
    const project = await ownProject(service, SHAPE);
    const { position } = await call(service, "GET", `/projects/${project.id}/timeline`);
    await changePhase(service, project.phases[0].id, { end_date: "2024-03-02", neighbours: "adjust" });
    const { position: later } = await call(service, "GET", `/projects/${project.id}/timeline`);
    await openProject(page, project, `?at=${later}&compare=${position}`);
    await assertReads(page, [
      'slider "Moment"',
      'slider "Compared with"',
      "note:",
      "You are looking at the past:",
      'link "Back to now"',
      'link "Restore this…"',
      `dashed below each bar: at position ${position}`,
      'button "A, 9 Feb 2024 to 2 Mar 2024, 23 days, 1,500.00, ends 3 days later"',
      'columnheader "Before"',
      'columnheader "Difference"',
      'cell "2024-02-09 to 2024-02-28"',
      'cell "ends 3 days later"',
    ]);
    for (const id of ["moment", "compare"]) {
      assert.match(await page.locator(`#${id}`).getAttribute("aria-valuetext"), /^\d+ of \d+, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+, .+: /);
    }
  });
});
