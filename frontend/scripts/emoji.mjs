// Puts the emoji of our languages into public/emoji, where the picker (frimousse) fetches them from our own server: no
// CDN. Only the fields that it reads, which is half the bytes. Run before each build; the result is not committed.
import { mkdir, readFile, writeFile } from "node:fs/promises";

const LOCALES = ["es", "en"];
const FROM = new URL("../node_modules/emojibase-data/", import.meta.url);
const TO = new URL("../public/emoji/", import.meta.url);

const skin = ({ emoji, tone }) => ({ emoji, tone });
const entry = ({ emoji, label, tags, group, subgroup, version, skins }) => ({
  emoji,
  label,
  tags,
  group,
  subgroup,
  version,
  skins: skins?.map(skin),
});

for (const locale of LOCALES) {
  const read = async (name) => JSON.parse(await readFile(new URL(`${locale}/${name}.json`, FROM), "utf8"));
  const write = (name, value) => writeFile(new URL(`${locale}/${name}.json`, TO), JSON.stringify(value));
  await mkdir(new URL(`${locale}/`, TO), { recursive: true });
  await write("data", (await read("data")).filter((item) => "group" in item).map(entry));
  await write("messages", await read("messages"));
}
