// Judges documents with ajv, strictly: a line of schemas by kind, then a line of {kind, document} each, on stdin.
const Ajv = require("ajv");
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter((line) => line !== "");
const validators = {};
for (const [kind, schema] of Object.entries(JSON.parse(lines[0]))) {
  const ajv = new Ajv({ strict: true, strictTypes: true, allowUnionTypes: true, logger: false });
  validators[kind] = ajv.compile(schema);
}
const verdicts = lines.slice(1).map((line) => {
  const { kind, document } = JSON.parse(line);
  return validators[kind](document) ? "1" : "0";
});
process.stdout.write(verdicts.join(""));
