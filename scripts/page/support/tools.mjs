// The pinned packages of `make test-page`, and the folder for what the tests leave behind. run.sh sets PAGE_TOOLS.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

function folder() {
  if (!process.env.PAGE_TOOLS) throw new Error("PAGE_TOOLS is not set: run `make test-page`, or scripts/page/run.sh");
  return process.env.PAGE_TOOLS;
}

const require = createRequire(join(folder(), "package.json"));

export const { chromium } = require("playwright-core");
export const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
export const screenshots = join(folder(), "screenshots");
export const failures = join(folder(), "failures");
