// Call Junction's SDK for Node: a JSON line in, a JSON line out, as call_junction.py does.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, baseUrl, apiKey] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { VitalClient } = require("@tryvital/vital-node");
const serialization = require("@tryvital/vital-node/serialization");

// Members of a body that this version has no types for: its option fetch is where to add them.
let further = {};

async function fetchWithFurther(url, options) {
  if (Object.keys(further).length) {
    options = { ...options, body: JSON.stringify({ ...JSON.parse(options.body), ...further }) };
  }
  return fetch(url, options);
}

const client = new VitalClient({ baseUrl, apiKey, maxRetries: 0, fetch: fetchWithFurther });

const camelCase = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const snakeCase = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function rename(value, change) {
  if (Array.isArray(value)) return value.map((each) => rename(each, change));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [change(name), rename(each, change)]));
}

async function call({ call: name, id, arguments: values, further: added = {} }) {
  const [group, method] = name.split(".");
  further = added;
  const parameters = [...(id ? [id] : []), rename(values, camelCase)];
  return await client[camelCase(group)][camelCase(method)](...parameters);
}

for await (const line of createInterface({ input: process.stdin })) {
  const wanted = JSON.parse(line);
  let said;
  try {
    const found = wanted.parse
      ? serialization[wanted.parse].parseOrThrow(wanted.body, { unrecognizedObjectKeys: "passthrough" })
      : await call(wanted);
    said = { value: rename(JSON.parse(JSON.stringify(found ?? null)), snakeCase), unknown: [] };
  } catch (error) {
    said = { error: error.constructor.name, status: error.statusCode ?? null, body: error.body ?? null, text: `${error}` };
  }
  console.log(JSON.stringify(said));
}
