// Rules and sizes of the files of the page: scripts and style in api/assets, templates in api/templates.

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, extname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { budgets, rules } from "./support/rules.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const files = ["api/assets", "api/templates"].flatMap((folder) => filesBelow(join(root, folder)));
const endingIn = (ending) => files.filter((file) => extname(file) === ending);

function linesAgainst({ pattern }, text) {
  const found = [];
  for (const match of text.matchAll(new RegExp(pattern, `${pattern.flags}g`))) {
    found.push({ line: text.slice(0, match.index).split("\n").length, match: match[0].slice(0, 80) });
  }
  return found;
}

for (const rule of rules) {
  test(rule.name, () => {
    for (const text of rule.refused) assert.notEqual(linesAgainst(rule, text).length, 0, `the rule permits ${text}`);
    for (const text of rule.allowed) assert.deepEqual(linesAgainst(rule, text), [], `the rule refuses ${text}`);
    const about = files.filter((file) => rule.files.includes(extname(file)) && !rule.except?.includes(basename(file)));
    const found = about.flatMap((file) =>
      linesAgainst(rule, readFileSync(file, "utf8")).map(({ line, match }) => `${relative(root, file)}:${line}: ${match}`),
    );
    assert.deepEqual(found, []);
  });
}

for (const [ending, limit] of Object.entries(budgets)) {
  test(`all ${ending} files together have at most ${limit} bytes`, () => {
    const sizes = endingIn(ending).map((file) => [readFileSync(file).length, relative(root, file)]);
    const sum = sizes.reduce((total, [size]) => total + size, 0);
    assert.ok(sum <= limit, `${sum} bytes: ${sizes.map((size) => size.join(" ")).join(", ")}`);
  });
}

test("there are scripts, style and templates to check", () => {
  for (const ending of [".js", ".css", ".html"]) assert.notEqual(endingIn(ending).length, 0, `no ${ending} file`);
});
