/* The page: what the reader gives goes to `check.verifyBundle`, what it says to `shown.render`.

   Nothing is kept, sent or opened. The language changes what is said, never what was found.      */
const page = (() => {
  "use strict";

  const { say, el } = elements;
  const MAX_TRUST_BYTES = 4 << 20;

  let chosen = null;  // {name, read: () => Promise<Uint8Array | Map>}
  let roots = [];     // [{name, data}]
  let last = null;    // {result, asked}
  let running = 0;
  let pending = Promise.resolve();  // files of keys and certificates that are being read

  const at = (id) => document.getElementById(id);

  /** Wire the page up; called once, when it is there. */
  function start() {
    for (const code of ["zh", "en"]) at(code).addEventListener("click", () => speak(code));
    at("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      verify();
    });
    at("bundle").addEventListener("change", () => take([...at("bundle").files]));
    at("folder").addEventListener("change", () => takeFolder([...at("folder").files]));
    for (const name of ["ledger", "cosigners"]) {
      at(`${name}-file`).addEventListener("change", () => { pending = read(name, fromFiles); });
      at(name).addEventListener("input", () => told(name, ""));
    }
    at("roots").addEventListener("change", () => { pending = read("roots", takeRoots); });
    at("result").addEventListener("click", copyId);
    dropping();
    speak((navigator.language || "zh").toLowerCase().startsWith("zh") ? "zh" : "en");
  }

  /** Everything on the page in a language. */
  function speak(code) {
    elements.speak(code);
    document.documentElement.lang = code === "zh" ? "zh-Hans" : "en";
    for (const one of ["zh", "en"]) at(one).setAttribute("aria-pressed", String(one === code));
    for (const element of document.querySelectorAll("[data-t]")) {
      element.textContent = say(element.dataset.t);
    }
    for (const name of ["ledger", "cosigners", "roots", "bundle"]) told(name, "");
    showChosen();
    at("status").textContent = "";
    if (last !== null) show();
    else document.title = wording.page_title.map((words) => words.split(" · ")[0]).join(" · ");
  }

  /** Say under a field what is wrong with it; nothing if `words` is empty. */
  function told(name, words) {
    at(`${name}-error`).textContent = words;
    const field = at(name);
    if (words) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }

  // -- what the reader gives

  function dropping() {
    const box = at("drop");
    // The whole page takes the file: one dropped beside the box would replace the page.
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      box.classList.add("over");
    });
    document.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) box.classList.remove("over");
    });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      box.classList.remove("over");
      const files = [...event.dataTransfer.files];
      if (files.length > 0) take(files);
    });
  }

  function take(files) {
    if (files.length !== 1) {
      if (files.length > 1) told("bundle", say("one_file"));
      return;
    }
    const [file] = files;
    accept({ name: file.name, read: () => bytesOf(file) });
  }

  function takeFolder(files) {
    if (files.length === 0) return;
    const name = files[0].webkitRelativePath.split("/")[0];
    accept({ name, count: files.length, read: () => mapOf(files) });
  }

  /** A bundle is chosen; with a key there already, it is verified at once. */
  function accept(bundle) {
    chosen = bundle;
    told("bundle", "");
    showChosen();
    verify();
  }

  function showChosen() {
    const line = at("bundle-chosen");
    line.replaceChildren();
    if (chosen !== null) {
      const name = el("bdi", {}, ...elements.visible(chosen.name));
      line.append(name, chosen.count ? ` · ${say("files_count", { n: chosen.count })}` : "");
    }
    at("roots-chosen").replaceChildren(
      ...roots.map(({ name }) => el("li", {}, el("bdi", {}, ...elements.visible(name)))));
  }

  /** Read files for a field; what the system cannot read is said there. */
  async function read(name, take) {
    try {
      await take(name);
    } catch {
      told(name, say("unreadable"));
    }
  }

  async function bytesOf(file) {
    return new Uint8Array(await file.arrayBuffer());
  }

  /** An unpacked bundle: its files by path inside the folder. */
  async function mapOf(files) {
    const found = new Map();
    for (const file of files) {
      found.set(file.webkitRelativePath.split("/").slice(1).join("/"), await bytesOf(file));
    }
    return found;
  }

  async function fromFiles(name) {
    const texts = [];
    for (const file of at(`${name}-file`).files) {
      if (file.size > MAX_TRUST_BYTES) {
        told(name, say("file_too_large"));
        return;
      }
      texts.push((await file.text()).trim());
    }
    at(`${name}-file`).value = "";
    at(name).value = texts.join("\n");
    told(name, "");
  }

  async function takeRoots() {
    const found = [];
    for (const file of at("roots").files) {
      if (file.size > MAX_TRUST_BYTES) {
        told("roots", say("root_refused", { name: file.name }));
        return;
      }
      found.push({ name: file.name, data: await bytesOf(file) });
    }
    roots = found;
    told("roots", "");
    showChosen();
  }

  function given() {
    const lines = at("cosigners").value.split("\n").map((line) => line.trim());
    return {
      ledger: at("ledger").value.trim(),
      cosigners: lines.filter((line) => line && !line.startsWith("#")),
      tsaRoots: roots.map(({ data }) => data),
    };
  }

  // -- verifying

  /** Verify what is given; a later call makes an earlier one's answer of no interest. */
  async function verify() {
    await pending;
    const trust = given();
    for (const name of ["ledger", "cosigners", "roots", "bundle"]) told(name, "");
    if (!trust.ledger) return missing("ledger", "ledger_missing");
    if (chosen === null) return missing("bundle", "bundle_missing");
    const turn = ++running;
    const { name, read } = chosen;
    hide();
    busy(say("reading"));
    try {
      const data = await read();
      const asked = { name, digest: await digestOf(data), trust, at: moment() };
      busy(say("verifying"));
      await painted();
      const result = await check.verifyBundle(data, trust, progress(turn));
      if (turn !== running) return;
      last = { result, asked };
      show();
      at("status").textContent = say("done", { verdict: say(`verdict_${result.report.verdict}`) });
      at("result").focus({ preventScroll: true });
      at("result").scrollIntoView();
    } catch (error) {
      if (turn === running) refused(error);
    }
  }

  /** The SHA-256 of the file that was given; nothing for a folder. */
  async function digestOf(data) {
    if (data instanceof Map) return null;
    if (typeof crypto === "undefined" || !crypto.subtle) return sha256.hexdigest(data);
    return text.hex(new Uint8Array(await crypto.subtle.digest("SHA-256", data)));
  }

  function missing(name, key) {
    told(name, say(key));
    at(name).focus();
  }

  function refused(error) {
    at("status").textContent = "";
    const fields = { ledger: "ledger", cosigners: "cosigners", tsaRoots: "roots" };
    if (error instanceof check.TrustError && Object.hasOwn(fields, error.field)) {
      const name = fields[error.field];
      if (name !== "ledger") at("more").open = true;
      told(name, say("key_refused", { cause: error.message }));
      at(name).focus();
    } else if (error instanceof DOMException) {
      told("bundle", say("unreadable"));
    } else {
      const words = error && error.name ? error.name : "Error";
      at("status").textContent = say("failed", { cause: words });
    }
  }

  function progress(turn) {
    return (done, total) => {
      if (turn !== running || !total) return;
      busy(`${say("verifying")} ${Math.floor(100 * done / total)}%`);
    };
  }

  function busy(words) {
    at("status").textContent = words;
  }

  /** Let the browser paint before it is kept busy. */
  function painted() {
    return new Promise((resolve) => { setTimeout(resolve, 20); });
  }

  function moment() {
    const now = new Date();
    const offset = -now.getTimezoneOffset();
    const hours = String(Math.floor(Math.abs(offset) / 60)).padStart(2, "0");
    const minutes = String(Math.abs(offset) % 60).padStart(2, "0");
    const local = new Date(now.getTime() + 60_000 * offset).toISOString().slice(0, 19);
    return `${local.replace("T", " ")} UTC${offset < 0 ? "−" : "+"}${hours}:${minutes}`;
  }

  // -- showing

  function hide() {
    last = null;
    at("result").hidden = true;
    at("result").replaceChildren();
  }

  function show() {
    const { result, asked } = last;
    at("result").hidden = false;
    at("result").replaceChildren(...shown.render(result, asked));
    document.title = say("page_title", { bundle: result.report.bundle || say("bundle") });
  }

  async function copyId(event) {
    const button = event.target.closest("button.id");
    if (button === null) return;
    const full = button.dataset.id;
    try {
      await navigator.clipboard.writeText(full);
    } catch {  // no clipboard here: show the whole id, ready to be marked
      button.textContent = full;
      return;
    }
    at("status").textContent = say("copied");
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1200);
  }

  return { start };
})();

if (typeof document !== "undefined") page.start();
