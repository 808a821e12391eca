// Answers of the browser's verifier of time tokens: reads JSON lines, prints JSON lines.
// node token_twin.js FOLDER-OF-SCRIPTS < questions
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");

const NAMES = ["text", "sha256", "sha512", "der", "publickey", "x509", "token"];
const read = (name) => fs.readFileSync(path.join(process.argv[2], `${name}.js`), "utf8");
const source = NAMES.map(read);
const { text, publickey, x509, token } =
  new Function(`${source.join("\n")}\nreturn { text, publickey, x509, token };`)();

const ASKED = {
  verify({ tsr, imprint, roots }) {
    const found = token.verifyToken(tsr, imprint, roots);
    return { ...found, earliest: token.earliest(found), latest: token.latest(found) };
  },
  info({ tsr }) {
    const info = token.readInfo(tsr);
    const nonce = info.nonce === null ? null : String(info.nonce);
    return { ...info, imprint: text.hex(info.imprint), nonce };
  },
  roots({ tsr }) {
    return x509.parseRoots(tsr).map(text.hex);
  },
  sha1({ tsr }) {
    return text.hex(publickey.sha1(tsr));
  },
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { ask, tsr, imprint, roots } = JSON.parse(line);
  let answer;
  try {
    const given = { tsr: text.unhex(tsr), imprint: text.unhex(imprint) };
    answer = ASKED[ask]({ ...given, roots: roots.map(text.unhex) });
  } catch (error) {
    if (!(error instanceof text.ValueError)) throw error;
    answer = { error: ask === "roots" ? "" : error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
