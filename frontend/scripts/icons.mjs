// Renders public/favicon.svg to the PNG icons of the manifest. Run by hand when the mark changes; the results are
// committed. CHROMIUM: the browser to render with.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { chromium } from "@playwright/test";

const PUBLIC = new URL("../public/", import.meta.url);
const TEAL = "#0f766e";
const source = await readFile(new URL("favicon.svg", PUBLIC), "utf8");
const mark = source.replace(/<rect[^>]*>/, "");

/** The mark on a full square: what the system cuts off around it shows no corner. */
const onTeal = (scale) => `<div class="back"><div style="width:${scale}%">${mark}</div></div>`;
const silhouette = mark.replaceAll(TEAL, "transparent").replace(/<g .*<\/g>/, "");

const ICONS = [
  { name: "icon-192.png", size: 192, body: source },
  { name: "icon-512.png", size: 512, body: source },
  // Within the safe zone of maskable icons, a circle of 80% of the width.
  { name: "maskable-512.png", size: 512, body: onTeal(82) },
  { name: "apple-touch-icon.png", size: 180, body: onTeal(100) },
  // Android's status bar keeps only the alpha channel.
  { name: "badge-96.png", size: 96, body: silhouette },
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
await mkdir(new URL("icons/", PUBLIC), { recursive: true });
for (const { name, size, body } of ICONS) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(
    `<style>*{margin:0}svg{display:block;width:100%}.back{background:${TEAL};height:100vh;display:grid;place-items:center}</style>${body}`,
  );
  await writeFile(new URL(`icons/${name}`, PUBLIC), await page.screenshot({ omitBackground: true }));
  await page.close();
}
await browser.close();
