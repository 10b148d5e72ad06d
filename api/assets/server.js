// Requests to the service.
import { dismiss, isShown, notice, say } from "./notices.js";

export const base = document.body.dataset.base;

// Why a request has no answer that helps: `kind` is "away", "expired" or "refused".
export class Failure extends Error {
  constructor(kind, message, status = 0, body = null) {
    super(message);
    Object.assign(this, { kind, status, body });
  }
}

const AWAY = "The service cannot be reached now.";

function failureOf(status, message, body) {
  if (status === 401) return new Failure("expired", message || "Your session has ended.", status, body);
  if (status === 0 || status === 502 || status === 503 || status === 504) {
    return new Failure("away", message || AWAY, status, body);
  }
  return new Failure("refused", message || `The service answered with ${status}.`, status, body);
}

// A page, or the named part of one. The browser parses it; nothing in it runs.
export function loadPage(path, { part, body, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(body === undefined ? "GET" : "POST", base + path);
    request.responseType = "document";
    request.timeout = 30_000;
    request.setRequestHeader("Phaseline-Part", part ?? "page");
    if (body !== undefined) request.setRequestHeader("Content-Type", "application/json");
    request.onload = () => {
      const page = request.response;
      const failed = page?.getElementById("failure");
      if (request.status >= 200 && request.status < 300 && page && !failed) {
        reached();
        resolve(page);
      } else {
        reject(failureOf(request.status, failed?.querySelector("p")?.textContent));
      }
    };
    request.onerror = () => reject(failureOf(0));
    request.ontimeout = request.onerror;
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(body === undefined ? null : JSON.stringify(body));
  });
}

// JSON from the service; 304 is `null`. Resolves to { status, headers, body }.
export async function ask(method, path, { body, headers = {} } = {}) {
  let response;
  try {
    response = await fetch(base + path, {
      method,
      // With this header the end of a session is a failure, and not the page for signing in.
      headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch {
    throw failureOf(0);
  }
  if (response.status === 304) {
    reached();
    return { status: 304, headers: response.headers, body: null };
  }
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  const answer = isJson ? await response.json().catch(() => null) : null;
  if (!response.ok) throw failureOf(response.status, answer?.detail ?? answer?.error?.message, answer);
  reached();
  return { status: response.status, headers: response.headers, body: answer };
}

// A header's value for any text: the bytes of its UTF-8.
export function headerText(text) {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

// A key that makes a repeated command count once.
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function reached() {
  if (isShown("away")) {
    dismiss("away");
    say("The service is back.");
    document.dispatchEvent(new CustomEvent("phaseline-back"));
  }
}

// Shows a failure. `kept` tells what is not lost.
export function report(failure, kept = "") {
  if (failure.name === "AbortError") return;
  if (failure.kind === "expired") {
    const next = encodeURIComponent(location.pathname.slice(base.length) + location.search);
    notice("expired", "warn", `Your session has ended. ${kept}`, [["Sign in again", `${base}/sign-in?why=token_expired&next=${next}`]]);
  } else if (failure.kind === "away") {
    if (!isShown("away")) notice("away", "warn", `${failure.message} ${kept} Trying again…`);
  } else if (failure.kind === "refused") {
    notice("refused", "bad", failure.message);
  } else {
    notice("refused", "bad", "Something went wrong in this page: load it again.");
    throw failure;
  }
}
