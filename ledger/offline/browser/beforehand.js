/* Which signatures will be asked for, so that WebCrypto can verify them all at once.
   Without a twin: Python verifies each where it is met. Nothing is judged here.                  */
const beforehand = (() => {
  "use strict";

  const { ValueError } = text;
  const { Flaw } = findings;

  /** Every signature of entries with every key that could have made it: [key, signature, text].
   *
   * Nothing is judged by it: it is what `ed25519.Memory` is given to verify beforehand. Of what is
   * not in the ledger nothing is: anybody may have signed very much of that.
   */
  function signaturesOf(read, walked) {
    const publics = new Map(), jobs = [];
    for (const one of read.shipped) {
      for (const [name, publicKey] of _enrolled(one.read)) publics.set(name, publicKey);
    }
    for (const index of read.entries()) {
      if (!walked.includes(index)) continue;
      const commit = _commitOf(read.files.get(contents.entryFile(index)));
      commit?.signers.forEach((signer, at) => {
        const publicKey = publics.get(history.pair(signer.name, signer.keyId));
        if (publicKey) jobs.push([publicKey, commit.lines[at].signature, commit.text]);
      });
    }
    return jobs;
  }

  function _enrolled(event) {
    try {
      const keys = event !== null ? history.enrolledKeys(event) : [];
      return keys.map((key) => [history.pair(key.name, key.id), history.publicOf(key)]);
    } catch (error) {
      if (!(error instanceof Flaw)) throw error;
      return [];
    }
  }

  function _commitOf(data) {
    try {
      return data !== undefined ? notes.parseEntry(data).commit : null;
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      return null;
    }
  }

  return { signaturesOf };
})();
