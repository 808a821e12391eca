// Runs the one script of verify.html, as it lies in the page, without a browser.
//
//     node verify.mjs verify.html < requests > answers
//
// Requests and answers are JSON, one a line. A request has "crypto" (whether the script may use
// WebCrypto), and either "zip" (base64) or "folder" ({path: base64}) with "trust" ({"ledger",
// "cosigners", "tsaRoots" (base64)}), answered by {"json", "en", "zh", "exit", "shown"}; a folder
// with "changes" ([{path: base64 or null}]), answered by {"reports"}: the json of the folder with
// each of them made to it. Or "call", the source of a function that is called with "args", answered
// by {"value"}. What is thrown is answered by {"thrown": [name, message]}.
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";
import vm from "node:vm";

const page = readFileSync(process.argv[2], "utf8");
const script = page.slice(page.lastIndexOf("<script>") + 8, page.lastIndexOf("</script>"));

function world(given) {
  const context = vm.createContext({ TextEncoder, TextDecoder, setTimeout, ...given });
  vm.runInContext(script, context, { filename: "verify.html" });
  return context;
}

const worlds = new Map([[true, world({ crypto: webcrypto })], [false, world({})]]);

// Bytes are made inside, so that they are of the script's own kind.
const BYTES = "(list) => Uint8Array.from(list)";
const CALL = `(source, args) => (0, eval)(source)(...args, ${BYTES})`;
const VERIFY = `async (request) => {
  const bytes = ${BYTES};
  const given = request.zip !== undefined ? bytes(request.zip)
    : new Map(Object.entries(request.folder).map(([name, list]) => [name, bytes(list)]));
  const reader = { ...request.trust, tsaRoots: request.trust.tsaRoots.map(bytes) };
  const began = request.now(), steps = [];
  const result = await check.verifyBundle(given, reader, (...step) => steps.push(step));
  const took = request.now() - began;
  const shown = { events: result.events, openings: result.openings, report: result.report,
                  files: [...result.files.keys()], steps };
  return { json: result.json, en: result.text("en"), zh: result.text("zh"), exit: result.exitCode,
           shown, took };
}`;

const CHANGED = `async (request) => {
  const bytes = ${BYTES};
  const folder = Object.entries(request.folder).map(([name, list]) => [name, bytes(list)]);
  const reader = { ...request.trust, tsaRoots: request.trust.tsaRoots.map(bytes) };
  const reports = [];
  for (const change of request.changes) {
    const files = new Map(folder);
    for (const [name, list] of Object.entries(change)) {
      if (list === null) files.delete(name);
      else files.set(name, bytes(list));
    }
    reports.push((await check.verifyBundle(files, reader)).json);
  }
  return { reports };
}`;

function unpack(files) {
  for (const [name, text] of Object.entries(files)) {
    files[name] = text === null ? null : Buffer.from(text, "base64");
  }
}

async function answer(line) {
  const request = JSON.parse(line);
  const context = worlds.get(request.crypto ?? true);
  request.now = () => performance.now();
  const unpacked = (text) => Buffer.from(text, "base64");
  if (request.zip !== undefined) request.zip = unpacked(request.zip);
  for (const files of [request.folder ?? {}, ...request.changes ?? []]) unpack(files);
  if (request.trust) request.trust.tsaRoots = (request.trust.tsaRoots ?? []).map(unpacked);
  try {
    if (request.call !== undefined) {
      return { value: await vm.runInContext(CALL, context)(request.call, request.args) };
    }
    return await vm.runInContext(request.changes ? CHANGED : VERIFY, context)(request);
  } catch (error) {
    const { name = "", message, stack, field = "" } = error;
    return { thrown: [name, String(message), String(stack), field] };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(line)) + "\n");
}
