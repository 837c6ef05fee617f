// Judges texts with a YAML 1.2 core reader and ajv: a line of schemas by kind, then a line of {kind, text} each, on
// stdin. A line of {read, valid, value, why} each on stdout.
const Ajv = require("ajv");
const YAML = require("yaml");
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter((line) => line !== "");
const validators = {};
for (const [kind, schema] of Object.entries(JSON.parse(lines[0]))) {
  validators[kind] = new Ajv({ strict: true, strictTypes: true, allowUnionTypes: true, logger: false }).compile(schema);
}
const options = { version: "1.2", schema: "core", merge: true, resolveKnownTags: false, logLevel: "silent" };
const judge = (kind, text) => {
  const document = YAML.parseDocument(text, options);
  // A tag that is not known is a warning there; the value is then read as if it had none.
  const wrong = [...document.errors, ...document.warnings.filter((warning) => warning.code === "TAG_RESOLVE_FAILED")];
  if (wrong.length > 0) return { read: false, valid: false, why: wrong[0].code };
  try {
    const value = document.toJS();
    JSON.stringify(value); // throws where an alias stands inside what it stands for
    return { read: true, valid: validators[kind](value), value };
  } catch (error) {
    return { read: false, valid: false, why: String(error.message) };
  }
};
for (const line of lines.slice(1)) {
  const { kind, text } = JSON.parse(line);
  process.stdout.write(JSON.stringify(judge(kind, text)) + "\n");
}
