// Parses the AsyncAPI document on standard input; exit status 1 when it is not valid, else the names of its messages.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const ERROR = 0;
const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const errors = diagnostics.filter((found) => found.severity === ERROR);
for (const { path, message } of errors) console.error(`${path.join(".")}: ${message}`);
if (errors.length || !document) process.exit(1);
console.log(JSON.stringify(document.messages().all().map((message) => message.id())));
