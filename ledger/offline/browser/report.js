/* The answer about a bundle: claims, findings, events; as JSON and as text for people. Twin of
   report.py, which states the form; the words are its own, by `TABLES`.                         */
const report = (() => {
  "use strict";

  const { order } = text;
  const { CAUSES, DISPUTED, INVALID, UNVERIFIABLE, weightOf } = findings;

  const FORMAT = TABLES.format;
  const { HOLDS, FAILS, UNDECIDED } = TABLES.answer;
  const VALID = "valid";
  const CLAIMS = new Map(Object.entries(TABLES.claims));
  const REASONS = new Map(Object.entries(TABLES.reasons));
  const _STEPS = new Map(Object.entries(TABLES.steps));
  const _CODES = new Map(Object.entries(TABLES.codes));
  const _WORDS = TABLES.words;

  /** The answer about one bundle; texts are empty and numbers -1 where they are not known.
   *
   * `fields`: bundle, origin, kind, scope, size, root, cosigners, completeTo, keysCurrentTo,
   * verdict, claims [{claim, answer, reasons}], findings, omitted, events [{event, entry, says,
   * answer}], attached [{file, event, kind, redacted}].
   */
  class Report {
    constructor(fields) {
      Object.assign(this, fields);
    }

    /** 0 if the bundle is valid, else 3. */
    get exitCode() {
      return this.verdict === VALID ? 0 : 3;
    }

    /** The report as JSON has it. */
    asDict() {
      const shown = { format: FORMAT, verdict: this.verdict };
      for (const name of ["bundle", "origin", "kind", "scope"]) {
        if (this[name]) shown[name] = this[name];
      }
      if (this.size >= 0) shown.checkpoint = { size: this.size, root: this.root };
      if (this.completeTo >= 0) shown.complete_to = this.completeTo;
      if (this.keysCurrentTo >= 0) shown.keys_current_to = this.keysCurrentTo;
      shown.cosigners = this.cosigners;
      shown.claims = this.claims;
      shown.findings = this.findings.map(_finding);
      shown.findings_omitted = this.omitted;
      shown.events = this.events.map(({ event, entry, answer, says }) =>
        ({ event, entry, answer, ...says }));
      if (this.attached.length) shown.attachments = this.attached;
      return shown;
    }

    /** The report as one JSON text, with its newline. */
    asJson() {
      return JSON.stringify(_sorted(this.asDict()), null, 2) + "\n";
    }

    /** The report for people, in `en` or `zh`. */
    asText(language = "en") {
      const at = language === "zh" ? 1 : 0;
      const state = this.size >= 0 ? _format(_WORDS.state[at], this.size, this.root) : "";
      const scope = this.scope ? `${this.kind} ${this.scope}` : "";
      const cosigned = this.cosigners.join(", ") || "-";
      const unread = this.findings.length > 0 && this.findings.every(({ step }) => step === 1);
      const verdict = (unread ? _WORDS.noBundle : _WORDS.verdicts[this.verdict])[at];
      const values = [this.bundle, this.origin, scope, state, cosigned, verdict];
      const pad = at === 0 ? 9 : 0;
      const lines = values.map((value, number) =>
        `${_WORDS.labels[number][at].padEnd(pad)}  ${value || "?"}`);
      lines.push("", ...this.claims.map((claim) => this._claim(claim, at)));
      if (this.findings.length) {
        const count = this.findings.length + this.omitted;
        lines.push("", _format(_WORDS.findings[at], count));
        for (const finding of this.findings) lines.push(_described(finding, at));
      }
      lines.push("", _format(_WORDS.events[at], this.events.length));
      for (const row of this.events) lines.push(_row(row, at));
      if (this.attached.length) {
        lines.push("", _format(_WORDS.attached[at], this.attached.length));
        for (const row of this.attached) lines.push(_file(row, at));
      }
      return lines.join("\n") + "\n";
    }

    _claim({ claim, answer, reasons }, at) {
      let said = `${claim.padEnd(18)}  ${CLAIMS.get(claim)[at]}`
        + _WORDS.colon[at] + _WORDS.answers[answer][at];
      const upto = { complete: this.completeTo, keys_current: this.keysCurrentTo }[claim] ?? -1;
      if (upto >= 0) said += _format(_WORDS.upTo[at], upto);
      const given = reasons.map((code) => REASONS.has(code) ? REASONS.get(code)[at] : code);
      return said + (given.length ? _format(_WORDS.why[at], given.join(_WORDS.comma[at])) : "");
    }
  }

  /** The verdict and the answer to every claim: [verdict, claims].
   *
   * `found`: Findings; `reached`: Set of the claims that were examined; `open`: Map of why a claim
   * cannot be decided even if nothing is wrong, as a code of `REASONS`, or which finding speaks
   * against it.
   */
  function judge(found, reached, open) {
    const weights = new Set([...found.codes].map(weightOf));
    const verdict = [INVALID, UNVERIFIABLE, DISPUTED].find((one) => weights.has(one)) ?? VALID;
    const claims = new Map();
    for (const claim of CLAIMS.keys()) claims.set(claim, _answer(claim, found, reached, open));
    const based = claims.get("checkpoint_trusted").answer === HOLDS;
    if (!based || claims.get("events_genuine").answer === FAILS) {
      for (const claim of TABLES.resting) {
        if (claims.get(claim).answer !== FAILS) {
          claims.set(claim, { claim, answer: UNDECIDED, reasons: ["not_reached"] });
        }
      }
    }
    return [verdict, [...claims.values()]];
  }

  function _answer(claim, found, reached, open) {
    const steps = _STEPS.get(claim) ?? [], listed = _CODES.get(claim) ?? [];
    const codes = [...found.codes].sort(order).filter((code) =>
      steps.includes(CAUSES.get(code)[0]) || listed.includes(code));
    if (codes.length) {
      const fails = codes.some((code) => weightOf(code) === INVALID)
        || codes.includes("accepted_outside_interval");
      return { claim, answer: fails ? FAILS : UNDECIDED, reasons: codes };
    }
    if (!reached.has(claim)) return { claim, answer: UNDECIDED, reasons: ["not_reached"] };
    if (open.has(claim)) {
      const reason = open.get(claim);
      return { claim, answer: CAUSES.has(reason) ? FAILS : UNDECIDED, reasons: [reason] };
    }
    return { claim, answer: HOLDS, reasons: [] };
  }

  function _finding(finding) {
    const shown = Object.entries(finding).filter(([, value]) => value !== null);
    return { ...Object.fromEntries(shown), cause: CAUSES.get(finding.code)[1] };
  }

  function _described({ code, step, file, event, expected, actual }, at) {
    const where = event || file || "";
    const said = [`  ${step}. ${code}`, where].filter((part) => part).join("  ")
      + _WORDS.colon[at] + CAUSES.get(code)[1 + at];
    if (expected !== null) return said + _format(_WORDS.detail[0][at], expected, actual || "-");
    if (actual !== null) return said + _format(_WORDS.detail[1][at], actual);
    return said;
  }

  function _row({ event, entry, says, answer }, at) {
    const parts = [String(entry), says.accepted ?? "", says.type ?? "", event];
    if ("by" in says) parts.push(says.by + _format(_WORDS.why[at], says.role));
    if ("redacted" in says) parts.push(_format(_WORDS.redacted[at], says.redacted));
    if ("not_before" in says || "not_after" in says) {
      const bounds = [says.not_before ?? "…", says.not_after ?? "…"];
      parts.push(_format(_WORDS.between[at], ...bounds));
    }
    const said = parts.filter((part) => part).join("  ");
    return `  ${said}${_WORDS.colon[at]}${_WORDS.answers[answer][at]}`;
  }

  function _file({ file, kind, event, redacted }, at) {
    const why = redacted ? _format(_WORDS.redacted[at], redacted) : "";
    return "  " + [file, kind, event, why].filter((part) => part).join("  ");
  }

  /** A text with its `{}` filled in, one after the other. */
  function _format(template, ...values) {
    return template.replace(/\{\}/g, () => String(values.shift()));
  }

  /** The same value with the keys of all objects sorted. */
  function _sorted(value) {
    if (Array.isArray(value)) return value.map(_sorted);
    if (typeof value !== "object" || value === null) return value;
    const keys = Object.keys(value).sort(order);
    return Object.fromEntries(keys.map((key) => [key, _sorted(value[key])]));
  }

  return { HOLDS, FAILS, UNDECIDED, CLAIMS, Report, judge };
})();
