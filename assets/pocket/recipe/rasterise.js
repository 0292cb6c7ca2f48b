// Draws the flat icons as PNG, 256 px with alpha: node rasterise.js NODE_MODULES OUT_FOLDER
// One file per emoji, named by its code points in lower case without fe0f.
const fs = require("fs");
const path = require("path");

const [modules, out] = process.argv.slice(2);
const { Resvg } = require(path.resolve(modules, "@resvg/resvg-js"));
const folder = path.join(modules, "@iconify-json/fluent-emoji-flat");
const read = (name) => JSON.parse(fs.readFileSync(path.join(folder, name)));
const icons = read("icons.json");
fs.mkdirSync(out, { recursive: true });
for (const [code, name] of Object.entries(read("chars.json"))) {
  const icon = icons.icons[name];
  if (!icon) continue;
  const box = `0 0 ${icon.width || icons.width} ${icon.height || icons.height}`;
  const space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
  const svg = `<svg ${space} width="256" height="256" viewBox="${box}">${icon.body}</svg>`;
  fs.writeFileSync(path.join(out, `${code}.png`), new Resvg(svg).render().asPng());
}
