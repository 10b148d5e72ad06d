// States of a whole database: no project yet, and the legacy tables after a rollback.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertAccessible, assertNoSideScroll, screenshot } from "./support/checks.mjs";
import { pageSuite } from "./support/suite.mjs";
import { assertShown, notice, openProject } from "./support/walk.mjs";

// A service over a sample of its own, on a private server in a temporary folder.
async function startOwn({ projects }) {
  const folder = mkdtempSync(join(tmpdir(), "phaseline-page-"));
  // Started by root, the server runs as another user, who needs access to the folder.
  chmodSync(folder, 0o711);
  const env = { ...process.env, PHASELINE_DATA_DIR: join(folder, "data") };
  const program = (...args) => execFileSync(process.env.PAGE_PROGRAM, [...args, "--quiet"], { env, stdio: "ignore" });
  program("sample", "--projects", String(projects), "--assignments", String(projects * 5), "--seed", "7");
  program("migrate", "--yes");
  const child = spawn(process.env.PAGE_PROGRAM, ["serve", "--no-auth", "--listen", "127.0.0.1:0", "--json"], { env, stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  child.stdout.on("data", (part) => (text += part));
  while (!text.includes("\n}") && !/"listening":"[^"]+"/.test(text)) await once(child.stdout, "data");
  const [url] = /http:\/\/[0-9.:]+/.exec(text);
  const stop = async () => {
    child.kill("SIGTERM");
    await once(child, "exit");
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, stop, program };
}

async function look(page, name) {
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const width of [390, 1024, 1600]) {
      await page.setViewportSize({ width, height: 800 });
      await screenshot({ page, width, scheme }, name);
      await assertNoSideScroll(page);
      await assertAccessible(page);
    }
  }
}

pageSuite("empty", { start: startOwn, projects: 0 }, (pageTest) => {
  pageTest("a portfolio without projects says what to do", {}, async ({ page }) => {
    await page.goto("/");
    await assertShown(page.locator("#empty"), "phaseline migrate");
    await look(page, "portfolio-empty");
    await page.goto("/log");
    await page.locator("h1").waitFor();
    await look(page, "log-of-no-project");
  });
});

pageSuite("legacy", { start: startOwn, projects: 5 }, (pageTest) => {
  pageTest("after a rollback the pages show the log, and change nothing", {}, async ({ page, service, problems }) => {
    problems.permit(/status of 503/);
    const { projects } = await (await fetch(`${service.url}/api/v1/timelines`)).json();
    const project = { path: `/projects/${projects[0].project_id}` };
    await openProject(page, project);
    await page.locator("#edit").waitFor();
    service.program("rollback", "--yes");
    await assertShown(notice(page, "away"), "legacy shape");
    await openProject(page, project);
    await assertShown(page.locator(".banner.warn"), "The database has the legacy tables now");
    assert.equal(await page.locator("#edit, #restore-this").count(), 0);
    await look(page, "project-legacy");
    await page.goto("/");
    await assertShown(page.locator("#read-only"), "Read only");
    await look(page, "portfolio-legacy");
  });
});
