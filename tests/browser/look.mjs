// Opens the first page in Chromium at each size and theme, the others on a phone, and says what is wrong:
// node look.mjs CHROMIUM AXE PAGE…
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [chrome, axe, ...pages] = process.argv.slice(2);
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: chrome, args: quiet });
const rules = readFileSync(axe, "utf8");
const looks = [
  { width: 390, colorScheme: "light" }, { width: 390, colorScheme: "dark" },
  { width: 1280, colorScheme: "light" }, { width: 1280, colorScheme: "dark" },
  { width: 700, colorScheme: "dark", media: "print" },
];
const found = [];
for (const file of pages) {
  for (const { width, colorScheme, media } of file === pages[0] ? looks : looks.slice(0, 1)) {
    const url = pathToFileURL(file).href;
    const page = await browser.newPage({ viewport: { width, height: 844 }, colorScheme });
    const say = (what) => found.push(`${file} ${width} ${colorScheme} ${media ?? "screen"}: ${what}`);
    page.on("console", (message) => say(`console: ${message.text()}`));
    page.on("pageerror", (error) => say(`error: ${error.message}`));
    page.on("request", (request) => { if (request.url() !== url) say(`request: ${request.url()}`); });
    await page.goto(url);
    if (media) await page.emulateMedia({ media, colorScheme });
    for (const open of [false, true]) {
      await page.evaluate((open) => document.querySelectorAll("details").forEach((one) => { one.open = open; }), open);
      const [wide, room, size] = await page.evaluate(() => [document.documentElement.scrollWidth,
        document.documentElement.clientWidth, getComputedStyle(document.querySelector("h1")).fontSize]);
      if (wide > room) say(`${wide - room} px too wide`);
      if (parseFloat(size) < 28) say(`the style is not in force: h1 has ${size}`);
    }
    await page.evaluate(rules); // with everything unfolded
    const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
    for (const one of violations.filter((one) => ["serious", "critical"].includes(one.impact))) {
      say(`${one.id} (${one.impact}): ${one.nodes[0].html} ${one.nodes[0].failureSummary}`);
    }
    await page.close();
  }
}
const page = await browser.newPage();
await page.goto(pathToFileURL(pages[0]).href);
const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true });
const sheets = (pdf.toString("latin1").match(/\/Type\s*\/Page\b/g) ?? []).length;
await browser.close();
console.log(JSON.stringify({ found, sheets }));
