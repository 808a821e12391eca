/* Steps 4 and 5, of states: the checkpoints of a bundle, who signed them, and that they are one.
   Twin of states.py, which states the format of consistency.json.                               */
const states = (() => {
  "use strict";

  const { ValueError } = text;
  const { Flaw } = findings;
  const { hasKeys, isInteger, isObject } = events;
  const { pair } = history;

  const INDEX = "/index";

  /** Throw `Flaw` (`signature_fails`) unless `verify` returns. */
  function checkSignature(verify, publicKey, signature, message) {
    try {
      verify(publicKey, signature, message);
    } catch {
      throw new Flaw("signature_fails"); // whatever a backend throws, it has not verified
    }
  }

  /** The proofs of consistency.json by their first size, as written: one may hold very many.
   *
   * `size`: to which all of them lead.
   */
  function parseConsistency(value, size) {
    const proofs = new Map();
    let last = 0;
    if (!Array.isArray(value)) throw new ValueError("not a list of proofs");
    for (const row of value) {
      if (!isObject(row) || !hasKeys(row, ["from", "hashes"])) {
        throw new ValueError("a proof has other fields");
      }
      const { from, hashes } = row;
      if (!isInteger(from) || !(last < from && from < size)) {
        throw new ValueError("the proofs do not ascend");
      }
      if (!Array.isArray(hashes) || hashes.length > notes.MAX_HASHES + 1) {
        throw new ValueError("a proof is no list of hashes, or is too long");
      }
      if (!hashes.every((hash) => typeof hash === "string")) {
        throw new ValueError("a hash is no text");
      }
      hashes.forEach(notes.checkHash);
      proofs.set(from, hashes);
      last = from;
    }
    return proofs;
  }

  /** Which states are prefixes of the checkpoint's; what speaks of each. */
  class States {
    constructor(read, head, found) {
      this._head = head;
      this._findings = found;
      this._proofs = new Map();
      this._known = new Map([
        [_named(0, merkle.EMPTY_ROOT), ""],
        [_named(head.size, head.root), ""],
      ]);
      this._cited = new Set();
      const value = read.json(contents.CONSISTENCY);
      if (value === null) return;
      try {
        this._proofs = parseConsistency(value, head.size);
      } catch (error) {
        if (!(error instanceof ValueError)) throw error;
        found.add("consistency_malformed", { file: contents.CONSISTENCY });
      }
    }

    /** Whether a state of which `file` speaks is proved a prefix; if not, that is a finding.
     *
     * `size` is not above the checkpoint's.
     */
    cite(size, root, file) {
      const name = _named(size, root);
      this._cited.add(size);
      if (!this._known.has(name)) this._known.set(name, this._prove(size, root));
      const code = this._known.get(name);
      if (code === "consistency_missing") {
        this._findings.add(code, { file: contents.CONSISTENCY, expected: size });
      } else if (code) {
        this._findings.add(code, { file, actual: root });
      }
      return !code;
    }

    /** Empty, or the code of what is wrong. */
    _prove(size, root) {
      const head = this._head;
      if (size === 0 || size === head.size) return "state_not_prefix"; // another root is known
      if (!this._proofs.has(size)) return "consistency_missing";
      try {
        const proof = this._proofs.get(size).map((hash) => notes.parseHash(hash));
        merkle.verifyConsistency(size, head.size, root, head.root, proof);
      } catch (error) {
        if (!(error instanceof ValueError)) throw error;
        return "state_not_prefix";
      }
      return "";
    }

    /** Name the proofs of which nothing speaks. */
    checkUncited() {
      for (const size of this._proofs.keys()) {
        if (!this._cited.has(size)) {
          const about = { file: contents.CONSISTENCY, actual: size };
          this._findings.add("consistency_malformed", about);
        }
      }
    }
  }

  /** The first line of each key, by `pair`, in the order of the note (states.py says why). */
  function firstLines(note) {
    const found = new Map();
    for (const line of note.lines) {
      const known = pair(line.name, line.keyId);
      if (!found.has(known)) found.set(known, line);
    }
    return found;
  }

  const _named = (size, root) => `${size} ${text.hex(root)}`;

  /** Step 4: who signed the checkpoints. */
  class Signatures {
    constructor(found, trust, keys, verify) {
      this._findings = found;
      this._trust = trust;
      this._history = keys;
      this._verify = verify;
      this._held = new Map();
    }

    /** Check the ledger's signature and the trusted cosigners'.
     *
     * `prefix`: whether the state is the bundle's, or proved to be a prefix of it.
     */
    check(state, prefix) {
      this._checkLedger(state);
      const lines = firstLines(state.note);
      for (const key of this._trust.cosigners) {
        const line = lines.get(pair(key.name, key.keyId));
        if (line === undefined || !this._cosigned(state, line, key) || !prefix) continue;
        const held = this._held.get(key) ?? 0;
        this._held.set(key, held < state.head.size ? state.head.size : held);
      }
    }

    _checkLedger(state) {
      const { size } = state.head, trust = this._trust.ledger, { file } = state;
      const reached = this._history.reachedFrom(trust);
      const named = [...firstLines(state.note)].filter(([known]) => reached.has(known));
      const lines = named.map(([, line]) => line);
      if (!lines.length) {
        const about = { file, expected: trust.keyId, actual: state.note.lines[0].keyId };
        this._findings.add("checkpoint_key_unknown", about);
      }
      for (const line of lines) {
        const publicKey = reached.get(pair(line.name, line.keyId));
        try {
          checkSignature(this._verify, publicKey, line.signature, state.note.text);
        } catch (error) {
          if (!(error instanceof Flaw)) throw error;
          this._findings.add("checkpoint_signature", { file, actual: line.keyId });
          break; // the others would make it no better, and may be many
        }
      }
      const keys = lines.map((line) => this._history.find(line.name, line.keyId));
      const inForce = keys.some((key) => key === null
        || (key.since < size && (key.until === null || size <= key.until)));
      if (lines.length && !inForce) {
        this._findings.add("key_not_in_force", { file, actual: lines[0].keyId });
      }
    }

    /** Whether a cosignature holds; if not, that is a finding. */
    _cosigned(state, line, key) {
      try {
        const [message, signature] = notes.parseCosignature(line, state.note.text);
        checkSignature(this._verify, key.public, signature, message);
      } catch (error) {
        if (!(error instanceof ValueError || error instanceof Flaw)) throw error;
        this._findings.add("cosignature_fails", { file: state.file, actual: line.keyId });
        return false;
      }
      return true;
    }

    /** The trusted cosigners whose cosignatures hold: {key, size}, as the reader lists them.
     *
     * The ledger is no witness of itself, nor is a key that it knows for another purpose.
     */
    witnesses() {
      return this._trust.cosigners
        .filter((key) => this._held.has(key)
          && !text.equal(key.public, this._trust.ledger.public)
          && ["", "cosign"].includes(this._history.purposeOf(key.public)))
        .map((key) => ({ key, size: this._held.get(key) }));
    }

    /** The largest size of which somebody of trust says to have verified the whole ledger.
     *
     * 0 if there is none. The key is one that nobody in the bundle has.
     */
    certified() {
      return this.witnesses()
        .filter(({ key }) => key.name.endsWith(INDEX) && !this._history.purposeOf(key.public))
        .reduce((largest, { size }) => largest < size ? size : largest, 0);
    }
  }

  return { checkSignature, firstLines, parseConsistency, States, Signatures };
})();
