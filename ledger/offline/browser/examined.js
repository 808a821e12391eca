/* What became of each step of the verifier, read from a report: the page may call passed only what
   was looked at. Pure: a report in, one word for each step out.

     passed              looked at, and nothing found wrong
     problems            findings say what is wrong
     partly              looked at for some events only: what they rest on failed for the others
     nothing_to_examine  looked at, and nothing of the kind is there
     no_ground           looked at, against a checkpoint that is not trusted
     not_examined        not looked at: an earlier step failed

   check.py says which step ends the run: a container that cannot be read ends it at step 1; a scope
   or checkpoint that is not there, or is of another ledger, after step 2 and what was read of the
   files. `streams_unbroken` tells whether the run went on: only steps that come later answer it. */
const examined = (() => {
  "use strict";

  const NOTE = "exporter.note";
  const ENTRY = /\/([0-9]{1,15})\.(?:entry|tlog-proof)$/;
  const GONE = ["file_missing", "part_missing"];
  const NOTHING = ["nothing_disclosed", "no_tsa_trusted", "no_token"];
  const CLAIM = { 11: "disclosed", 12: "time" };

  /** Map of step -> {state, count}; `steps`: their numbers. */
  function stepsOf(report, steps) {
    const counts = counted(report);
    return new Map(steps.map((step) => {
      const count = counts.get(step);
      return [step, count === undefined ? { state: stateOf(report, counts, step), count: 0 }
        : { state: "problems", count }];
    }));
  }

  /** Findings by step; 0 for a step of which every finding was left out of the report. */
  function counted({ findings, claims }) {
    const counts = new Map();
    for (const { step } of findings) counts.set(step, (counts.get(step) || 0) + 1);
    for (const code of claims.flatMap(({ reasons }) => reasons)) {
      const cause = Object.hasOwn(TABLES.causes, code) ? TABLES.causes[code] : null;
      if (cause !== null && !counts.has(cause[0])) counts.set(cause[0], 0);
    }
    return counts;
  }

  function stateOf(report, counts, step) {
    const reasons = (claim) => (report.claims.find((one) => one.claim === claim) || { reasons: [] })
      .reasons;
    if (step === 1) return "passed";
    if (counts.has(1)) return "not_examined";
    if (step === 2) return "passed";
    const unreached = (claim) => reasons(claim).includes("not_reached");
    if (step === 4) return unreached("checkpoint_trusted") ? "not_examined" : "passed";
    if (unreached("streams_unbroken")) return "not_examined";
    const gone = ({ file, code }) => file === NOTE && GONE.includes(code);
    if (step === 3 && report.findings.some(gone)) {
      return "not_examined";
    }
    if (report.checkpoint === undefined) return "no_ground";
    if (step >= 6 && step <= 8) return ofEvents(report);
    const claim = CLAIM[step];
    if (claim !== undefined && unreached(claim)) return "not_examined";
    if (claim !== undefined && reasons(claim).some((code) => NOTHING.includes(code))) {
      return "nothing_to_examine";
    }
    return "passed";
  }

  /** Steps 6 to 8 look at events whose entry step 5 found in the ledger. */
  function ofEvents({ findings, events, claims }) {
    const lost = (code) => code.startsWith("entry_");
    if (!claims.some(({ reasons }) => reasons.some(lost))) return "passed";
    const found = findings.filter(({ code }) => lost(code));
    const entries = new Set(found.map(({ file }) => numbered(file)));
    return events.every(({ entry }) => entries.has(entry)) ? "not_examined" : "partly";
  }

  /** The number of the entry that a file is, or is the proof of. */
  function numbered(file) {
    const match = ENTRY.exec(file || "");
    return match === null ? -1 : Number(match[1]);
  }

  /** Whether the file could not even be opened as a bundle. */
  function noBundle({ findings }) {
    return findings.length > 0 && findings.every(({ step }) => step === 1);
  }

  return { stepsOf, noBundle };
})();
