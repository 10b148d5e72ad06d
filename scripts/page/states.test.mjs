// Every state of every page at three widths, light and dark: a screenshot, no violation that axe finds, no scrolling to the side. The
// main ones also at 400 % zoom, in forced colours and with reduced motion.

import { assertAccessible, assertNoSideScroll, screenshot } from "./support/checks.mjs";
import { states } from "./support/states.mjs";
import { pageSuite } from "./support/suite.mjs";

const HEIGHTS = { 390: 844, 1024: 768, 1600: 1000 };

pageSuite("states", { signIn: true, args: ["--projects", "40"] }, (pageTest) => {
  for (const { name, open, permits, main = false, token = "planner", ...options } of states) {
    pageTest(name, { token, width: 1024, ...options }, async (test) => {
      const endings = [];
      if (permits) test.problems.permit(permits);
      try {
        const view = await open({ ...test, cleanup: (end) => endings.push(end) });
        const { page, problems } = view ?? test;
        if (permits) problems.permit(permits);
        for (const scheme of ["light", "dark"]) {
          await page.emulateMedia({ colorScheme: scheme });
          for (const [width, height] of Object.entries(HEIGHTS)) {
            await page.setViewportSize({ width: Number(width), height });
            await screenshot({ page, width, scheme }, name);
            await assertNoSideScroll(page);
            if (options.scripts !== false) await assertAccessible(page);
          }
        }
        if (main) await mainViews(page, name);
      } finally {
        for (const end of endings) await end();
      }
    });
  }
});

async function mainViews(page, name) {
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  // 1 280 px at 400 %.
  await page.setViewportSize({ width: 320, height: 256 });
  await screenshot({ page, width: 320, scheme: "zoomed" }, name);
  await assertNoSideScroll(page);
  await assertAccessible(page);
  await page.setViewportSize({ width: 1024, height: 768 });
  await page.emulateMedia({ forcedColors: "active" });
  await screenshot({ page, width: 1024, scheme: "forced" }, name);
  await assertAccessible(page);
}
