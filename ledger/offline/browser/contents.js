/* What lies in a bundle, read: scope, checkpoint, and the events with their places. Twin of
   contents.py, which states the formats. Reading proves nothing: see `check`.                   */
const contents = (() => {
  "use strict";

  const { ValueError, order, whole } = text;
  const { ATTACHED, IDENTITY, LEDGER } = findings;
  const { hasKeys, isInteger, isObject } = events;

  const FORMAT = "muniment-evidence/2";
  const SCOPE = LEDGER + "scope.json", EVENTS = LEDGER + "events.jsonl";
  const PLACES = LEDGER + "places.json", CONSISTENCY = LEDGER + "consistency.json";
  const INDEX = LEDGER + "index.json", CHECKPOINTS = LEDGER + "checkpoints/";
  const TOKENS = LEDGER + "tokens/", POLICY = LEDGER + "policy/";
  const KEYS = IDENTITY + "keys.json", ROLES = IDENTITY + "roles_and_training.json";
  const OPENINGS = ATTACHED + "openings.json", ATTACHMENTS = ATTACHED + "attachments.json";
  const REDACTIONS = ATTACHED + "redactions.json", FILES = ATTACHED + "files/";
  const KINDS = ["record", "handover", "subject", "destruction_case", "actor"];
  const PERIOD = "period";
  /** The kinds of streams that prove keys, roles, the policy and the export, and may lie in a
   * bundle that is not about them. */
  const PROVING = ["ledger", "policy", "party", "actor", "engagement", "bundle"];
  const BESIDE = [...PROVING, "document"];
  const REASONS = ["not_needed", "personal_data", "trade_secret", "legal_privilege", "erased"];
  const MAX_CHECKPOINTS = 100;

  const STREAM = whole("[a-z_]{3,24}-" + events.UUID7);
  const EVENT_ID = whole("[a-z_]{3,24}-" + events.UUID7 + "/[1-9][0-9]{0,15}");
  const HASH = whole("[0-9a-f]{64}");
  const _TIME = whole(events.TIME);
  const _CHECKPOINT = whole(CHECKPOINTS + "(0|[1-9][0-9]{0,18})\\.txt");
  const _TOKEN = whole(TOKENS + "(0|[1-9][0-9]?)\\.(note|tsr)");
  const _FREE = whole(
    "data/(?:00_说明|40_报告|50_互操作|60_环境)/[^/]{1,80}\\."
    + "(?:pdf|html|json|jsonld|xml|csv|md|toml)");
  const _VERIFIERS = ["verify.pyz", "verify.html", "EXPECTED_OUTPUT.txt"].map((n) => `verify/${n}`);
  const _ALWAYS = ["format", "origin", "ledger", "kind", "checkpoint", "streams", "export"];

  const _isText = (value) => typeof value === "string";
  const _fits = (form, value) => typeof value === "string" && form.test(value);

  /** What scope.json says the bundle is about; empty and 0 where it says nothing. */
  class Scope {
    constructor(value) {
      this.origin = value.origin;
      this.ledger = value.ledger;
      this.kind = value.kind;
      this.checkpoint = value.checkpoint;
      this.streams = value.streams;
      this.export = value.export;
      this.indexed = value.index ?? "";
      this.id = value.id ?? "";
      this.begins = value.from ?? "";
      this.ends = value.to ?? "";
      this.first = value.first ?? 0;
      this.end = value.end ?? 0;
    }

    /** The id, or the period as `<from>/<to>`. */
    get name() {
      return this.id || `${this.begins}/${this.ends}`;
    }
  }

  /** An event of the bundle: where it is said to stand, its bytes, and what was found of it.
   *
   * `raw`: null if it is withheld, for `reason`; `leaf`: its RFC 6962 leaf hash; `read`, `flaw`:
   * what its bytes say, or the code of what is wrong with them; `event`: what they say, once they
   * were found in the commit; `sound`: whether everything examined so far holds; `answer`: what
   * comes of it.
   */
  class Shipped {
    constructor(place, raw, answer) {
      this.claimed = place.event;
      this.entry = place.entry;
      this.index = place.index;
      this.reason = place.reason ?? "";
      this.raw = raw;
      this.leaf = raw !== null ? merkle.leafHash(raw) : text.unhex(place.leaf);
      [this.read, this.flaw] = raw !== null ? _read(raw) : [null, ""];
      this.event = null;
      this.sound = false;
      this.answer = answer;
      const [stream, version] = this.claimed.split("/");
      /** The stream of the event, as its place has it. */
      this.stream = stream;
      /** The version of the event, as its place has it. */
      this.version = text.integer(version);
    }

    /** The file with the proof that the event is in its commit. */
    get proof() {
      return `${LEDGER}proofs/${this.entry}-${this.index}.tlog-proof`;
    }
  }

  /** What the bytes of an event say, or the code of what is wrong with them. */
  function _read(raw) {
    let code = "event_not_canonical";
    try {
      const fields = events.parseObject(raw);
      code = "event_malformed";
      return [events.parseEvent(fields), ""];
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      return [null, code];
    }
  }

  /** The kind of thing that an id names. */
  function kindOf(stream) {
    return stream.slice(0, -37);
  }

  /** The file of the checkpoint of this size. */
  function checkpointFile(size) {
    return `${CHECKPOINTS}${size}.txt`;
  }

  /** The file of an entry. */
  function entryFile(entry) {
    return `${LEDGER}entries/${entry}.entry`;
  }

  /** The file with the proof that an entry is in the ledger. */
  function entryProof(entry) {
    return `${LEDGER}proofs/${entry}.tlog-proof`;
  }

  /** The files of a bundle, and what could be read of them; what could not is a finding. */
  class Contents {
    /** `answer`: what holds of every event until it was examined. */
    constructor(files, found, answer) {
      this.files = files;
      this._findings = found;
      this._answer = answer;
      /** The names of all files, sorted by their UTF-8 bytes. */
      this.names = [...files.keys()].sort(order);
      this.scope = null;
      /** The checkpoint of the scope: {file, head, note}. */
      this.state = null;
      /** Its bytes. */
      this.checkpoint = new Uint8Array(0);
      /** Other checkpoints, ascending by size. */
      this.others = [];
      this.shipped = [];
      /** The rows of attachments.json. */
      this.attached = [];
      this._examined = new Set();
    }

    /** Read everything that other files are read by, and see that nothing else is there. */
    read() {
      this.scope = this._scope();
      if (this.scope !== null) this._readCheckpoints(this.scope);
      this._readEvents();
      this._readAttachments();
      this._checkLayout();
    }

    /** A file's bytes; null, and a finding of `code`, if it is missing. */
    file(name, code = "part_missing") {
      const data = this.files.get(name) ?? null;
      if (data === null) this._findings.add(code, { file: name });
      return data;
    }

    /** What a canonical JSON file holds; null, and a finding, if it is none. */
    json(name, code = "file_malformed", texts = false) {
      const data = this.file(name);
      if (data === null) return null;
      try {
        return events.parseFile(data, texts);
      } catch (error) {
        if (!(error instanceof ValueError)) throw error;
        this._findings.add(code, { file: name });
        return null;
      }
    }

    // -- scope and checkpoints

    _scope() {
      const value = this.json(SCOPE);
      if (value === null) return null;
      try {
        return _parseScope(value);
      } catch (error) {
        if (!(error instanceof ValueError)) throw error;
        this._findings.add("file_malformed", { file: SCOPE });
        return null;
      }
    }

    _readCheckpoints(scope) {
      const name = checkpointFile(scope.checkpoint), data = this.file(name);
      const state = data === null ? null : this._checkpoint(name, scope.checkpoint, scope.origin);
      if (data === null || state === null) return;
      this.state = state;
      this.checkpoint = data;
      const matches = this.names.map((one) => _CHECKPOINT.exec(one)).filter((match) => match);
      const sizes = matches.map((match) => text.integer(match[1]))
        .filter((size) => size !== scope.checkpoint)
        .sort((one, other) => one < other ? -1 : 1);
      for (const size of sizes.slice(0, MAX_CHECKPOINTS)) {
        const file = checkpointFile(size);
        this._examined.add(file);
        const other = this._checkpoint(file, size, scope.origin);
        if (other === null) continue;
        if (0 < other.head.size && other.head.size < state.head.size) this.others.push(other);
        else this._findings.add("checkpoint_differs", { file });
      }
    }

    _checkpoint(file, size, origin) {
      let note, head;
      try {
        note = notes.parseNote(this.files.get(file));
        head = notes.parseHead(note.text);
      } catch (error) {
        if (!(error instanceof ValueError)) throw error;
        this._findings.add("checkpoint_malformed", { file });
        return null;
      }
      if (head.size !== size || head.origin !== origin) {
        this._findings.add("checkpoint_differs", { file, expected: size, actual: head.size });
      }
      return { file, head, note };
    }

    // -- events

    _readEvents() {
      const data = this.file(EVENTS), places = this.json(PLACES);
      if (data === null || places === null) return;
      if (!_arePlaces(places)) {
        this._findings.add("file_malformed", { file: PLACES });
        return;
      }
      if (events.isCrowded(data)) {
        this._findings.add("file_malformed", { file: EVENTS });
        return;
      }
      const shown = places.filter((place) => !("leaf" in place)).length;
      const actual = data.reduce((count, byte) => count + (byte === 0x0a), 0);
      if (actual !== shown || (data.length && data[data.length - 1] !== 0x0a)) {
        this._findings.add("events_cut", { file: EVENTS, expected: shown, actual });
        return;
      }
      const lines = events.splitLines(data);
      let next = 0;
      this.shipped = places.map((place) =>
        new Shipped(place, "leaf" in place ? null : lines[next++], this._answer));
    }

    // -- the layout

    _readAttachments() {
      const rows = this.json(ATTACHMENTS);
      if (rows === null) return;
      if (Array.isArray(rows) && rows.length <= bag.MAX_FILES && rows.every(_isAttached)) {
        this.attached = rows;
      } else {
        this._findings.add("file_malformed", { file: ATTACHMENTS });
      }
    }

    /** The entries that have files: those of events, and the neighbours of a period. */
    entries() {
      return new Set([...this.shipped.map((one) => one.entry), ...this.boundary()]);
    }

    /** The events that the bundle is about.
     *
     * What was recorded of the export itself is not: it is younger than what bears out the rest.
     */
    own() {
      const { scope } = this;
      if (scope === null) return [];
      const streams = new Set(scope.streams), exported = scope.export.split("/", 1)[0];
      return this.shipped.filter((one) => one.stream !== exported && (scope.kind === PERIOD
        ? scope.first <= one.entry && one.entry < scope.end : streams.has(one.stream)));
    }

    /** Whether streams are in the bundle that the scope must name and does not. */
    unlisted() {
      const { scope } = this;
      if (scope === null || scope.kind === PERIOD) return false;
      const named = new Set(scope.streams);
      return this.shipped.some(({ stream }) =>
        !BESIDE.includes(kindOf(stream)) && !named.has(stream));
    }

    /** The entries before and after a period, where there are such. */
    boundary() {
      const { scope } = this;
      if (scope === null || scope.kind !== PERIOD) return [];
      return [scope.first - 1, scope.end].filter((n) => 0 <= n && n < scope.checkpoint);
    }

    /** Name the files that lie where nothing of their name does. */
    _checkLayout() {
      const expected = new Set([
        SCOPE, EVENTS, PLACES, CONSISTENCY, KEYS, ROLES,
        OPENINGS, ATTACHMENTS, REDACTIONS, ...bag.TAG_FILES, ..._VERIFIERS, ...this._examined,
      ]);
      if (this.scope !== null) {
        expected.add(checkpointFile(this.scope.checkpoint));
        if (this.scope.indexed) expected.add(INDEX);
      }
      for (const row of this.attached) expected.add(ATTACHED + row.file);
      for (const entry of this.entries()) expected.add(entryFile(entry)).add(entryProof(entry));
      for (const one of this.shipped) expected.add(one.proof);
      for (const file of this.names) {
        if (!expected.has(file) && !this._liesWell(file)) {
          this._findings.add("file_unlisted", { file });
        }
      }
    }

    _liesWell(name) {
      if (name.startsWith(POLICY) || _TOKEN.test(name) || _FREE.test(name)) return true;
      const proved = name.startsWith(LEDGER + "entries/") || name.startsWith(LEDGER + "proofs/");
      if (!this.shipped.length && proved) return true; // no places speak of it, which is told
      return this.state === null && name.startsWith(CHECKPOINTS);
    }
  }

  /** The scope that scope.json holds; refuses another form. */
  function _parseScope(value) {
    if (!isObject(value) || value.format !== FORMAT) {
      throw new ValueError("not a scope of this format");
    }
    const period = value.kind === PERIOD, indexed = "index" in value;
    const names = [..._ALWAYS, ...(period ? ["from", "to", "first", "end"] : ["id"])];
    if (!hasKeys(value, indexed && !period ? [...names, "index"] : names)) {
      throw new ValueError("a scope has another field");
    }
    const scope = new Scope(value);
    if (!_isNamed(scope, indexed) || !_isBounded(scope)) {
      throw new ValueError("a field of the scope does not have its form");
    }
    return scope;
  }

  function _isNamed(scope, indexed) {
    const { kind, streams } = scope, period = kind === PERIOD;
    if (!_isText(scope.origin) || !(period || KINDS.includes(kind))) return false;
    if (!Array.isArray(streams) || streams.length > 0 === period) return false;
    if (![scope.ledger, ...streams].every((stream) => _fits(STREAM, stream))) return false;
    const ids = [scope.export, ...(indexed ? [scope.indexed] : [])];
    if (!ids.every((id) => _fits(EVENT_ID, id))) return false;
    // what is about the object does not record the export
    if (!scope.export.startsWith("bundle-")) return false;
    return new Set(streams).size === streams.length
      && (period || (_fits(STREAM, scope.id) && scope.id.startsWith(kind + "-")));
  }

  function _isBounded(scope) {
    const { checkpoint, first, end } = scope;
    if (![checkpoint, first, end].every(isInteger)) return false;
    if (checkpoint < 1 || !(0 <= first && first <= end && end <= checkpoint)) return false;
    if (scope.kind !== PERIOD) return true;
    const times = [scope.begins, scope.ends];
    if (!times.every((time) => _fits(_TIME, time))) return false;
    times.forEach(notes.checkTime);
    return order(scope.begins, scope.ends) < 0;
  }

  function _arePlaces(places) {
    if (!Array.isArray(places) || !(0 < places.length && places.length <= bag.MAX_FILES)) {
      return false;
    }
    return places.every(_isPlace) && places.every((place, at) => at === 0
      || places[at - 1].entry < place.entry
      || (places[at - 1].entry === place.entry && places[at - 1].index < place.index));
  }

  function _isPlace(place) {
    if (!isObject(place)) return false;
    if (hasKeys(place, ["event", "entry", "index", "leaf", "reason"])) {
      if (!_fits(HASH, place.leaf) || !REASONS.includes(place.reason)) return false;
    } else if (!hasKeys(place, ["event", "entry", "index"])) {
      return false;
    }
    const { event, entry, index } = place;
    return _fits(EVENT_ID, event) && isInteger(entry) && isInteger(index)
      && entry >= 0 && 0 <= index && index < notes.MAX_COUNT;
  }

  const _ATTACHED_FILE = whole("files/[1-9][0-9]{0,4}\\.[a-z0-9]{1,8}");

  function _isAttached(row) {
    if (!isObject(row) || !["clear", "redacted", "sealed"].includes(row.kind)) return false;
    const why = row.kind === "clear" ? [] : ["reason"];
    return hasKeys(row, ["event", "file", "kind", "path", "sha256", ...why])
      && Object.values(row).every(_isText)
      && EVENT_ID.test(row.event)
      && _ATTACHED_FILE.test(row.file)
      && HASH.test(row.sha256)
      && (!why.length || REASONS.includes(row.reason));
  }

  return { FORMAT, SCOPE, EVENTS, PLACES, CONSISTENCY, INDEX, TOKENS, POLICY, KEYS, ROLES, OPENINGS,
           ATTACHMENTS, REDACTIONS, FILES, KINDS, PERIOD, PROVING, REASONS, STREAM, EVENT_ID, HASH,
           Contents, Shipped, kindOf, checkpointFile, entryFile, entryProof };
})();
