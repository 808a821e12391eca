/* One result as people read it: from what `check.verifyBundle` returns to elements of the page.
   The answer, claim by claim, with what is wrong, what is not decided, and what was looked at.  */
const shown = (() => {
  "use strict";

  const { ID, SIGNS, say, own, codeName, introduce, el, button, id, badge, section,
          visible, lead, facts, inParts, pick, save } = elements;

  // -- the parts of the result

  /** Everything about one result; `asked`: {name, digest, trust, at}. */
  function render(result, asked) {
    const events = timed(result);
    const confirmed = events.filter((event) => event.fields && event.answer !== "fails");
    introduce(disclosedNames(result));
    const { report } = result;
    const [after, last] = report.findings.length > 0 ? [findings, limits] : [limits, findings];
    const parts = [verdict(result, asked), claims(report), after(report), last(report)];
    if (events.length > 0) {
      parts.push(retold.chain(events, confirmed), retold.destruction(confirmed),
        retold.disclosed(result), retold.timeline(result, events));
    }
    parts.push(checks(report));
    return withContents(parts.filter((part) => part !== null));
  }

  /** The parts, with links to them after the first. */
  function withContents(parts) {
    parts.splice(1, 0, contents(parts.slice(1)));
    return parts;
  }

  /** The events, each with what the report says of its provable interval. */
  function timed({ events, report }) {
    return events.map((event, at) => {
      const { not_before: notBefore, not_after: notAfter } = report.events[at] || {};
      return { ...event, notBefore, notAfter };
    });
  }

  function disclosedNames(result) {
    const found = new Map();
    for (const { event, path, value } of result.openings) {
      const [stream, version] = event.split("/");
      if (path === "name" && version === "1") found.set(stream, value);
    }
    return found;
  }

  function verdict(result, asked) {
    const { report } = result;
    const state = report.checkpoint;
    return el("section", { class: `verdict ${report.verdict}`, "aria-labelledby": "head-verdict" },
      el("p", { class: "over" }, say("verdict")),
      el("h2", { id: "head-verdict" }, say(`verdict_${report.verdict}`)),
      el("p", { class: "plain-words" },
        say(examined.noBundle(report) ? "plain_no_bundle" : `plain_${report.verdict}`)),
      facts([
        [say("bundle"), report.bundle && id(report.bundle)],
        [say("scope"), scope(report)],
        [say("origin"), report.origin],
        [say("state"), state && [say("state_value", { n: state.size }), " · ", say("root"), " ",
          id(state.root)]],
        [say("complete_to"), upTo(report.complete_to)],
        [say("keys_current_to"), upTo(report.keys_current_to)],
        [say("trusted_key"), id(asked.trust.ledger)],
        [say("cosigned_by"), cosigned(report, asked)],
        [say("roots_given"), asked.trust.tsaRoots.length > 0
          ? say("count_given", { n: asked.trust.tsaRoots.length }) : null],
        [say("file"), el("bdi", {}, ...visible(asked.name))],
        [say("file_digest"), asked.digest && id(asked.digest)],
        [say("checked_at"), asked.at],
      ]),
      el("p", { class: "buttons no-print" },
        button(say("save_report"), () => save(`${report.bundle || "report"}.json`, result.json)),
        button(say("print"), () => window.print())));
  }

  function scope(report) {
    const kind = report.kind ? codeName("BundleScope", report.kind) : "";
    if (!report.scope) return kind || null;
    return [kind, kind ? " " : "", ID.test(report.scope) ? id(report.scope) : report.scope];
  }

  function upTo(size) {
    return size === undefined || size === null ? null : say("state_value", { n: size });
  }

  function cosigned(report, asked) {
    const held = (report.cosigners || []).map((name) => el("div", {}, `✓ ${name}`));
    if (asked.trust.cosigners.length === 0) return held.length ? held : null;
    return [...held, say("count_given", { n: asked.trust.cosigners.length })];
  }

  function contents(parts) {
    const links = parts.map((part) => el("li", {},
      el("a", { href: `#${part.id}` }, part.querySelector("h2").textContent)));
    return el("nav", { class: "contents no-print", "aria-label": say("go_to") },
      el("ul", {}, links));
  }

  function claims(report) {
    const rows = report.claims.map(({ claim, answer, reasons }) => el("li", { class: answer },
      el("div", { class: "claim" }, pick2(own(TABLES.claims, claim), claim)),
      badge(answer),
      reasons.length ? el("div", { class: "reasons" },
        reasons.map((code) => el("div", {}, reason(code)))) : null));
    return section("claims", el("ul", { class: "claims" }, rows));
  }

  /** One of a pair that Python has English first. */
  function pick2(pair, otherwise) {
    return pick(pair && [pair[1], pair[0]], otherwise);
  }

  function reason(code) {
    const words = own(TABLES.reasons, code);
    if (words !== undefined) return pick2(words, code);
    const cause = own(TABLES.causes, code);
    return cause === undefined ? code : pick2(cause.slice(1), code);
  }

  function limits(report) {
    const open = new Set(report.claims.filter((one) => one.answer !== "holds")
      .map((one) => one.claim));
    const keys = [
      "limit_truth", "limit_person",
      open.has("time") ? "limit_time" : null,
      open.has("keys_current") ? "limit_keys" : null,
      open.has("complete") ? "limit_complete" : "limit_named",
      open.has("witnessed") ? "limit_witness" : null, "limit_outside", "limit_hidden", "limit_law",
    ];
    return section("limits", el("ul", { class: "limits" },
      keys.filter((key) => key !== null).map((key) => el("li", {}, say(key)))));
  }

  function findings(report) {
    if (report.findings.length === 0) return section("findings", el("p", {}, say("no_findings")));
    const list = el("ol", { class: "findings" });
    const more = inParts(list, report.findings, finding);
    const omitted = report.findings_omitted > 0
      ? el("p", {}, say("more_findings", { n: report.findings_omitted })) : null;
    return section("findings", list, more, omitted);
  }

  function finding(one) {
    const cause = own(TABLES.causes, one.code);
    const compared = [];
    if (one.expected !== undefined) compared.push(say("expected"), " ", id(one.expected), " ");
    if (one.actual !== undefined) compared.push(say("actual"), " ", id(one.actual));
    return el("li", {},
      el("div", { class: "cause" }, cause ? pick2(cause.slice(1), one.code) : one.code),
      el("div", { class: "where" }, one.event ? id(one.event) : null, one.event ? " " : null,
        one.file ? el("code", {}, one.file) : null),
      compared.length ? el("div", { class: "compared" }, compared) : null,
      el("div", { class: "hint" }, `${say("step")} ${one.step} · `, el("code", {}, one.code)));
  }

  // -- checks

  const STATES = {
    passed: "holds", problems: "fails", partly: "undecided", nothing_to_examine: "undecided",
    no_ground: "undecided", not_examined: "undecided",
  };

  /** The steps of the verifier, and what became of each: none passes that was not looked at. */
  function checks(report) {
    const steps = Object.keys(TABLES.checks).map(Number);
    const items = [...examined.stepsOf(report, steps)].map(([step, { state, count }]) => {
      const words = state === "problems" && count === 0 ? say("problems_left_out")
        : say(state, { n: count });
      const sign = STATES[state] === "undecided" ? "–" : SIGNS[STATES[state]];
      return el("li", { value: step }, pick2(TABLES.checks[step], ""), " ",
        el("span", { class: `badge ${STATES[state]}` },
          el("span", { "aria-hidden": "true" }, sign), " ", words));
    });
    return section("checks", lead("checks_lead"), el("ol", { class: "checks" }, items));
  }

  return { render };
})();
