/* What every part of the page is made of: its words in two languages, and small elements.

   Text of a bundle enters as text nodes, or not at all; nothing of it becomes markup, an address or
   a style. Invisible and direction-changing characters are shown by their number. Long lists are
   shown a part at a time.                                                                       */
const elements = (() => {
  "use strict";

  const PART = 100;
  const LONG = 2000;
  const CHINA = 8 * 3_600_000;  // milliseconds that Beijing time is ahead of UTC
  const SIGNS = { holds: "✓", fails: "✗", undecided: "?" };
  const MARKS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]/gu;
  const ID = new RegExp("^([a-z_]{3,24})-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{8}([0-9a-f]{4})"
    + "(/[0-9]{1,16})?$");
  const DIGEST = /^(?:[0-9a-f]{40,128}|[A-Za-z0-9+/]{43}=)$/;

  let language = "zh";
  let names = new Map();

  /** Who the events name, by id, where a name was disclosed. */
  function introduce(found) {
    names = found;
  }

  /** The disclosed name of an actor or party; undefined if there is none. */
  function nameOf(value) {
    return names.get(value);
  }

  /** The language of everything made from here on: "zh" or "en". */
  function speak(chosen) {
    language = chosen;
  }

  /** The page's own words, with `{name}` filled in. */
  function say(key, values = {}) {
    const words = wording[key][language === "zh" ? 0 : 1];
    return words.replace(/\{([a-z]+)\}/g, (all, name) => (name in values ? values[name] : all));
  }

  /** One of a pair of names, Chinese first. */
  function pick(pair, otherwise) {
    return pair === undefined ? otherwise : pair[language === "zh" ? 0 : 1];
  }

  function own(table, key) {
    return table !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
  }

  function topicName(topic) {
    return pick(own(TABLES.names.topics, topic), topic);
  }

  function codeName(enumeration, code) {
    return pick(own(own(TABLES.names.codes, enumeration), code), String(code));
  }

  function fieldName(path) {
    return pick(own(TABLES.names.sealed, path), path);
  }

  /** An element: attributes by name, then children (text or elements; null is left out). */
  function el(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
    return made;
  }

  /** A button that does something. */
  function button(words, act, attributes) {
    const made = el("button", { type: "button", ...attributes }, words);
    made.addEventListener("click", act);
    return made;
  }

  // -- small things

  /** An id or digest, shortened; a click copies it whole, and print shows it whole. */
  function id(value) {
    const full = String(value);
    const match = ID.exec(full);
    let short = full;
    if (match) short = `${match[1]}-…${match[2]}${match[3] || ""}`;
    else if (DIGEST.test(full)) short = `${full.slice(0, 8)}…${full.slice(-4)}`;
    const attributes = {
      type: "button", class: short.length > 48 ? "id long" : "id", "data-id": full, title: full,
      "aria-label": say("copy_id", { id: full }),
    };
    return el("button", attributes, short);
  }

  /** An actor or party: the disclosed name, if there is one, and the id. */
  function holder(value) {
    if (typeof value !== "string") return "";
    const name = nameOf(value);
    return name === undefined ? id(value) : [el("bdi", {}, ...visible(name)), " ", id(value)];
  }

  /** A time as it stands in events, to the second, in UTC. */
  function time(value) {
    if (typeof value !== "string") return "—";
    const shown = value.replace("T", " ").replace(/(\.\d+)?Z$/, "Z");
    return el("time", { datetime: value, title: value }, shown);
  }

  /** A time in UTC, and below it the same moment as the PDF and HTML files have it. */
  function moment(value) {
    const at = typeof value === "string" ? Date.parse(value) : NaN;
    if (Number.isNaN(at)) return time(value);
    const china = new Date(at + CHINA).toISOString().slice(0, 19).replace("T", " ");
    return [time(value), el("div", { class: "hint whole" }, say("in_china", { time: china }))];
  }

  function badge(answer) {
    return el("span", { class: `badge ${answer}` },
      el("span", { "aria-hidden": "true" }, SIGNS[answer] || "?"), " ", say(answer));
  }

  /** Text from outside as nodes: what cannot be seen, or turns the text round, by its number. */
  function visible(value) {
    const nodes = [];
    let last = 0;
    for (const match of value.matchAll(MARKS)) {
      if (match[0] === "\n" || match[0] === "\t") continue;
      nodes.push(value.slice(last, match.index));
      const number = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      nodes.push(el("span", { class: "hidden-mark", title: say("hidden_marks") }, `U+${number}`));
      last = match.index + match[0].length;
    }
    nodes.push(value.slice(last));
    return nodes.filter((node) => node !== "");
  }

  /** A disclosed text, its beginning if it is long. */
  function outside(value) {
    const box = el("div", { class: "outside", dir: "auto" });
    box.append(...visible(value.slice(0, LONG)));
    if (value.length > LONG) {
      box.append("… ", button(say("show_all"), () => box.replaceChildren(...visible(value)),
        { class: "plain" }));
    }
    return box;
  }

  function size(count) {
    return say("bytes", { n: String(count).replace(/\B(?=(\d{3})+$)/g, ",") });
  }

  /** A section of the page with its heading. */
  function section(key, ...children) {
    return el("section", { class: "part", id: `part-${key}`, "aria-labelledby": `head-${key}` },
      el("h2", { id: `head-${key}` }, say(key)), ...children);
  }

  function lead(key) {
    return el("p", { class: "hint" }, say(key));
  }

  /** Terms with what stands for them; what is empty is left out. */
  function facts(pairs) {
    const list = el("dl", { class: "facts" });
    for (const [term, value] of pairs) {
      if (value === null || value === undefined || value === "" || value.length === 0) continue;
      list.append(el("dt", {}, term), el("dd", {}, value));
    }
    return list;
  }

  /** A table: `heads` are words, `rows` lists of cells; on narrow screens a cell names its head. */
  function table(label, heads, rows, classes = "") {
    const head = el("tr", {}, heads.map((words) => el("th", { scope: "col" }, words)));
    const body = el("tbody", {}, rows.map((cells) => row(heads, cells)));
    return el("table", { class: `wide ${classes}`, "aria-label": label },
      el("thead", {}, head), body);
  }

  function row(heads, cells) {
    return el("tr", {}, cells.map((cell, at) => el("td", { "data-head": heads[at] }, cell)));
  }

  /** `items` a part at a time into `box`, by `make`; a button shows more. */
  function inParts(box, items, make, part = PART) {
    const foot = el("p", { class: "more" });
    let next = 0;
    const more = () => {
      box.append(...items.slice(next, next + part).map(make));
      next = Math.min(next + part, items.length);
      foot.replaceChildren(say("shown_of", { shown: next, total: items.length }));
      if (next < items.length) {
        const left = Math.min(part, items.length - next);
        foot.append(" ", button(say("show_more", { n: left }), more, { class: "plain" }));
      }
    };
    more();
    return items.length > part ? foot : null;
  }

  /** Offer bytes or text to be saved under a name of ours; nothing is opened. */
  function save(name, data) {
    const blob = new Blob([data], { type: "application/octet-stream" });
    const link = el("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  return { ID, DIGEST, SIGNS, speak, say, own, pick, topicName, codeName, fieldName, introduce,
           nameOf, el, button, id, holder, time, moment, badge, visible, outside, size, section,
           lead, facts, table, row, inParts, save };
})();
