/* Steps 10 and 11: what is shown beyond events, and what is withheld. Twin of disclosed.py, which
   states the formats.                                                                           */
const disclosed = (() => {
  "use strict";

  const { ValueError, order } = text;
  const { ATTACHED } = findings;
  const { hasKeys, isObject } = events;
  const { ATTACHMENTS, EVENT_ID, HASH, OPENINGS, PROVING, REASONS, REDACTIONS } = contents;

  const CONTENT = "content"; // the sealed field to which a file can be attached
  const MAX_WAY = 12; // a payload has at most 4,096 fields
  const MAX_LENGTH = 0xffff;
  // Streams whose events prove keys, roles, what the parties agreed on them, and the export;
  // nothing of them is withheld.
  const NEVER_WITHHELD = PROVING;

  const _LABEL = text.bytes("\x11muniment/field/v1");

  /** An event and a path, for a Map; an event id holds no newline. */
  const _pair = (event, path) => `${event}\n${path}`;

  // -- openings ----------------------------------------------------------------------------------

  /** The fields of openings.json, in order: {event, path, r, value, way}; refuses another form. */
  function parseOpenings(value) {
    if (!Array.isArray(value) || value.length > bag.MAX_FILES) {
      throw new ValueError("not a list of openings");
    }
    const found = value.flatMap(_openings);
    const sorted = found.every((one, at) => at === 0
      || (order(found[at - 1].event, one.event) || order(found[at - 1].path, one.path)) < 0);
    if (!sorted) throw new ValueError("the openings are not sorted");
    if (new Set(value.map((row) => row.event)).size !== value.length) {
      throw new ValueError("an event is there twice");
    }
    return found;
  }

  function _openings(row) {
    if (!isObject(row) || !hasKeys(row, ["event", "fields"])) {
      throw new ValueError("an opening has other fields");
    }
    const { event, fields } = row;
    if (typeof event !== "string" || !EVENT_ID.test(event)) {
      throw new ValueError("an opening is about no event");
    }
    if (!Array.isArray(fields) || !fields.length) throw new ValueError("an opening shows nothing");
    return fields.map((field) => _opening(event, field));
  }

  function _opening(event, field) {
    if (!isObject(field) || !hasKeys(field, ["path", "r", "value", "way"])) {
      throw new ValueError("an opened field has other fields");
    }
    const { path, r, value, way } = field;
    if (!Array.isArray(way) || way.length > MAX_WAY) {
      throw new ValueError("the way is no list, or is too long");
    }
    if (![path, r, value, ...way].every((one) => typeof one === "string")) {
      throw new ValueError("a field is no text");
    }
    if (!HASH.test(r)) throw new ValueError("a blinding value has 32 bytes");
    for (const step of way) {
      const [side, digest] = _parted(step);
      if ((side !== "left" && side !== "right") || !HASH.test(digest)) {
        throw new ValueError("a step of the way is no side and hash");
      }
    }
    return { event, path, r, value, way };
  }

  /** What stands before and after the first colon. */
  function _parted(step) {
    const colon = step.indexOf(":");
    return colon < 0 ? [step, ""] : [step.slice(0, colon), step.slice(colon + 1)];
  }

  /** The blinded commitment to one field, 32 bytes; `r`: 32 bytes. */
  function commitment(origin, event, path, r, value) {
    const parts = [_LABEL];
    for (const part of [origin, event, path]) {
      const data = text.bytes(part);
      if (data.length > MAX_LENGTH) throw new ValueError("a part of a commitment is too long");
      parts.push(Uint8Array.of(data.length >> 8, data.length & 0xff), data);
    }
    return sha256.digest(...parts, r, sha256.digest(text.bytes(value)));
  }

  /** The root to which a way leads from a leaf hash. */
  function folded(node, way) {
    return way.reduce((reached, step) => {
      const [side, digest] = _parted(step), other = text.unhex(digest);
      return side === "left" ? merkle.nodeHash(other, reached) : merkle.nodeHash(reached, other);
    }, node);
  }

  /** Whether an event committed to this field. */
  function _fits(origin, event, one) {
    const sealed = event !== null ? event.fields.sealed : null;
    if (!isObject(sealed)) return false;
    try {
      const field = commitment(origin, one.event, one.path, text.unhex(one.r), one.value);
      return text.hex(folded(merkle.leafHash(field), one.way)) === sealed.root;
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      return false;
    }
  }

  /** What a bundle shows and withholds, checked. */
  class Disclosed {
    constructor(read, found, origin) {
      this._contents = read;
      this._findings = found;
      this._origin = origin;
      this._events = new Map(read.shipped.map((one) => [one.claimed, one]));
      /** The fields that are shown, whether or not they are what was committed to. */
      this.openings = [];
      /** Those of them that are: {event, path, value}. */
      this.proved = [];
      this._proved = new Map();
    }

    /** Steps 11 and 10: openings, attachments, redactions. */
    check() {
      const value = this._contents.json(OPENINGS, "opening_malformed", true);
      if (value !== null) {
        try {
          this.openings = parseOpenings(value);
        } catch (error) {
          if (!(error instanceof ValueError)) throw error;
          this._findings.add("opening_malformed", { file: OPENINGS });
        }
      }
      for (const one of this.openings) {
        const { event, path, value: said } = one;
        if (_fits(this._origin, this._events.get(event)?.event ?? null, one)) {
          this._proved.set(_pair(event, path), said);
          this.proved.push({ event, path, value: said });
        } else {
          this._findings.add("opening_differs", { event });
        }
      }
      this._checkAttachments();
      this._checkRedactions();
    }

    /** Step 11: the files are those named, and those that events committed to. */
    _checkAttachments() {
      const rows = this._contents.attached;
      const numbers = rows.map((row) => Number(row.file.slice(6).split(".", 1)[0]));
      if (!numbers.every((number, at) => number === at + 1)) {
        this._findings.add("file_malformed", { file: ATTACHMENTS });
      }
      for (const row of rows) {
        const file = ATTACHED + row.file, data = this._contents.files.get(file);
        if (data === undefined) {
          this._findings.add("attachment_missing", { file });
          continue;
        }
        const actual = sha256.hexdigest(data);
        if (actual !== row.sha256) {
          this._findings.add("attachment_differs", { file, expected: row.sha256, actual });
        } else if (!this._belongs(row)) {
          this._findings.add("attachment_differs", { file, event: row.event });
        }
      }
    }

    /** Whether an attachment is of an event that is shown, and as it committed to it. */
    _belongs(row) {
      const event = this._events.get(row.event)?.event ?? null;
      if (event === null || !("sealed" in event.fields) || row.path !== CONTENT) return false;
      return row.kind !== "clear" || this._proved.get(_pair(row.event, row.path)) === row.sha256;
    }

    /** Step 10: redactions.json says what is withheld, and that may be withheld. */
    _checkRedactions() {
      const { shipped } = this._contents, withheld = shipped.filter((one) => one.raw === null);
      for (const one of withheld) {
        if (NEVER_WITHHELD.includes(one.claimed.split("-", 1)[0])) {
          this._findings.add("redactions_differ", { event: one.claimed });
        }
      }
      const rows = this._contents.json(REDACTIONS);
      if (rows === null) return;
      if (!Array.isArray(rows) || !rows.every(_isRedaction)) {
        this._findings.add("file_malformed", { file: REDACTIONS });
        return;
      }
      const wanted = shipped.map((one) => [one.claimed, _withheld(one)]).filter(([, what]) => what);
      const reasons = new Map(withheld.map((one) => [one.claimed, one.reason]));
      const same = rows.length === wanted.length && rows.every((row, at) =>
        row.event === wanted[at][0] && row.what === wanted[at][1]
        && (row.what === "fields" || row.reason === reasons.get(row.event)));
      if (!same) this._findings.add("redactions_differ", { file: REDACTIONS });
    }

    /** The digest, in hex, of what is shown and withheld (disclosed.py). */
    selection() {
      const withheld = this._contents.shipped.filter((one) => one.raw === null);
      const shown = {
        attachments: this._contents.attached.map(
          (row) => [row.event, row.path, row.kind, row.reason ?? ""]),
        openings: this.openings.map((one) => [one.event, one.path]),
        redactions: withheld.map((one) => [one.claimed, one.reason]),
      };
      for (const list of Object.values(shown)) list.sort(_order);
      return sha256.hexdigest(events.formatFile(shown));
    }

    /** Step 10: whether the export's stream, which gives the bundle its name, tells of this.
     *
     * Everything in it must be genuine so far (disclosed.py). `bundle`: the name of the bag.
     */
    isAsRecorded(scope, bundle) {
      const [stream] = scope.export.split("/", 1);
      const told = this._contents.shipped.filter((one) => one.stream === stream);
      const sound = told.filter((one) => one.sound && one.event !== null);
      if (bundle !== stream || sound.length < Math.max(2, told.length)
          || told.at(-1).claimed !== scope.export) return false;
      const story = sound.map((one) => one.event);
      const request = story[0], approvals = story.slice(1, -1), exported = story.at(-1);
      const types =
        ["bundle.requested", ...approvals.map(() => "bundle.approved"), "bundle.exported"];
      const selection = this.selection(), counts = this._counts();
      const said = { kind: scope.kind, object: scope.id, begins: scope.begins, ends: scope.ends,
                     selection };
      return story.every((event, at) => event.type === types[at])
        && [request, exported].every((event) => Object.entries(said).every(
          ([name, value]) => (event.fields[name] ?? "") === value))
        && approvals.every((event) => event.fields.selection === selection)
        && Object.entries(counts).every(([name, count]) => request.fields[name] === count)
        && (counts.opened + counts.attached === 0
          || approvals.some((event) => event.by !== request.by));
    }

    _counts() {
      return {
        opened: this.openings.length,
        attached: this._contents.attached.length,
        withheld: this._contents.shipped.filter((one) => one.raw === null).length,
      };
    }
  }

  function _order(row, other) {
    for (let at = 0; at < row.length; at++) {
      const found = order(row[at], other[at]);
      if (found) return found;
    }
    return 0;
  }

  /** What of an event is withheld: `event`, `fields` or nothing. */
  function _withheld(one) {
    if (one.raw === null) return "event";
    return one.read !== null && "sealed" in one.read.fields ? "fields" : "";
  }

  function _isRedaction(row) {
    return isObject(row)
      && hasKeys(row, ["event", "reason", "what"])
      && typeof row.event === "string"
      && REASONS.includes(row.reason)
      && ["event", "fields"].includes(row.what);
  }

  return { parseOpenings, commitment, folded, Disclosed };
})();
