// The service under test: `phaseline demo --serve`, with a sample database and tokens, on a free port.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

const START_SECONDS = 120;
const STOP_SECONDS = 30;

// Starts the service, and resolves when it listens. Options: `signIn` (tokens are required), `tokenMinutes` (the life of the tokens),
// `args` (further arguments).
export async function startService({ signIn = false, tokenMinutes, args = [] } = {}) {
  const running = process.env[signIn ? "PAGE_SERVICE_SIGN_IN" : "PAGE_SERVICE"];
  if (running && tokenMinutes === undefined) return runningService(running);
  const program = process.env.PAGE_PROGRAM;
  if (!program) throw new Error("PAGE_PROGRAM is not set: run `make test-page`, or scripts/page/run.sh");
  const all = ["demo", "--serve", "--listen", "127.0.0.1:0", "--json", ...args];
  if (signIn) all.push("--with-sign-in");
  if (tokenMinutes !== undefined) all.push("--token-minutes", String(tokenMinutes));
  const child = spawn(program, all, { stdio: ["ignore", "pipe", "pipe"] });
  const log = new LogTail(child.stderr);
  const end = endWithThisProcess(child);
  try {
    const ready = await firstDocument(child, log);
    if (ready.format !== "phaseline.demo_serve/1") throw new Error(`unexpected document: ${JSON.stringify(ready)}`);
    return new Service(child, ready, log, end);
  } catch (error) {
    await end();
    throw error;
  }
}

// A service that runs already, while tests are written: the file has what `phaseline demo --serve --json` printed.
function runningService(file) {
  const log = { text: () => "" };
  return new Service({ exitCode: 0 }, JSON.parse(readFileSync(file, "utf8")), log, async () => ({ code: 0 }));
}

export class Service {
  #child;
  #end;
  #log;

  constructor(child, ready, log, end) {
    this.#child = child;
    this.#end = end;
    this.#log = log;
    this.url = ready.listening;
    // Tokens by their subjects, and ids of the projects that have names of their own.
    this.tokens = Object.fromEntries(ready.tokens.map(({ name, token }) => [name, token]));
    this.projects = Object.fromEntries(ready.named_projects.map(({ name, project_id }) => [name, project_id]));
  }

  // The last lines of its log.
  log() {
    return this.#log.text();
  }

  // Calls the API: `path` such as "/api/v1/timelines"; `token` the name of one of the tokens, or a token, or none.
  api(method, path, { token, body, headers = {} } = {}) {
    return request(this.url, method, path, { token: this.tokens?.[token] ?? token, body, headers });
  }

  // Ends it with SIGTERM, as an operator does. Fails if it does not end, or not with 0.
  async stop() {
    const running = this.#child.exitCode === null && this.#child.signalCode === null;
    const { code, signal } = await this.#end();
    if (running && code !== 0) throw new Error(`the service ended with ${signal ?? code}; its log ends:\n${this.log()}`);
  }
}

// A request with JSON, without a browser: status, headers, text, and `json` if the response is JSON.
export async function request(url, method, path, { token, body, headers = {} } = {}) {
  const all = { ...headers };
  if (token) all.authorization = `Bearer ${token}`;
  if (body !== undefined) all["content-type"] ??= "application/json";
  const response = await fetch(new URL(path, url), {
    method,
    headers: all,
    body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
    redirect: "manual",
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, text, json: isJson && text ? JSON.parse(text) : undefined };
}

// The first object on stdout, on one line or several.
async function firstDocument(child, log) {
  let text = "";
  const document = new Promise((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (part) => {
      text += part;
      const found = parsed(text) ?? parsed(text.slice(0, text.indexOf("\n") + 1));
      if (found) resolve(found);
    });
    child.once("error", (error) => reject(new Error(`the service cannot be started: ${error.message}`)));
    child.once("exit", (code, signal) => reject(new Error(`the service ended with ${signal ?? code}:\n${text}${log.text()}`)));
  });
  return await withTimeout(document, START_SECONDS, () => `the service is not ready; its log ends:\n${text}${log.text()}`);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// Lets the child end with this process, and returns a function that ends it now and resolves with code and signal.
function endWithThisProcess(child) {
  const terminate = () => child.kill("SIGTERM");
  const interrupted = () => {
    terminate();
    process.exit(1);
  };
  process.once("exit", terminate).once("SIGTERM", interrupted).once("SIGINT", interrupted);
  return async () => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      const ended = once(child, "exit");
      terminate();
      await withTimeout(ended, STOP_SECONDS, () => "the service does not end").catch((error) => {
        child.kill("SIGKILL");
        throw error;
      });
    }
    process.off("exit", terminate).off("SIGTERM", interrupted).off("SIGINT", interrupted);
    return { code: child.exitCode, signal: child.signalCode };
  };
}

async function withTimeout(promise, seconds, message) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${seconds} s ${message()}`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// The last lines that a stream had.
class LogTail {
  #text = "";

  constructor(stream) {
    stream.setEncoding("utf8").on("data", (part) => {
      this.#text = (this.#text + part).slice(-8_000);
    });
  }

  text() {
    return this.#text;
  }
}
