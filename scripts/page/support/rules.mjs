// Rules for the text of the page's files, each with examples that it must refuse and some that it must not.

const SVG = "http://www.w3.org/2000/svg";

// `files` are the endings of the files that the rule is about, `except` names of files.
export const rules = [
  {
    name: "instants and time zones are used in clock.js only",
    files: [".js"],
    except: ["clock.js"],
    pattern: /\bnew\s+Date\b|\bDate *(?:\.\w|\()|\bTemporal\b|\bDateTimeFormat\b/,
    refused: ["const now = new Date();", "Date.now()", "Date.UTC(2024, 1, 1)", "Date (0)", "new Intl.DateTimeFormat()"],
    allowed: ["const startDate = 1;", 'label.textContent = "Date";', "parseDay(input.value)", "// Without Date."],
  },
  {
    name: "no text becomes markup or code",
    files: [".js"],
    pattern:
      /\b(innerHTML|outerHTML|insertAdjacentHTML|setHTML|setHTMLUnsafe|parseHTMLUnsafe|DOMParser|createContextualFragment|srcdoc|eval|execScript)\b|\bdocument\s*\.\s*write|\bnew\s+Function\b|\bset(Timeout|Interval)\s*\(\s*["'`]|["'`]javascript:/,
    refused: ["a.innerHTML = b", "a['outerHTML']", "a.insertAdjacentHTML('x', b)", "eval(a)", "document.writeln(a)", "new DOMParser()"],
    allowed: ["a.textContent = b", "medieval(a)", "evaluate(a)", "setTimeout(() => a(), 10)"],
  },
  {
    name: "nothing names another origin",
    files: [".js", ".css", ".html"],
    pattern: /\b(?:https?|wss?|ftp):\/\/(?!www\.w3\.org\/2000\/svg["'])|["'`(=]\s*\/\/[a-z0-9]/i,
    refused: ['fetch("https://example.org/a")', "url(//example.org/a)", '<script src="//example.org">', '"http://www.w3.org/2000/svgx"'],
    allowed: [`createElementNS("${SVG}", "g")`, "a / b // c", "url(chart.svg)"],
  },
  {
    name: "templates have no style attribute",
    files: [".html"],
    pattern: /<[a-z][^>]*\sstyle\s*=/i,
    refused: ['<p style="color: red">', "<p class=a\n  style=b>"],
    allowed: ['<link rel="stylesheet" href="a">', '<p class="style">'],
  },
  {
    name: "templates have no handlers of events",
    files: [".html"],
    pattern: /<[a-z][^>]*\son[a-z]+\s*=/i,
    refused: ['<a onclick="b()">', "<body\nonload=b>"],
    allowed: ['<button class="on">', '<a href="?on=1">'],
  },
  {
    name: "templates have no script or style of their own",
    files: [".html"],
    pattern: /<script(?![^>]*\ssrc\s*=)[^>]*>|<script[^>]*>\s*[^<\s]|<style\b|javascript:/i,
    refused: ["<script>a()</script>", '<script type="module">', '<script src="a">b()</script>', "<style>a{}</style>"],
    allowed: ['<script type="module" src="{{ asset }}"></script>'],
  },
];

// The greatest sums of bytes per ending, as the files are written.
export const budgets = { ".js": 60_000, ".css": 20_000 };
