/* Step 4, before everything else: whether the trusted key can stand behind a state at all. Twin of
   lineage.py, which says why.                                                                   */
const lineage = (() => {
  "use strict";

  const { ValueError } = text;
  const { Flaw } = findings;
  const { enrolledKeys, pair, publicOf } = history;
  const { checkSignature, firstLines } = states;

  const ROTATED = "ledger.key_rotated";

  /** Whether the trusted key, or one that follows from it, signed a state; if not, a finding. */
  function standsBehind(read, { file, note }, trusted, found, verify) {
    const lines = firstLines(note);
    for (const key of _heirs(read, trusted, verify)) {
      const line = lines.get(pair(key.name, key.keyId));
      if (line === undefined) continue;
      try {
        checkSignature(verify, key.public, line.signature, note.text);
      } catch (error) {
        if (!(error instanceof Flaw)) throw error;
        found.add("checkpoint_signature", { file, actual: line.keyId });
        return false;
      }
      return true;
    }
    const about = { file, expected: trusted.keyId, actual: note.lines[0].keyId };
    found.add("checkpoint_key_unknown", about);
    return false;
  }

  /** The trusted key, then each to which the one before it handed over. */
  function* _heirs(read, trusted, verify) {
    const handed = new Map();
    for (const one of read.shipped) {
      const old = one.read?.type === ROTATED ? one.read.fields.old_key : null;
      if (typeof old === "string" && !handed.has(old)) handed.set(old, one); // replaced once
    }
    for (let key = trusted; key !== null;) {
      yield key;
      const one = handed.get(key.keyId);
      handed.delete(key.keyId);
      key = one === undefined ? null : _heir(read, one, key, verify);
    }
  }

  /** The key that an event puts in the place of another, if that one signed its commit; or null. */
  function _heir(read, one, old, verify) {
    try {
      const data = read.files.get(contents.entryFile(one.entry)) ?? new Uint8Array();
      const entry = notes.parseEntry(data), { commit } = entry;
      checkInCommit(read, one, entry);
      const [key] = enrolledKeys(one.read), publicKey = publicOf(key);
      const line = commit.lines.find((each) => each.name === old.name && each.keyId === old.keyId);
      if (line === undefined || key.kind !== "ed25519" || key.name !== old.name) return null;
      checkSignature(verify, old.public, line.signature, commit.text);
      return { name: key.name, keyId: key.id, public: publicKey };
    } catch (error) {
      if (!(error instanceof Flaw || error instanceof ValueError)) throw error;
      return null;
    }
  }

  /** Throw `Flaw` unless an event is in the commit of an entry, by its proof. */
  function checkInCommit(read, one, entry) {
    const data = read.files.get(one.proof), { commit } = entry;
    if (data === undefined) throw new Flaw("event_proof_missing");
    let proof;
    try {
      proof = notes.parseProof(data);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      throw new Flaw("event_proof_malformed");
    }
    if (proof.leaf !== one.index || !text.equal(proof.note, entry.note)
        || !included(one.index, commit.events, one.leaf, proof.hashes, commit.root)) {
      throw new Flaw("event_not_in_commit");
    }
  }

  /** Whether a leaf is in a tree by these hashes. */
  function included(index, size, leaf, hashes, root) {
    try {
      merkle.verifyInclusion(index, size, leaf, hashes, root);
      return true;
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      return false;
    }
  }

  return { standsBehind, checkInCommit, included };
})();
