/* What the genuine events tell: where copies were, what was destroyed, what is disclosed, and every
   event in the order of the ledger. What was not found genuine is not repeated.                 */
const retold = (() => {
  "use strict";

  const { ID, DIGEST, say, own, topicName, codeName, fieldName, nameOf, el, button, id,
          holder, time, moment, badge, outside, size, section, lead, facts, table, row,
          inParts, pick, save } = elements;

  const SCOPE = "data/10_账本/scope.json";
  const FOLDER = "data/30_附件/";
  const ATTACHMENTS = FOLDER + "attachments.json";

  // -- copies and destruction

  function chain(events, confirmed) {
    const copies = custody.copiesOf(confirmed), courses = custody.coursesOf(confirmed);
    if (copies.length + courses.length === 0) {
      return section("custody", el("p", {}, say("custody_none")));
    }
    const gaps = confirmed.length < events.length
      ? el("p", { class: "notice" }, say("custody_gaps")) : null;
    const box = el("div", {});
    let number = 0;
    const more = inParts(box, copies, (one) => copy(one, ++number), 20);
    return section("custody", lead("custody_lead"), lead("zones"), gaps, box, more,
      courses.map(course));
  }

  /** How an act with several parties went: what happened, when, and who signed it. */
  function course({ stream, kind, steps }) {
    const heads = ["accepted", "event", "signed_by"].map((key) => say(key));
    const made = table(say(`course_${kind}`), heads, []);
    const more = inParts(made.tBodies[0], steps, (step) => row(heads, [
      moment(step.accepted), [el("strong", {}, topicName(step.fields.type)), " ", id(step.event)],
      signersOf(step).map(({ actor, capacity }) => el("div", {}, inCapacity(actor, capacity))),
    ]));
    return el("article", { class: "copy course" },
      el("h3", {}, say(`course_${kind}`), " ", id(stream)), made, more);
  }

  function copy({ holding, fields, turns }, number) {
    const about = [
      codeName("MediumForm", fields.form), codeName("BackupMedium", turns[0].medium),
      typeof fields.size === "number" ? size(fields.size) : null,
      fields.encrypted === true ? say("encrypted") : null,
    ].filter((part) => part !== null).join(" · ");
    const from = fields.made_from !== undefined
      ? [say("made_from"), " ", id(fields.made_from)] : [say("original")];
    const heads = ["since", "until", "held_by", "condition", "by_event"].map((key) => say(key));
    const rows = turns.map((turn, at) => [
      moment(turn.since),
      at + 1 < turns.length ? moment(turns[at + 1].since) : say("as_of_state"),
      holder(turn.custodian),
      [codeName("HoldingState", turn.condition), " · ", codeName("BackupMedium", turn.medium)],
      [topicName(turn.topic), " ", id(turn.event), " ", holder(turn.by)],
    ]);
    return el("article", { class: "copy" },
      el("h3", {}, say("copy", { n: number }), " ", id(holding)),
      el("p", { class: "hint" }, about, " · ", from,
        fields.record !== undefined ? [" · ", say("of_record"), " ", id(fields.record)] : null),
      table(say("copy", { n: number }), heads, rows));
  }

  function destruction(confirmed) {
    const cases = custody.casesOf(confirmed);
    if (cases.length === 0) return null;
    const box = el("div", {});
    const more = inParts(box, cases, destructionCase, 20);
    return section("certificate", lead("certificate_lead"), box, more);
  }

  const STEPS = {
    destruction_proposed: "proposed", disposal_appraised: "appraised",
    destruction_approved: "approved", destruction_rejected: "rejected",
    destruction_executed: "executed", destruction_verified: "verified",
    destruction_certified: "certified", destruction_failed: "rejected",
  };

  function destructionCase(about) {
    const { stream, steps, documents } = about;
    const last = (kind) => steps.filter((s) => s.fields.type.endsWith(`.${kind}`)).pop();
    const proposed = last("destruction_proposed"), certified = last("destruction_certified");
    const pairs = [[say("case"), id(stream)]];
    if (proposed) {
      pairs.push([say("ground"), codeName("DestructionGround", proposed.fields.ground)]);
      const method = codeName("DestructionMethodClass", proposed.fields.method);
      pairs.push([say("method"), [method, " · ",
        codeName("DestructionTechnique", proposed.fields.technique)]]);
    }
    pairs.push([say("outcome"), certified
      ? el("strong", {}, codeName("CertificateVerdict", certified.fields.verdict))
      : say("not_certified")]);
    if (certified) {
      const { destroyed, failed, remaining_count: remaining, key_copies_count: keys = 0 } =
        certified.fields;
      const count = proposed ? proposed.fields.count : "?";
      const counts = { count, destroyed, failed, remaining, keys };
      pairs.push([say("counted"), say("counts", counts)]);
    }
    for (const step of steps) pairs.push([stepName(step), stepFacts(step)]);
    for (const issued of documents) {
      pairs.push([say("document"), [`${issued.fields.number} · `, say("pdf_digest"), " ",
        id(issued.fields.pdf), " ", time(issued.accepted)]]);
    }
    return el("article", { class: "copy" }, facts(pairs), listed(about));
  }

  /** The copies of a case, and what became of each. */
  function listed(about) {
    const items = custody.itemsOf(about);
    if (items.length === 0) return null;
    const heads = ["copy_listed", "outcome", "verified"].map((key) => say(key));
    const made = table(say("copies_listed"), heads, []);
    const more = inParts(made.tBodies[0], items, ({ holding, outcome, result }) => row(heads, [
      id(holding), outcome === undefined ? "—" : codeName("ItemOutcome", outcome),
      result === undefined ? "—" : codeName("VerificationResult", result),
    ]), 20);
    return [el("h3", {}, say("copies_listed")), made, more];
  }

  function stepName(step) {
    const key = own(STEPS, step.fields.type.split(".")[1]);
    return key === undefined || key === "rejected" ? topicName(step.fields.type) : say(key);
  }

  function stepFacts(step) {
    const { fields } = step;
    const parts = [time(step.accepted), " ", holder(fields.by), " ", codeName("Role", fields.role)];
    if (typeof fields.started_at === "string") {
      parts.push(" · ", time(fields.started_at), " – ", time(fields.ended_at));
    }
    const watched = Array.isArray(fields.witnesses) ? fields.witnesses : [];
    if (watched.length) parts.push(" · ", say("witnessed_by"), " ", watched.map(holder));
    if (fields.type.endsWith(".destruction_verified")) {
      const method = codeName("VerificationMethod", fields.method);
      parts.push(" · ", method, " ", results(fields.results));
    }
    return el("span", {}, parts.flat());
  }

  function results(found) {
    const counted = new Map();
    for (const one of Array.isArray(found) ? found : []) {
      counted.set(one.result, (counted.get(one.result) || 0) + 1);
    }
    const each = ([code, n]) => `${codeName("VerificationResult", code)} × ${n}`;
    return [...counted].map(each).join(", ");
  }

  // -- what is disclosed

  function disclosed(result) {
    const parts = [];
    const failed = result.report.findings.filter((one) => one.code.startsWith("opening_"));
    if (result.openings.length > 0) {
      const heads = ["field", "value", "event"].map((key) => say(key));
      const made = table(say("opened"), heads, [], "opened");
      const more = inParts(made.tBodies[0], result.openings,
        ({ event, path, value }) => row(heads, [fieldName(path), outside(value), id(event)]));
      parts.push(lead("opened_lead"), made, more);
    }
    for (const one of failed) {
      parts.push(el("p", { class: "notice bad" }, one.event ? id(one.event) : null, " ",
        say("withheld_value")));
    }
    const files = attachments(result);
    if (files !== null) parts.push(files);
    return section("opened", parts.length ? parts : el("p", {}, say("opened_none")));
  }

  /** What attachments.json lists, if it can be read; each file is offered as bytes to be saved. */
  function attachments(result) {
    const listed = parsed(result.files.get(ATTACHMENTS));
    if (!Array.isArray(listed) || listed.length === 0) return null;
    const heads = ["file", "kind", "field", "size", "file_digest", "event"].map((key) => say(key));
    heads.push("");
    const made = table(say("attachments"), heads, []);
    const more = inParts(made.tBodies[0], listed, (one) => row(heads, attachment(result, one)));
    return el("div", {}, el("h3", {}, say("attachments")), lead("open_with_care"), made, more);
  }

  /** In which form a file goes along; of one that does not go in clear, why. */
  function attachedAs({ kind, reason }) {
    const form = say(`attachment_${kind}`);
    if (typeof reason !== "string") return form;
    const why = say("attachment_reason", { reason: codeName("RedactionReason", reason) });
    return [el("div", {}, form), el("div", {}, why)];
  }

  function attachment(result, one) {
    const file = one && typeof one.file === "string" ? one.file : "";
    const data = /^files\/[1-9][0-9]{0,5}\.[a-z0-9]{1,8}$/.test(file)
      ? result.files.get(FOLDER + file) : undefined;
    const named = { clear: 1, redacted: 1, sealed: 1 };
    const bad = data === undefined || result.report.findings.some((found) =>
      found.file === FOLDER + file || found.code.startsWith("attachment_"));
    const label = say("save_named", { name: file });
    const name = `${result.report.bundle || "bundle"}-${file.replace("/", "-")}`;
    return [
      el("code", {}, file),
      own(named, one.kind) ? attachedAs(one) : "",
      typeof one.path === "string" ? fieldName(one.path) : "",
      data === undefined ? "" : size(data.length),
      typeof one.sha256 === "string" ? id(one.sha256) : "",
      typeof one.event === "string" ? id(one.event) : "",
      bad ? say("not_saved") : button(say("save"), () => save(name, data), { "aria-label": label }),
    ];
  }

  function parsed(bytes) {
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      return null;
    }
  }

  // -- events

  function timeline(result, events) {
    const told = parsed(result.files.get(SCOPE));
    const streams = new Set(told && Array.isArray(told.streams) ? told.streams : []);
    const within = (event) => streams.has(event.event.split("/")[0]);
    const heads = ["accepted", "event", "who", "happened", "answer"].map((key) => say(key));
    const made = table(say("timeline"), heads, [], "events");
    const foot = el("div", { role: "status" });
    const text = el("input", { type: "search", id: "filter", autocomplete: "off" });
    const problems = el("input", { type: "checkbox", id: "only-problems" });
    const inScope = el("input", { type: "checkbox", id: "only-scope" });
    const draw = () => {
      const wanted = text.value.trim().toLowerCase();
      const found = events.filter((event) => (!problems.checked || event.answer !== "holds")
        && (!inScope.checked || within(event)) && (!wanted || haystack(event).includes(wanted)));
      made.tBodies[0].replaceChildren();
      const more = inParts(made.tBodies[0], found,
        (event) => eventRow(heads, event, within(event)));
      const counted = say("shown_of", { shown: found.length, total: events.length });
      foot.replaceChildren(more === null ? counted : more);
    };
    for (const input of [text, problems, inScope]) input.addEventListener("input", draw);
    draw();
    const controls = el("div", { class: "controls no-print" },
      el("label", { for: "filter" }, say("filter"), " ",
        el("span", { class: "hint" }, say("filter_hint"))),
      text,
      el("label", { class: "check" }, problems, say("only_problems")),
      streams.size ? el("label", { class: "check" }, inScope, say("only_scope")) : null);
    return section("timeline", lead("timeline_lead"), lead("zones"), controls, made, foot);
  }

  function haystack(event) {
    const { fields } = event;
    const parts = [event.event];
    if (fields) parts.push(fields.type, topicName(fields.type), fields.by, fields.role,
      nameOf(fields.by) || "");
    return parts.join(" ").toLowerCase();
  }

  function eventRow(heads, event, within) {
    const { fields, answer } = event;
    const when = [moment(event.accepted),
      el("div", { class: "hint" }, `${say("entry")} ${event.entry}`)];
    const made = fields && answer !== "fails"
      ? row(heads, [when, eventCell(event), speaker(event), happened(event), badge(answer)])
      : row(heads, [when, withheld(event), "", "", badge(answer)]);
    made.className = within ? "own" : "";
    return made;
  }

  function withheld(event) {
    const words = event.redacted
      ? say("redacted", { reason: codeName("RedactionReason", event.redacted) }) : say("not_shown");
    return [el("div", {}, words), id(event.event)];
  }

  function eventCell(event) {
    const { fields } = event;
    const more = el("details", {}, el("summary", {}, say("fields")));
    more.addEventListener("toggle", () => {
      if (more.childElementCount === 1) more.append(fieldsOf(fields));
    });
    return [el("strong", {}, topicName(fields.type)), " ", id(event.event), more];
  }

  /** Who says it, and everybody else who signed the same entry, each with the capacity. */
  function speaker(event) {
    const { by, role } = event.fields;
    const others = signersOf(event).filter((one) => one.actor !== by || one.capacity !== role);
    return [
      el("div", {}, inCapacity(by, role)),
      others.length ? el("div", { class: "also" }, say("also_signed"), " ",
        others.map(({ actor, capacity }) => el("div", {}, inCapacity(actor, capacity)))) : null,
    ];
  }

  function inCapacity(actor, capacity) {
    const role = codeName("Role", capacity);
    return [holder(actor), el("span", { class: "whole" }, pick([`（${role}）`, ` (${role})`]))];
  }

  /** Those who signed an event's entry: [{actor, capacity}]; who only proved a key is left out. */
  function signersOf(event) {
    const signed = (event.signers || []).filter(({ capacity }) => capacity !== "possession");
    return signed.map(({ name, capacity }) =>
      ({ actor: name.includes("/a/") ? name.slice(name.lastIndexOf("/a/") + 3) : name, capacity }));
  }

  function happened(event) {
    const parts = [time(event.fields.at)];
    if (event.notBefore) {
      parts.push(el("div", { class: "hint" }, say("not_before", { time: event.notBefore })));
    }
    if (event.notAfter) {
      parts.push(el("div", { class: "hint" }, say("not_after", { time: event.notAfter })));
    }
    return parts;
  }

  function fieldsOf(fields) {
    const coded = { ...TABLES.names.envelope, ...own(TABLES.names.fields, fields.type) };
    const pairs = Object.entries(fields).map(([name, value]) => {
      if (typeof value === "string" && own(coded, name)) {
        return [name, [codeName(coded[name], value), " ", el("code", {}, value)]];
      }
      if (typeof value === "string" && (ID.test(value) || DIGEST.test(value))) {
        return [name, id(value)];
      }
      const text = typeof value === "string" ? value : JSON.stringify(value);
      return [name, el("code", { class: "value" }, text)];
    });
    return facts(pairs.map(([name, value]) => [el("code", {}, name), value]));
  }

  return { chain, destruction, disclosed, timeline };
})();
