/* What is wrong with a bundle: findings with stable codes. Twin of findings.py.

   The codes, their steps and weights, and their causes in both languages are those of findings.py:
   page.py writes them into `TABLES`.                                                            */
const findings = (() => {
  "use strict";

  const { whole } = text;

  const INVALID = "invalid";
  const DISPUTED = "disputed";
  const UNVERIFIABLE = "unverifiable";
  const MAX_FINDINGS = TABLES.maxFindings;

  // The folders of the payload and what is read in them.
  const README = "data/00_说明/";
  const LEDGER = "data/10_账本/";
  const IDENTITY = "data/20_身份/";
  const ATTACHED = "data/30_附件/";
  const ENVIRONMENT = "data/60_环境/";

  const CAUSES = new Map(Object.entries(TABLES.causes));
  const _WEIGHED = new Map(Object.entries(TABLES.weighed));
  const _FILE = whole(TABLES.plain.file);
  const _EVENT = whole(TABLES.plain.event);
  const _PLAIN = whole(TABLES.plain.value);

  /** What a parser or a check met; `code` is a finding's. */
  class Flaw extends Error {
    constructor(code) {
      super(code);
      this.code = code;
    }
  }

  /** Collects findings: each once, `MAX_FINDINGS` of them; `omitted` says how many more.
   *
   * `codes`: those of every finding, the omitted included.
   */
  class Findings {
    constructor() {
      this._found = new Map();
      this.codes = new Set();
      this.omitted = 0;
    }

    /** One more finding; `about`: file, event, expected, actual. */
    add(code, about = {}) {
      this.take([finding(code, about)]);
    }

    /** More findings. */
    take(found) {
      for (const one of found) {
        this.codes.add(one.code);
        const key = JSON.stringify([one.code, one.file, one.event, one.expected, one.actual]);
        if (this._found.has(key)) continue;
        if (this._found.size < MAX_FINDINGS) this._found.set(key, one);
        else this.omitted++;
      }
    }

    /** What is kept, by step, and as it was found. */
    sorted() {
      return [...this._found.values()].sort((one, other) => one.step - other.step);
    }
  }

  /** How a finding of a code weighs: invalid, disputed or unverifiable. */
  function weightOf(code) {
    return _WEIGHED.get(code) ?? INVALID;
  }

  /** A finding of a code of `CAUSES`; bytes are shown in hex, what is not plain as its hash. */
  function finding(code, { file = null, event = null, expected = null, actual = null } = {}) {
    return {
      code,
      step: CAUSES.get(code)[0],
      file: _shown(file, _FILE),
      event: _shown(event, _EVENT),
      expected: _shown(expected, _PLAIN),
      actual: _shown(actual, _PLAIN),
    };
  }

  function _shown(value, plain) {
    if (value === null) return null;
    const shown = value instanceof Uint8Array ? text.hex(value) : String(value);
    return plain.test(shown) ? shown : "sha256:" + sha256.hexdigest(text.anyBytes(shown));
  }

  return { INVALID, DISPUTED, UNVERIFIABLE, README, LEDGER, IDENTITY, ATTACHED, ENVIRONMENT, CAUSES,
           Flaw, Findings, finding, weightOf };
})();
