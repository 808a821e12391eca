/* Is an evidence bundle genuine: the numbered steps of check.py, in the browser. Twin of check.py.

   const result = await check.verifyBundle(bytes, trust, progress)

     bytes       Uint8Array: the zip as it was handed over; or a Map of the files of its folder,
                 path in the folder -> Uint8Array
     trust       {ledger: "name+hex+base64",        the ledger's public key, as the reader knows it
                  cosigners: ["name+hex+base64"],   keys of witnesses, any number
                  tsaRoots: [Uint8Array]}           roots of time stamping authorities, PEM or DER
     progress    optional: progress(done, total), called now and then; the page may paint meanwhile

     result.report       the report, as as_dict() of report.py has it
     result.json         the same as text: what `evidence verify --json` prints, to the byte
     result.text("zh")   the report for people, "zh" or "en": what `evidence verify` prints
     result.exitCode     0 valid, 3 not
     result.events       for the timeline, in the order of the ledger:
                         {event, entry, index, answer, redacted, accepted, signers, fields}
                         redacted: code or null; accepted, signers [{name, id, capacity}] and
                         fields (the event's JSON) are null unless genuine so far
     result.openings     [{event, path, value}]: sealed fields whose opening was proved
     result.files        Map: path -> Uint8Array; empty if the container could not be read

   Rejects with check.TrustError (.field: "ledger", "cosigners" or "tsaRoots"; .index) if what the
   reader gave is no key or no certificate. Nothing in a bundle leads to an exception: what is
   wrong becomes a finding.

   The script of the page: each file of this folder is one top-level const, named like its Python
   module, an IIFE that returns its public names (snake_case becomes camelCase); page.py joins them
   in a fixed order, page.js last. No file touches `document` while it loads, but the last line of
   page.js: `if (typeof document !== "undefined") page.start();`.                                 */
const check = (() => {
  "use strict";

  const { ValueError, order, whole } = text;
  const { ENVIRONMENT, Findings, Flaw } = findings;
  const { KEYS, PERIOD, POLICY, ROLES, SCOPE } = contents;
  const { CLAIMS, FAILS, HOLDS, UNDECIDED } = report;

  const _SOFTWARE = ENVIRONMENT + "software.json";
  const _BUNDLE = whole("bundle-" + events.UUID7);
  const _TURN = 40; // milliseconds, after which the page may paint

  /** What the reader gave is no key, or no certificate; `field`: which, `index`: of several. */
  class TrustError extends Error {
    constructor(message, field, index) {
      super(message);
      this.name = "TrustError";
      this.field = field;
      this.index = index;
    }
  }

  /** The report about a bundle: its zip, or a Map of its folder's files (head of this file). */
  async function verifyBundle(given, reader, progress = () => {}) {
    const trusted = _trusted(reader);
    const check = new _Check(trusted, new ed25519.Memory());
    try {
      check.take(given instanceof Map ? bag.readFolder(given) : bag.readZip(given));
    } catch (error) {
      if (!(error instanceof Flaw)) throw error;
      check.findings.add(error.code); // step 1
      return check.result();
    }
    await check.run(progress);
    return check.result();
  }

  function _trusted({ ledger, cosigners = [], tsaRoots = [] }) {
    _given("ledger", 0, () => trust.parseTrust(ledger));
    cosigners.forEach((one, at) =>
      _given("cosigners", at, () => notes.parseCosigner(notes.strip(one))));
    tsaRoots.forEach((one, at) => _given("tsaRoots", at, () => x509.parseRoots(one)));
    return _given("cosigners", null, () => trust.parseTrust(ledger, cosigners, tsaRoots));
  }

  function _given(field, index, parse) {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      throw new TrustError(error.message, field, index);
    }
  }

  /** One run over one bundle. */
  class _Check {
    constructor(trusted, memory) {
      this._trust = trusted;
      this._memory = memory;
      this._verify = memory.verify;
      this.findings = new Findings();
      this.take({ name: "", files: new Map() });
      this._walk = null;
      this._stamps = [];
      this._index = null;
      /** The events that the bundle is about. */
      this._own = [];
      this._intervals = new Map();
      this._reached = new Set();
      this._open = new Map([["permitted", "not_judged"]]);
      this._cosigners = [];
      this._completeTo = -1;
      this._keysTo = -1;
      this._openings = [];
    }

    /** The bag that is looked into. */
    take(found) {
      this._bag = found;
      this._contents = new contents.Contents(found.files, this.findings, UNDECIDED);
    }

    /** Steps 2 to 12. */
    async run(progress) {
      const read = this._contents;
      this.findings.take(bag.checkBag(this._bag)); // step 2
      const name = bag.identifier(this._bag);
      if (name && !_BUNDLE.test(name)) this.findings.add("bag_info_malformed", { file: bag.INFO });
      read.read();
      const { scope, state } = read, key = this._trust.ledger;
      if (scope === null || state === null) return;
      if (state.head.origin !== key.name) { // the reader has another ledger in mind
        this.findings.add("checkpoint_foreign", { file: state.file });
        return;
      }
      if (!lineage.standsBehind(read, state, key, this.findings, this._verify)) {
        this._reached.add("checkpoint_trusted");
        return;
      }
      const walked = new genuine.Walk(read, this.findings, key.name, state.head, this._verify);
      this._walk = walked;
      this._own = read.own();
      if (read.shipped.length) {
        for (const claim of CLAIMS.keys()) this._reached.add(claim);
        await this._walkAll(walked, progress); // steps 5 to 8
      }
      this._reached.add("checkpoint_trusted");
      const signatures = this._signed(walked, state); // step 4, by keys that step 8 derived
      if (!read.shipped.length) return;
      this._stamped(walked, state); // step 12
      if (walked.readAll) walked.states.checkUncited();
      this._missing(walked, scope); // step 9
      this._exported(walked, scope, state); // step 3, by keys that step 8 derived
      this._derived(walked, scope); // step 10
      this._disclosed(scope); // steps 10 and 11
      this._decided(walked, scope, signatures);
    }

    /** Steps 5 to 8, with the signatures verified side by side beforehand, and time to paint. */
    async _walkAll(walked, progress) {
      const jobs = beforehand.signaturesOf(this._contents, walked);
      const total = jobs.length + this._contents.entries().size;
      await this._memory.learn(jobs, (done) => progress(done, total));
      let done = jobs.length, turn = Date.now();
      for (const _ of walked.run()) {
        done++;
        if (Date.now() - turn < _TURN) continue;
        progress(done, total);
        await new Promise((resolve) => { setTimeout(resolve); });
        turn = Date.now();
      }
    }

    // -- step 4

    _signed(walked, state) {
      const key = this._trust.ledger, known = walked.history.ledgerKeys();
      if (known.length && !known.some((one) => text.equal(one.public, key.public))) {
        const about = { file: state.file, expected: key.keyId };
        this.findings.add("trust_not_of_ledger", about);
      }
      const signatures =
        new states.Signatures(this.findings, this._trust, walked.history, this._verify);
      signatures.check(state, true);
      for (const other of this._contents.others) {
        const prefix = walked.states.cite(other.head.size, other.head.root, other.file);
        signatures.check(other, prefix);
      }
      return signatures;
    }

    // -- step 12

    _stamped(walked, state) {
      const recorded = times.recordedTokens(this._contents.shipped, walked.history.ledger);
      const roots = this._trust.tsaRoots;
      const [stamps, well] = times.readStamps(
        this._contents, this.findings, state.head, walked.states, recorded, roots);
      walked.readAll &&= well;
      this._stamps = stamps.filter((stamp) => stamp.token.issuerKnown);
      for (const [index, entry] of walked.entries) {
        const within = times.interval(index, walked.seen.get(index) ?? 0, this._stamps);
        this._intervals.set(index, within);
        times.checkAccepted(this.findings, index, entry, within);
      }
      const bounded = () => this._own.every((one) =>
        this._intervals.get(one.entry)?.before !== null);
      if (!roots.length) this._open.set("time", "no_tsa_trusted");
      else if (!stamps.length) this._open.set("time", "no_token");
      else if (!this._stamps.length) this._open.set("time", "token_issuer_unknown");
      else if (!this._own.length) this._open.set("time", "no_events");
      else if (!bounded()) this._open.set("time", "interval_open");
    }

    // -- step 9

    _missing(walked, scope) {
      complete.checkStreams(this._contents, this.findings);
      const { ledger } = walked.history;
      this._index = complete.checkIndex(this._contents, this.findings, scope, ledger);
      if (scope.kind === PERIOD) {
        complete.checkPeriod(this._contents, this.findings, scope, walked.entries);
      }
    }

    // -- step 3

    _exported(walked, scope, state) {
      const file = bag.EXPORTER_NOTE, data = this._contents.files.get(file);
      if (data === undefined) return; // told in step 2
      let note;
      try {
        note = notes.parseExporter(data);
      } catch (error) {
        if (!(error instanceof ValueError)) throw error;
        this.findings.add("note_malformed", { file });
        return;
      }
      const early = this._contents.shipped.some((one) => one.claimed === scope.export
        && walked.entries.has(one.entry)
        && order(note.exported, walked.entries.get(one.entry).accepted) < 0);
      if (early || this._noteDiffers(note, scope, state)) {
        this.findings.add("note_differs", { file });
      }
      const key = walked.history.find(note.name, note.keyId), about = { file, actual: note.keyId };
      if (key === null) {
        this.findings.add("exporter_key_unknown", about);
        return;
      }
      const another = this._contents.shipped.some((one) =>
        one.claimed === scope.export && one.sound && one.event !== null
        && one.event.type === "bundle.exported" && one.event.by !== key.holder);
      if (another || key.kind !== "ed25519" || key.purpose !== "act" || key.until !== null) {
        this.findings.add("exporter_key_unfit", about);
        return;
      }
      try {
        states.checkSignature(this._verify, key.public, note.line.signature, note.text);
      } catch (error) {
        if (!(error instanceof Flaw)) throw error;
        this.findings.add("note_signature", about);
      }
    }

    _noteDiffers(note, scope, { head }) {
      const digest = (name) =>
        sha256.hexdigest(this._contents.files.get(name) ?? new Uint8Array(0));
      return note.manifest !== digest(bag.MANIFEST)
        || note.tagManifest !== digest(bag.TAG_MANIFEST)
        || note.origin !== this._trust.ledger.name
        || note.bundle !== bag.identifier(this._bag).slice(-36).replaceAll("-", "")
        || note.scope !== `${scope.kind} ${scope.name}`
        || note.size !== head.size || !text.equal(note.root, head.root);
    }

    // -- step 10

    _derived(walked, scope) {
      const keys = walked.history;
      if (keys.ledger !== "" && keys.ledger !== scope.ledger) {
        this.findings.add("derived_differs", { file: SCOPE });
      }
      if (scope.kind !== PERIOD && scope.streams[0] !== scope.id) {
        this.findings.add("derived_differs", { file: SCOPE });
      }
      const named = new Set([...scope.streams, scope.export.split("/", 1)[0]]);
      const indexed = this._index === null ? [] : [...this._index.streams];
      if (this._contents.unlisted() || !indexed.every((stream) => named.has(stream))) {
        this.findings.add("derived_differs", { file: SCOPE });
      }
      const sound = this._contents.shipped.filter((one) => one.sound && one.event !== null);
      for (const [file, rows] of [
        [KEYS, keys.enrolled().map((key) => key.row())],
        [ROLES, keys.actors(sound.map((one) => one.event))],
      ]) {
        const data = this._contents.file(file);
        if (data !== null && !text.equal(data, events.formatFile(rows))) {
          this.findings.add("derived_differs", { file });
        }
      }
      const software = this._contents.json(_SOFTWARE);
      if (software !== null && (!events.isObject(software) || software.format !== 1)) {
        this.findings.add("file_malformed", { file: _SOFTWARE });
      }
      this._packs(keys.policies);
    }

    _packs(policies) {
      const { files, names } = this._contents, kept = new Map();
      for (const name of names) {
        if (name.startsWith(POLICY)) kept.set(name, sha256.hexdigest(files.get(name)));
      }
      for (const digest of policies) {
        const file = `${POLICY}${digest}.toml`, actual = kept.get(file);
        kept.delete(file);
        if (actual === undefined) this.findings.add("policy_missing", { file });
        else if (actual !== digest) {
          this.findings.add("policy_differs", { file, expected: digest, actual });
        }
      }
      for (const file of kept.keys()) this.findings.add("policy_differs", { file });
    }

    // -- steps 10 and 11: what is shown

    _disclosed(scope) {
      const { attached, shipped } = this._contents;
      const shown =
        new disclosed.Disclosed(this._contents, this.findings, this._trust.ledger.name);
      shown.check();
      this._openings = shown.proved;
      if (attached.some((row) => row.kind !== "clear")) {
        this._open.set("disclosed", "attachment_unproved");
      } else if (!shown.openings.length) {
        this._open.set("disclosed", "nothing_disclosed");
      }
      if (!shown.isAsRecorded(scope, bag.identifier(this._bag))) {
        this.findings.add("selection_differs", { event: scope.export });
      }
      if (!shipped.some((one) => one.raw === null)) return;
      this._open.set("streams_unbroken", "redacted");
      // and what is withheld may be the end of a key
      if (scope.kind === PERIOD) this._open.set("events_genuine", "redacted");
    }

    // -- what cannot be decided

    _decided(walked, scope, signatures) {
      const witnesses = signatures.witnesses();
      this._cosigners = [...new Set(witnesses.map((held) => held.key.name))];
      const last = this._own.reduce((found, one) => Math.max(found, one.entry), -1);
      if (!this._trust.cosigners.length) this._open.set("witnessed", "no_cosigner_trusted");
      else if (!this._own.length) this._open.set("witnessed", "no_events");
      else if (!witnesses.some((held) => held.size > last)) {
        this._open.set("witnessed", "not_cosigned");
      }
      const certified = signatures.certified();
      const [reason, upto] = this._completeness(walked, scope, certified);
      if (reason) this._open.set("complete", reason);
      else this._completeTo = upto;
      const [stale, keysTo] = this._currency(certified);
      if (stale) this._open.set("keys_current", stale);
      else this._keysTo = keysTo;
    }

    /** Why it is open whether everything is here, or up to how many entries it is. */
    _completeness(walked, scope, certified) {
      if (scope.kind === "subject") return ["search", -1];
      const { shipped } = this._contents;
      // what is not proved may stand in the place of another
      if (!shipped.every((one) => one.sound)) return ["not_reached", -1];
      if (scope.kind === PERIOD) {
        const boundary = this._contents.boundary();
        if (!boundary.every((index) => walked.entries.has(index))) return ["not_reached", -1];
        const needed = Math.min(scope.end + 1, scope.checkpoint);
        return certified >= needed ? ["", scope.end] : ["not_certified", -1];
      }
      const index = this._index;
      if (index === null || index.rows === 0) return ["no_index", -1];
      const hidden = (one) => one.raw === null && one.stream === scope.id;
      if (index.hidden || (scope.kind === complete.RECORD && shipped.some(hidden))) {
        return ["redacted", -1]; // it may be another, or name a copy
      }
      if (!index.whole) return ["index_partial", -1];
      return certified > index.entry ? ["", index.size] : ["not_certified", -1];
    }

    /** Why it is open whether a key's end is left out, or up to how many entries none is. */
    _currency(certified) {
      const index = this._index;
      if (index === null) return ["no_index", -1];
      if (!index.fitting) return ["index_differs", -1];
      if (!this._contents.shipped.every((one) => one.sound)) return ["not_reached", -1];
      if (!index.headed) return ["index_partial", -1];
      return certified > index.entry ? ["", index.size] : ["not_certified", -1];
    }

    // -- the report

    /** What was found, as `verifyBundle` gives it. */
    result() {
      const made = this._report();
      return {
        report: made.asDict(),
        json: made.asJson(),
        text: (language) => made.asText(language),
        exitCode: made.exitCode,
        events: this._contents.shipped.map((one, at) => this._shown(one, made.events[at].answer)),
        openings: this._openings,
        files: this._contents.files,
      };
    }

    _report() {
      const { scope, state, shipped } = this._contents, name = bag.identifier(this._bag);
      const [verdict, claims] = report.judge(this.findings, this._reached, this._open);
      const answers = new Map(claims.map(({ claim, answer }) => [claim, answer]));
      const trusted = answers.get("checkpoint_trusted") === HOLDS ? state : null;
      return new report.Report({
        bundle: _BUNDLE.test(name) ? name : "",
        origin: this._trust.ledger.name,
        kind: scope !== null ? scope.kind : "",
        scope: scope !== null ? scope.name : "",
        size: trusted !== null ? trusted.head.size : -1,
        root: trusted !== null ? notes.encodeBase64(trusted.head.root) : "",
        cosigners: trusted !== null ? this._cosigners : [],
        completeTo: answers.get("complete") === HOLDS ? this._completeTo : -1,
        keysCurrentTo: answers.get("keys_current") === HOLDS ? this._keysTo : -1,
        verdict,
        claims,
        findings: this.findings.sorted(),
        omitted: this.findings.omitted,
        events: shipped.map((one) => this._row(one, trusted !== null)),
        attached: this._contents.attached.map(({ file, event, kind, reason }) =>
          ({ file, event, kind, ...reason && { redacted: reason } })),
      });
    }

    /** Whether an event stands at its place: of what is withheld the exporter says so; but a period
     * is whole. */
    _isPlaced(one) {
      return one.raw !== null || this._contents.scope?.kind === PERIOD;
    }

    _row(one, trusted) {
      const answer = one.answer === HOLDS && !trusted ? UNDECIDED : one.answer;
      const says = one.reason ? { redacted: one.reason } : {};
      const { event } = one, walked = this._walk;
      if (this._isPlaced(one) && walked?.entries.has(one.entry) && answer !== FAILS) {
        says.accepted = walked.entries.get(one.entry).accepted;
        if (event !== null) {
          Object.assign(says, { type: event.type, at: event.at, by: event.by, role: event.role });
        }
        if (trusted) Object.assign(says, times.says(this._intervals.get(one.entry)));
      }
      return { event: one.claimed, entry: one.entry, says, answer };
    }

    /** An event for the timeline. */
    _shown(one, answer) {
      const entry = this._walk?.entries.get(one.entry);
      const good = this._isPlaced(one) && entry !== undefined && answer !== FAILS;
      const signers = ({ name, keyId, capacity }) => ({ name, id: keyId, capacity });
      return {
        event: one.claimed, entry: one.entry, index: one.index, answer,
        redacted: one.reason || null,
        accepted: good ? entry.accepted : null,
        signers: good ? entry.commit.signers.map(signers) : null,
        fields: good && one.event !== null ? one.event.fields : null,
      };
    }
  }

  return { verifyBundle, TrustError };
})();
