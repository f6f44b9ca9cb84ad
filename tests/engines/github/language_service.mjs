// What GitHub's own parser and language service say of workflows and actions: one line for each finding, exit code 1 if there is any.
// usage: node BUNDLE FILE… -- USES=ACTION.yml…
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { validate } from "@actions/languageservice/validate";
import { TextDocument } from "vscode-languageserver-textdocument";
import { parse } from "yaml";

const [files, known] = process.argv.slice(2).join("\n").split("\n--\n").map((part) => part.split("\n").filter(Boolean));
const actions = Object.fromEntries((known ?? []).map((line) => line.split("=")));

// With the inputs of the actions, a wrong one is found.
const actionsMetadataProvider = {
  async fetchActionMetadata({ owner, name, path: inside }) {
    const file = actions[[owner, name, inside].filter(Boolean).join("/")];
    return file && parse(fs.readFileSync(file, "utf8"));
  },
};

async function main() {
  let found = 0;
  for (const file of files) {
    const text = fs.readFileSync(file, "utf8");
    const document = TextDocument.create(pathToFileURL(path.resolve(file)).href, "yaml", 1, text);
    for (const { range, message } of await validate(document, { actionsMetadataProvider })) {
      // Those that are not named are not here to be asked.
      if (message.startsWith("Unable to resolve action")) continue;
      console.log(`${file}:${range.start.line + 1}: ${message}`);
      found += 1;
    }
  }
  return found ? 1 : 0;
}

main().then((code) => process.exit(code));
