/* Steps 5 to 8: entry by entry, whether what is shown was signed, by whom, and accepted. Twin of
   genuine.py.                                                                                   */
const genuine = (() => {
  "use strict";

  const { ValueError, order } = text;
  const { Flaw } = findings;
  const { enrolledKeys, pair } = history;
  const { checkInCommit, included } = lineage;
  const { entryFile, entryProof } = contents;
  const { FAILS, HOLDS, UNDECIDED } = TABLES.answer;

  /** One walk over the entries of a bundle; `entries`: Map of those that are in the ledger. */
  class Walk {
    constructor(read, found, origin, head, verify) {
      this._contents = read;
      this._findings = found;
      this._verify = verify;
      this._origin = origin;
      this._head = head;
      this.states = new states.States(read, head, found);
      this.history = new history.History(origin);
      this.entries = new Map();
      this._included = new Map();
      /** By entry, the size that its signers had seen, if that is proved a prefix. */
      this.seen = new Map();
      /** Whether everything that speaks of states could be read. */
      this.readAll = true;
      this._enrolledAnywhere = _enrolments(read.shipped);
      // Of a period only some streams come whole; keys follow from no others.
      this._whole = new Set(
        read.shipped.filter((one) => one.version === 1).map((one) => one.stream));
    }

    /** Steps 5 to 8; a generator that yields after each entry, so that the page may paint. */
    *run() {
      let accepted = "";
      const seen = new Map([[0, merkle.EMPTY_ROOT]]), groups = new Map();
      for (const one of this._contents.shipped) {
        if (!groups.has(one.entry)) groups.set(one.entry, []);
        groups.get(one.entry).push(one);
      }
      for (const index of [...this._contents.entries()].sort((one, other) => one - other)) {
        yield;
        const group = groups.get(index) ?? [];
        const entry = this._entry(index); // step 5
        if (entry === null) {
          this.readAll = false;
          for (const one of group) one.answer = FAILS;
          continue;
        }
        this.entries.set(index, entry);
        if (order(entry.accepted, accepted) < 0) {
          const about = { file: entryFile(index), expected: accepted, actual: entry.accepted };
          this._findings.add("clock_regression", about);
        }
        accepted = entry.accepted;
        this._seen(index, entry.commit, seen);
        for (const one of group) this._event(one, entry); // step 6
        if (group.length) {
          this._signatures(index, entry, group); // step 7
          this._fold(index, entry, group); // step 8
        }
      }
      this._compromised();
    }

    // -- step 5

    /** The entry with this index, if it is one of the ledger under the checkpoint; or null. */
    _entry(index) {
      const file = entryFile(index), proofFile = entryProof(index);
      const data = this._contents.file(file, "entry_missing");
      const proofData = this._contents.file(proofFile, "entry_missing");
      if (data === null || proofData === null) return null;
      const entry = this._parsed(notes.parseEntry, data, "entry_malformed", file);
      if (entry === null) return null;
      const proof = this._parsed(notes.parseProof, proofData, "entry_proof_malformed", proofFile);
      if (proof === null) return null;
      if (proof.leaf !== index || !text.equal(proof.note, this._contents.checkpoint)) {
        this._findings.add("entry_proof_differs", { file: proofFile });
        return null;
      }
      if (!this.includes(index)) {
        this._findings.add("entry_not_in_ledger", { file });
        return null;
      }
      if (entry.commit.origin !== this._origin) {
        this._findings.add("entry_foreign", { file });
        return null;
      }
      return entry;
    }

    /** Whether the bytes of an entry are in the ledger by its proof; reckoned once. */
    includes(index) {
      if (!this._included.has(index)) this._included.set(index, this._isIncluded(index));
      return this._included.get(index);
    }

    _isIncluded(index) {
      const { files } = this._contents, { size, root } = this._head;
      const data = files.get(entryFile(index)), proof = files.get(entryProof(index));
      if (data === undefined || proof === undefined) return false;
      try {
        return included(index, size, merkle.leafHash(data), notes.parseProof(proof).hashes, root);
      } catch (error) {
        if (!(error instanceof ValueError)) throw error;
        return false;
      }
    }

    _parsed(parse, data, code, file) {
      try {
        return parse(data);
      } catch (error) {
        if (!(error instanceof ValueError)) throw error;
        this._findings.add(code, { file });
        return null;
      }
    }

    _seen(index, commit, seen) {
      const { seenSize: size, seenRoot: root } = commit, file = entryFile(index);
      if (size > index || (size === 0) !== (index === 0)) {
        this._findings.add("seen_out_of_range", { file, actual: size });
        return;
      }
      if (!seen.has(size)) seen.set(size, root);
      const expected = seen.get(size);
      if (!text.equal(expected, root)) {
        this._findings.add("seen_contradicts", { file, expected, actual: root });
      }
      if (this.states.cite(size, root, file)) this.seen.set(index, size);
    }

    // -- step 6

    /** Step 6: whether these bytes are an event of the commit, said by one of its signers. */
    _event(one, entry) {
      try {
        if (one.flaw) throw new Flaw(one.flaw);
        if (one.read !== null && one.read.id !== one.claimed) {
          this._findings.add("derived_differs", { event: one.claimed });
        }
        checkInCommit(this._contents, one, entry);
        if (one.read !== null) this._author(one.read, entry.commit);
      } catch (error) {
        if (!(error instanceof Flaw)) throw error;
        this._findings.add(error.code, { event: one.claimed });
        return;
      }
      one.event = one.read;
      one.sound = one.read === null || one.read.id === one.claimed;
    }

    _author(event, commit) {
      const name = `${this._origin}/a/${event.by}`;
      if (!commit.signers.some((one) => one.name === name && one.capacity === event.role)) {
        throw new Flaw("author_did_not_sign");
      }
    }

    // -- step 7

    /** Step 7: everybody named signed, with a key that could sign this entry. */
    _signatures(index, entry, group) {
      const { commit } = entry, enrolling = _enrolling(group), publics = [];
      let answer = HOLDS;
      commit.signers.forEach((signer, at) => {
        try {
          const publicKey = this.history.signer(index, signer, enrolling);
          states.checkSignature(this._verify, publicKey, commit.lines[at].signature, commit.text);
          publics.push(text.hex(publicKey));
        } catch (error) {
          if (!(error instanceof Flaw)) throw error;
          let { code } = error;
          const known = this._enrolledAnywhere.has(pair(signer.name, signer.keyId));
          if (code === "key_unknown" && known) code = "key_not_yet_enrolled";
          this._findings.add(code, { file: entryFile(index), actual: signer.keyId });
          answer = code === "key_unknown" && answer !== FAILS ? UNDECIDED : FAILS;
        }
      });
      if (new Set(publics).size < publics.length) {
        this._findings.add("key_signs_twice", { file: entryFile(index) });
        answer = FAILS;
      }
      for (const one of group) {
        one.answer = one.sound ? answer : FAILS;
        one.sound = one.sound && answer === HOLDS;
        // Nobody can see what it says.
        if (one.raw === null && one.answer === HOLDS) one.answer = UNDECIDED;
      }
    }

    // -- step 8

    /** Step 8: what is genuine so far advances the key history. */
    _fold(index, entry, group) {
      const sound = group.filter((one) =>
        one.sound && one.event !== null && this._whole.has(one.stream));
      const said = sound.map((one) => one.event);
      for (const [at, flaw] of this.history.fold(index, entry.accepted, entry.commit, said)) {
        this._findings.add(flaw.code, { event: sound[at].claimed });
        sound[at].answer = FAILS;
      }
      this.history.signed(index, entry.commit);
    }

    /** Step 8: what was signed since a key was suspected, and before that was reported. */
    _compromised() {
      const disputed = new Map();
      for (const key of this.history.enrolled()) {
        if (!key.suspectedSince) continue;
        for (const index of key.signed) {
          const { accepted } = this.entries.get(index);
          if (order(accepted, key.suspectedSince) >= 0 && index !== key.until) {
            disputed.set(index, key.id);
          }
        }
      }
      for (const one of this._contents.shipped) {
        if (disputed.has(one.entry) && one.answer === HOLDS) {
          one.answer = UNDECIDED;
          const about = { event: one.claimed, actual: disputed.get(one.entry) };
          this._findings.add("key_compromised", about);
        }
      }
    }
  }

  /** The keys that the events of an entry enrol, by name and id. */
  function _enrolling(group) {
    const found = new Map();
    for (const one of group) {
      for (const key of _keysOf(one.event)) found.set(pair(key.name, key.id), key);
    }
    return found;
  }

  /** The keys, by name and id, that any event claims to enrol, wherever it stands. */
  function _enrolments(shipped) {
    const found = new Set();
    for (const one of shipped) {
      for (const key of _keysOf(one.read)) found.add(pair(key.name, key.id));
    }
    return found;
  }

  /** The keys that an event enrols; none if it is not as written, which step 8 tells. */
  function _keysOf(event) {
    if (event === null) return [];
    try {
      return enrolledKeys(event);
    } catch (error) {
      if (!(error instanceof Flaw)) throw error;
      return [];
    }
  }

  return { Walk };
})();
