/* Step 12: between which times an entry was provably accepted. Twin of times.py, which says which
   tokens bound what.                                                                            */
const times = (() => {
  "use strict";

  const { ValueError, order } = text;
  const { TOKENS, entryFile } = contents;

  const MAX_TOKENS = 100;
  const ANCHORED = "ledger.timestamp_anchored";

  /** The times of the tokens of an interval, as a report shows them. */
  function says({ after, before }) {
    const shown = {};
    if (after !== null) shown.not_before = after.token.genTime;
    if (before !== null) shown.not_after = before.token.genTime;
    return shown;
  }

  /** The tokens that hold, and whether every note could be read.
   *
   * A stamp, {size, anchored, token, first, last}: a token over a state of `size` entries;
   * `anchored`: the entry that records it, or -1; `first`, `last`: the moments between which the
   * token admits that it was made, as the ledger writes times.
   * `upto`: the bundle's state; `recorded`: by the SHA-256 of a token in hex, the entry and the
   * event that record it.
   */
  function readStamps(read, found, upto, cited, recorded, roots) {
    const stamps = [];
    let well = true;
    for (let number = 0; number < MAX_TOKENS; number++) {
      const files = ["note", "tsr"].map((extension) => `${TOKENS}${number}.${extension}`);
      if (!files.some((name) => read.files.has(name))) continue;
      const [data, reply] = files.map((name) => read.file(name));
      const head = data === null ? null : _stamped(found, upto, files[0], data);
      well &&= head !== null;
      if (data === null || reply === null || head === null) continue;
      const prefix = cited.cite(head.size, head.root, files[0]);
      let verified;
      try {
        verified = token.verifyToken(reply, sha256.digest(data), roots);
      } catch (error) {
        if (!(error instanceof ValueError)) throw error;
        found.add(_code(error), { file: files[1] });
        continue;
      }
      const anchored = _anchored(found, files, data, reply, head, recorded);
      if (!prefix) continue;
      const [first, last] = [token.earliest(verified), token.latest(verified)];
      stamps.push({ size: head.size, anchored, token: verified, first, last });
    }
    return [stamps, well];
  }

  function _code({ message }) {
    return ["token_differs", "token_signature"].includes(message) ? message : "token_malformed";
  }

  /** The state under a token; null, and a finding, if it is none of this ledger's so far. */
  function _stamped(found, upto, file, data) {
    let head;
    try {
      head = notes.parseHead(notes.parseNote(data).text);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      found.add("token_malformed", { file });
      return null;
    }
    if (head.origin !== upto.origin) {
      found.add("checkpoint_foreign", { file });
      return null;
    }
    if (head.size > upto.size) {
      found.add("checkpoint_differs", { file, actual: head.size });
      return null;
    }
    return head;
  }

  /** The entry that records a token for this note; -1, and a finding, if none does. */
  function _anchored(found, files, data, reply, head, recorded) {
    const [entry, event] = recorded.get(sha256.hexdigest(reply)) ?? [-1, null];
    if (event === null) {
      found.add("token_not_recorded", { file: files[1] });
      return -1;
    }
    const { imprint, size, root } = event.fields;
    if (imprint !== sha256.hexdigest(data) || size !== head.size
        || root !== text.hex(head.root)) {
      found.add("token_differs", { file: files[1] });
      return -1;
    }
    return entry;
  }

  /** The first genuine event of the ledger's own stream that records each token, by its digest. */
  function recordedTokens(shipped, ledger) {
    const found = new Map();
    for (const one of shipped) {
      if (one.event === null || !one.sound || one.event.type !== ANCHORED) continue;
      const recorded = one.event.fields.token;
      if (typeof recorded !== "string" || one.event.stream !== ledger) continue;
      if (!found.has(recorded)) found.set(recorded, [one.entry, one.event]);
    }
    return found;
  }

  /** The provable interval of an entry whose signers had seen a state of `seen` entries: the
   * stamps {after, before}, null where there is none.
   *
   * `stamps`: of trusted authorities only; of equal ones the first counts.
   */
  function interval(entry, seen, stamps) {
    let after = null, before = null;
    for (const stamp of stamps) {
      const { size, anchored, first, last } = stamp;
      if (size > entry && (before === null || order(last, before.last) < 0)) before = stamp;
      if (0 <= anchored && anchored < seen && (after === null || order(first, after.first) > 0)) {
        after = stamp;
      }
    }
    return { after, before };
  }

  /** Name an entry whose accepted time lies outside its provable interval. */
  function checkAccepted(found, index, entry, { after, before }) {
    const file = entryFile(index), actual = entry.accepted;
    if (after !== null && order(actual, after.first) < 0) {
      found.add("accepted_outside_interval", { file, expected: after.token.genTime, actual });
    }
    if (before !== null && order(actual, before.last) > 0) {
      found.add("accepted_outside_interval", { file, expected: before.token.genTime, actual });
    }
  }

  return { says, readStamps, recordedTokens, interval, checkAccepted };
})();
