/* What genuine events say of copies and of destruction: who held which copy when, and what became
   of a destruction case. Pure: events in, facts out; it judges nothing. It reads types, ids, codes
   and times, and follows `projections.custody`.

   Events are those of `check.verifyBundle`, in the order of the ledger, with `fields`.           */
const custody = (() => {
  "use strict";

  const DESTRUCTION = "destruction_case.";

  /** The copies that the events speak of, in order of creation:
      [{holding, fields, turns: [{since, custodian, condition, medium, event, topic, by}]}]. */
  function copiesOf(events) {
    const copies = new Map();
    const listed = new Map();
    for (const event of events) {
      const { type, stream } = event.fields;
      if (type === "holding.created") {
        const copy = { holding: stream, fields: event.fields, turns: [] };
        copies.set(stream, copy);
        turn(copy, event, {
          custodian: event.fields.custodian, medium: event.fields.medium, condition: "present",
        });
        continue;
      }
      if (type === "handover.list_frozen") list(listed, event.fields);
      for (const [holding, change] of changes(event.fields, listed)) {
        const copy = copies.get(holding);
        if (copy !== undefined) turn(copy, event, change);
      }
    }
    return [...copies.values()];
  }

  function turn(copy, event, change) {
    const last = copy.turns[copy.turns.length - 1] || {};
    if (change.under && !change.under.includes(last.condition)) return;
    const next = {
      ...last, ...defined(change), since: event.accepted, event: event.event,
      topic: event.fields.type, by: event.fields.by,
    };
    delete next.under;
    copy.turns.push(next);
  }

  function defined(change) {
    return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  }

  function list(listed, fields) {
    const known = listed.get(fields.stream);
    if (known === undefined || known.version !== fields.list_version) {
      listed.set(fields.stream, { version: fields.list_version, items: strings(fields.items) });
    } else {
      for (const item of strings(fields.items)) known.items.push(item);
    }
  }

  const THERE = ["present", "in_transit", "received"];
  const UNDER_WAY = ["in_transit", "received"];

  /** What an event changes about copies: [[holding, {custodian, medium, condition, under}]].
      `under`: only copies that are in one of these conditions. */
  function changes(fields, listed) {
    const all = (items, change) => strings(items).map((item) => [item, change]);
    const items = listed.has(fields.stream) ? listed.get(fields.stream).items : [];
    switch (fields.type) {
      case "holding.moved":
        return [[fields.stream, { custodian: fields.custodian, medium: fields.medium }]];
      case "holding.returned":
        return [[fields.stream, { condition: "returned", custodian: fields.to_party }]];
      case "holding.lost":
        return [[fields.stream, { condition: "lost" }]];
      case "backup.expired":
        return all(fields.items, { condition: "destroyed" });
      case "handover.released":
        return all(items, { condition: "in_transit", under: THERE });
      case "handover.received":
        return all(items, { condition: "received", under: THERE });
      case "handover.cancelled":
        return all(items, { condition: "present", under: UNDER_WAY });
      case "handover.confirmed":
        return all(fields.items, {
          condition: "present", custodian: fields.to_party, under: UNDER_WAY,
        });
      case "destruction_case.destruction_executed":
        return all(having(fields.results, "outcome", "destroyed"), { condition: "destroyed" });
      case "destruction_case.destruction_verified":
        return all(having(fields.results, "result", "fail"), {
          condition: "present", under: ["destroyed"],
        });
      case "destruction_case.destruction_failed":
        return all(fields.items, { condition: "present", under: ["destroyed"] });
      default:
        return [];
    }
  }

  function strings(items) {
    return Array.isArray(items) ? items.filter((item) => typeof item === "string") : [];
  }

  function having(results, name, value) {
    const found = Array.isArray(results) ? results : [];
    return found.filter((one) => one && one[name] === value).map((one) => one.holding);
  }

  /** The destruction cases that the events speak of:
   *  [{stream, steps: [event…], documents: [event…]}].
      `documents`: certificates issued over an event of the case. */
  function casesOf(events) {
    const cases = new Map();
    for (const event of events) {
      const { type, stream } = event.fields;
      if (typeof type !== "string") continue;
      if (type.startsWith(DESTRUCTION)) {
        if (!cases.has(stream)) cases.set(stream, { stream, steps: [], documents: [] });
        cases.get(stream).steps.push(event);
      } else if (type === "document.certificate_issued") {
        const about = String(event.fields.source).split("/")[0];
        if (cases.has(about)) cases.get(about).documents.push(event);
      }
    }
    return [...cases.values()];
  }

  const COURSES = /^(handover|destruction_case)-/;

  /** Acts of several parties, as they went: [{stream, kind, steps: [event…]}], in the order in
      which they began. A certificate belongs to the case that it is about. */
  function coursesOf(events) {
    const courses = new Map();
    for (const event of events) {
      const { type, stream, source } = event.fields;
      const issued = type === "document.certificate_issued";
      const about = String(issued ? source : stream).split("/")[0];
      const kind = COURSES.exec(about);
      if (kind === null) continue;
      if (!courses.has(about)) courses.set(about, { stream: about, kind: kind[1], steps: [] });
      courses.get(about).steps.push(event);
    }
    return [...courses.values()];
  }

  /** The copies on the list of a case, in its order: [{holding, outcome, result}], of each what was
      said last of its destruction and of looking for it. */
  function itemsOf({ steps }) {
    const items = new Map();
    for (const { fields } of steps) {
      if (fields.type === `${DESTRUCTION}destruction_proposed`) {
        for (const holding of strings(fields.items)) items.set(holding, { holding });
      }
      for (const one of Array.isArray(fields.results) ? fields.results : []) {
        const item = items.get(one && one.holding);
        if (item === undefined) continue;
        if (one.outcome !== undefined) {
          Object.assign(item, { outcome: one.outcome, result: undefined });
        }
        if (one.result !== undefined) item.result = one.result;
      }
    }
    return [...items.values()];
  }

  return { copiesOf, casesOf, coursesOf, itemsOf };
})();
