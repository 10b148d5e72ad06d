// Chromium, and pages that fail their test on errors of scripts, violations of the page's policy, and requests to other origins.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "./tools.mjs";

const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // No page may reach another machine.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];
const HEIGHTS = { 390: 844, 1024: 768, 1600: 1000 };
// How long the tests wait for what must come: a hang ends with a message, and a slow machine is no failure.
const PATIENCE_MS = 30_000;

export async function launchBrowser() {
  return await chromium.launch({ executablePath: installedChromium(), args: ARGS });
}

function installedChromium() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const paths = folders.flatMap((folder) => ["chromium", "chromium-browser"].map((name) => join(folder, name)));
  const found = paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new Error("chromium is not in PATH: scripts/setup.sh page installs it");
  return found;
}

// Opens an empty page of `baseURL`. Options: `width` (390, 1024 or 1600), `scheme` ("light", "dark"), `timeZone`, `locale`, `calm`
// (reduced motion), `forcedColors`, `scripts` (false: a browser without JavaScript), `token` (signed in with it), `headers`.
export async function openPage(browser, baseURL, options = {}) {
  // Not UTC: a date that became an instant is a day off.
  const { width = 1024, scheme = "light", timeZone = "America/Los_Angeles", locale = "en-GB" } = options;
  const context = await browser.newContext({
    baseURL,
    viewport: { width, height: HEIGHTS[width] ?? 900 },
    colorScheme: scheme,
    timezoneId: timeZone,
    locale,
    reducedMotion: options.calm ? "reduce" : "no-preference",
    forcedColors: options.forcedColors ? "active" : "none",
    javaScriptEnabled: options.scripts ?? true,
    hasTouch: options.touch ?? false,
    extraHTTPHeaders: options.headers,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  if (options.token) await context.addCookies([sessionCookie(baseURL, options.token)]);
  const problems = new Problems(baseURL);
  await problems.watch(context);
  const page = await context.newPage();
  return { page, context, problems, width, scheme };
}

function sessionCookie(url, token) {
  return { name: "phaseline_session", value: token, url, httpOnly: true, secure: true, sameSite: "Strict" };
}

// What went wrong in the pages of a context.
export class Problems {
  #origin;
  #found = [];
  #permitted = [];

  constructor(baseURL) {
    this.#origin = new URL(baseURL).origin;
  }

  // Problems whose text matches are expected, such as the console's line about a response with status 409.
  permit(pattern) {
    this.#permitted.push(pattern);
  }

  list() {
    return this.#found.filter((text) => !this.#permitted.some((pattern) => pattern.test(text)));
  }

  // All that was found up to now, also what is permitted; then it is forgotten.
  take() {
    return this.#found.splice(0);
  }

  async watch(context) {
    await context.exposeFunction("reportViolation", (text) => this.#found.push(`policy: ${text}`));
    await context.addInitScript(() => {
      const seen = (event) => {
        const { effectiveDirective, blockedURI, sourceFile, lineNumber, sample } = event;
        window.reportViolation(`${effectiveDirective} blocked ${blockedURI} at ${sourceFile}:${lineNumber} ${sample}`);
      };
      document.addEventListener("securitypolicyviolation", seen);
    });
    context.on("page", (page) => page.on("crash", () => this.#found.push("the page crashed")));
    context.on("console", (message) => {
      if (!["error", "warning"].includes(message.type())) return;
      const { url, lineNumber } = message.location();
      this.#found.push(`console ${message.type()}: ${message.text()} (${url}:${lineNumber})`);
    });
    context.on("weberror", (error) => this.#found.push(`error of a script: ${error.error()?.stack ?? error.error()}`));
    context.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.#origin && !["data:", "about:"].includes(protocol)) {
        this.#found.push(`request to another origin: ${request.url()}`);
      }
    });
  }
}
