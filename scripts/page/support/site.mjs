// A small site in place of the service, for the tests of the support modules: paths and the markup of their pages.

import { once } from "node:events";
import http from "node:http";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; " +
  "frame-ancestors 'none'; require-trusted-types-for 'script'";
const ICON = '<svg xmlns="http://www.w3.org/2000/svg"/>';
const TYPES = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" };

export function site(pages) {
  return async () => {
    const server = http.createServer((request, response) => {
      const { pathname } = new URL(request.url, "http://site");
      const text = pathname === "/icon.svg" ? ICON : pages[pathname];
      const type = TYPES[pathname.split(".")[1]] ?? "text/html";
      response.writeHead(text === undefined ? 404 : 200, { "content-type": `${type}; charset=utf-8`, "content-security-policy": POLICY });
      response.end(text?.replaceAll("COOKIE", request.headers.cookie ?? "none") ?? "not found");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const stop = async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
    return { url: `http://127.0.0.1:${server.address().port}`, tokens: { planner: "a.b.c" }, stop };
  };
}

export function markup(body, head = "") {
  return `<!DOCTYPE html><html lang="en"><head><title>Site</title><link rel="icon" href="/icon.svg">${head}</head><body>${body}</body></html>`;
}
