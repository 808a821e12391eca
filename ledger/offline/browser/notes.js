/* What is signed, read: verifier keys, signed notes, checkpoints, commits, entries, proofs. Twin of
   notes.py, which states the formats. Key ids are hex here.

   Parsers are canonical, limits are checked before decoding; all refuse with ValueError. Parsing
   proves nothing: see `check`.                                                                  */
const notes = (() => {
  "use strict";

  const { ValueError, order, whole } = text;
  const { TIME } = events;

  const MAX_NOTE_BYTES = 1 << 20;
  const MAX_SIGNATURES = 100;
  const MAX_KEY_CHARACTERS = 4096;
  const MAX_NAME_BYTES = 1024;
  const MAX_COMMIT_BYTES = 16_384;
  const MAX_COUNT = 10_000;
  const MAX_SIZE = 2n ** 63n - 1n;
  const MAX_HASHES = 63;
  const MAX_ORIGIN_BYTES = 255;
  const POSSESSION = "possession";

  const _NEWLINE = 0x0a;
  const _DASH = "— ";
  const _CONTROL = /[\x00-\x1f]/;
  // What Python calls space (str.isspace): another set than JavaScript's.
  const _SPACE = /[\x09-\x0d\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
  const _ENDS = new RegExp(`^${_SPACE.source}+|${_SPACE.source}+$`, "g");
  const _DECIMAL = whole("0|[1-9][0-9]{0,18}");
  const _VKEY = whole("([^+]+)\\+([0-9a-f]{8})\\+([A-Za-z0-9+/]+={0,2})");
  const _ORIGIN = whole("[a-z0-9.-]+(/[a-z0-9._-]+)*");
  // 32 bytes in base64: the last letter before the padding carries two stray bits, which are zero.
  const _HASH = "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=";
  const _HASH_FORM = whole(_HASH);
  const _COMMIT = whole(
    "([a-z0-9.-]+(?:/[a-z0-9._-]+)*)/commit/([0-9a-f]{32})\n"
    + "([1-9][0-9]{0,4})\n"
    + `(${_HASH})\n`
    + `seen (0|[1-9][0-9]{0,18}) (${_HASH})\n`
    + `(?:until (${TIME})\n)?`
    + "client muniment/[0-9A-Za-z.+-]{1,32}\n"
    + "((?:signer [!-*,-~]+ [0-9a-f]{8} [a-z_]{1,32}\n)+)");
  const _ACCEPTED = new RegExp(`^accepted (${TIME})\n`);
  const _EXPORTER = whole(
    "([a-z0-9.-]+(?:/[a-z0-9._-]+)*)/bundle/([0-9a-f]{32})\n"
    + "muniment-evidence 2\n"
    + "manifest-sha256 ([0-9a-f]{64})\n"
    + "tagmanifest-sha256 ([0-9a-f]{64})\n"
    + `checkpoint (0|[1-9][0-9]{0,18}) (${_HASH})\n`
    + "scope ((?:record|handover|subject|destruction_case|actor) [a-z_]{3,24}-[0-9a-f-]{36}"
    + `|period ${TIME}/${TIME})\n`
    + `exported (${TIME})\n`
    + "exporter ([!-*,-~]+) ([0-9a-f]{8})\n");

  // -- parts -------------------------------------------------------------------------------------

  const _LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const _VALUES = new Int16Array(128).fill(-1);
  Array.from(_LETTERS, (letter, at) => { _VALUES[letter.charCodeAt(0)] = at; });

  /** The bytes that base64 writes, in its one canonical form. */
  function base64(string) {
    const padding = string.endsWith("==") ? 2 : string.endsWith("=") ? 1 : 0;
    const bytes = new Uint8Array(string.length / 4 * 3 - padding);
    const letters = string.length - padding;
    let wrong = string.length % 4, rest = 0;
    for (let at = 0, to = 0, bits = 0; at < letters; at++) {
      const value = _VALUES[string.charCodeAt(at)] ?? -1;
      wrong |= value;
      rest = rest << 6 | value;
      bits += 6;
      if (bits >= 8) bytes[to++] = rest >> (bits -= 8);
      rest &= (1 << bits) - 1;
    }
    if (wrong < 0 || string.length % 4 || rest) throw new ValueError("not canonical base64");
    return bytes;
  }

  /** Base64 with padding, without line breaks. */
  function encodeBase64(bytes) {
    let shown = "";
    for (let at = 0; at < bytes.length; at += 3) {
      const three = bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2];
      for (const shift of [18, 12, 6, 0]) shown += _LETTERS[three >> shift & 63];
    }
    const padding = (3 - bytes.length % 3) % 3;
    return shown.slice(0, shown.length - padding) + "=".repeat(padding);
  }

  function parseHash(string) {
    const digest = base64(string);
    if (digest.length !== 32) throw new ValueError("a hash does not have 32 bytes");
    return digest;
  }

  /** Refuse what `parseHash` would refuse. */
  function checkHash(string) {
    if (!_HASH_FORM.test(string)) throw new ValueError("not a SHA-256 hash in canonical base64");
  }

  function _decimal(digits) {
    if (!_DECIMAL.test(digits) || BigInt(digits) > MAX_SIZE) {
      throw new ValueError("not a decimal number below 2**63");
    }
    return text.integer(digits);
  }

  function _checkName(name) {
    if (!name || name.includes("+") || _CONTROL.test(name) || _SPACE.test(name)) {
      throw new ValueError("a key name is empty, or holds a space, a plus or a control character");
    }
    if (text.bytes(name).length > MAX_NAME_BYTES) throw new ValueError("a key name is too long");
  }

  function _checkHead(size, root) {
    if (size > MAX_SIZE || (size === 0 && !text.equal(root, merkle.EMPTY_ROOT))) {
      throw new ValueError("a size is too large, or 0 without the empty root");
    }
  }

  /** Refuse a time of the right form that names no moment (30 February). */
  function checkTime(time) {
    const [year, month, day] = time.slice(0, 10).split("-").map(Number);
    const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if (year < 1 || day > days[month - 1]) throw new ValueError("no day of the calendar");
  }

  /** Refuse what may not be the origin of a ledger. */
  function checkOrigin(origin) {
    if (!_ORIGIN.test(origin) || origin.length > MAX_ORIGIN_BYTES) {
      throw new ValueError("not the form of a ledger's origin");
    }
    if (origin.split("/").some((segment) => segment === "commit" || segment === "a")) {
      throw new ValueError("a ledger's origin has no segment 'commit' or 'a'");
    }
  }

  /** The four bytes, in hex, that with the name say which key signed (C2SP signed-note). */
  function keyId(name, publicKey, prefix = Uint8Array.of(1)) {
    return sha256.hexdigest(text.bytes(name + "\n"), prefix, publicKey).slice(0, 8);
  }

  /** Text without the white space around it, as Python strips it. */
  function strip(string) {
    return string.replace(_ENDS, "");
  }

  /** A verifier key of type 01, `name+hex+base64`: it signs notes and checkpoints. */
  function parseVkey(string) {
    return _key(string, 1);
  }

  /** A verifier key of type 04: it cosigns checkpoints at a time (C2SP tlog-cosignature). */
  function parseCosigner(string) {
    return _key(string, 4);
  }

  /** {name, keyId, public} */
  function _key(string, kind) {
    const match = _codePoints(string) <= MAX_KEY_CHARACTERS ? _VKEY.exec(string) : null;
    if (match === null) {
      throw new ValueError("a verifier key does not have the form name+hex+base64");
    }
    const data = base64(match[3]), name = match[1], publicKey = data.subarray(1);
    _checkName(name);
    if (data[0] !== kind) {
      throw new ValueError("the verifier key is not of the type that is needed here");
    }
    ed25519.checkPublicKey(publicKey);
    if (keyId(name, publicKey, data.subarray(0, 1)) !== match[2]) {
      throw new ValueError("the verifier key's id is not the hash of its name and key");
    }
    return { name, keyId: match[2], public: publicKey };
  }

  function _codePoints(string) {
    return string.length <= MAX_KEY_CHARACTERS ? string.length : Array.from(string).length;
  }

  // -- notes -------------------------------------------------------------------------------------

  /** {name, keyId, signature} */
  function _line(string) {
    const space = string.indexOf(" ", _DASH.length);
    if (!string.startsWith(_DASH) || space < 0) {
      throw new ValueError("a signature line does not have the form '— name base64'");
    }
    const name = string.slice(_DASH.length, space);
    _checkName(name);
    const data = base64(string.slice(space + 1));
    if (data.length <= 4) {
      throw new ValueError("a signature line needs a key id of 4 bytes and a signature");
    }
    return { name, keyId: text.hex(data.subarray(0, 4)), signature: data.subarray(4) };
  }

  function _lines(data) {
    const newlines = data.reduce((count, byte) => count + (byte === _NEWLINE), 0);
    if (data[data.length - 1] !== _NEWLINE || newlines > MAX_SIGNATURES) {
      throw new ValueError("a note has between 1 and 100 signature lines");
    }
    return text.utf8(data.subarray(0, -1)).split("\n").map(_line);
  }

  /** A signed note (C2SP signed-note): {text (bytes), lines}. */
  function parseNote(data) {
    if (data.length > MAX_NOTE_BYTES) throw new ValueError("the note is too long");
    let at = data.length - 2;
    while (at >= 0 && !(data[at] === _NEWLINE && data[at + 1] === _NEWLINE)) at--;
    const said = data.subarray(0, at + 1);
    if (at < 0 || said.some((byte) => byte < 0x20 && byte !== _NEWLINE)) {
      throw new ValueError("the note has no signatures, or a control character");
    }
    text.utf8(said);
    return { text: said, lines: _lines(data.subarray(at + 2)) };
  }

  /** The three lines of a checkpoint; nothing follows them. {origin, size, root} */
  function parseHead(said) {
    const lines = text.utf8(said).split("\n");
    if (lines.length !== 4 || lines[3] || !lines[0] || _CONTROL.test(lines[0])) {
      throw new ValueError("a checkpoint has exactly three lines");
    }
    const head = { origin: lines[0], size: _decimal(lines[1]), root: parseHash(lines[2]) };
    _checkHead(head.size, head.root);
    return head;
  }

  /** What a cosigner signed (time and checkpoint), and the 64 bytes of its signature. */
  function parseCosignature(line, said) {
    if (line.signature.length !== 72) {
      throw new ValueError("a cosignature has a time of 8 bytes and a signature of 64");
    }
    const at = BigInt("0x" + text.hex(line.signature.subarray(0, 8)));
    const signed = text.concat(text.bytes(`cosignature/v1\ntime ${at}\n`), said);
    return [signed, line.signature.subarray(8)];
  }

  function _inOrder(keys) {
    return keys.every((key, at) => at === 0 || _order(keys[at - 1], key) < 0);
  }

  function _order([name, id], [otherName, otherId]) {
    return order(name, otherName) || order(id, otherId);
  }

  /** The place of the first empty line: [before it, after it], or null. */
  function _parted(data) {
    for (let at = data.indexOf(_NEWLINE); at >= 0; at = data.indexOf(_NEWLINE, at + 1)) {
      if (data[at + 1] === _NEWLINE) return [data.subarray(0, at), data.subarray(at + 2)];
    }
    return null;
  }

  /** A signed commit note: one Ed25519 line per named signer, in order, and nothing else.
   *
   * {origin, events, root, seenSize, seenRoot, signers: [{name, keyId, capacity}], text, lines}
   */
  function parseCommit(data) {
    if (data.length > MAX_COMMIT_BYTES) throw new ValueError("the commit note is too long");
    const parts = _parted(data);
    const said = parts === null ? null : data.subarray(0, parts[0].length + 1);
    const match = said === null ? null : _COMMIT.exec(text.ascii(said));
    if (match === null) {
      throw new ValueError("the commit note's text is not as the format has it");
    }
    const [, origin, , count, root, seenSize, seenRoot, until, named] = match;
    checkOrigin(origin);
    const signers = named.split("\n").slice(0, -1).map((line) => {
      const [, name, id, capacity] = line.split(" ");
      return { name, keyId: id, capacity };
    });
    const commit = {
      origin, events: Number(count), root: parseHash(root), seenSize: text.integer(seenSize),
      seenRoot: parseHash(seenRoot), signers, text: said, lines: _lines(parts[1]),
    };
    _checkCommit(commit, until);
    return commit;
  }

  function _checkCommit(commit, until) {
    const { signers, lines } = commit;
    _checkHead(commit.seenSize, commit.seenRoot);
    if (commit.events > MAX_COUNT) throw new ValueError("a commit has at most 10,000 events");
    if (until !== undefined) {
      checkTime(until);
      if (signers.filter((signer) => signer.capacity !== POSSESSION).length < 2) {
        throw new ValueError("a commit that is not joint carries no 'until'");
      }
    }
    const named = signers.map((signer) => [signer.name, signer.keyId]);
    const same = lines.length === named.length
      && lines.every((line, at) => line.name === named[at][0] && line.keyId === named[at][1]);
    if (!_inOrder(named) || !same) {
      throw new ValueError("the signature lines are not those of the named signers, in order");
    }
    if (lines.some((line) => line.signature.length !== 64)) {
      throw new ValueError("a commit note is signed with Ed25519 lines of 64 bytes");
    }
  }

  const _parsed = new WeakMap(); // by the array of bytes: each is asked for twice

  /** An entry: `accepted <time>`, newline, a signed commit note. {accepted, note, commit} */
  function parseEntry(data) {
    if (!_parsed.has(data)) _parsed.set(data, _entry(data));
    return _parsed.get(data);
  }

  function _entry(data) {
    const start = Array.from(data.subarray(0, 64), (byte) => byte < 128 ? byte : 0xfffd);
    const match = _ACCEPTED.exec(String.fromCharCode(...start));
    if (match === null) {
      throw new ValueError("an entry does not begin with the time it was accepted");
    }
    checkTime(match[1]);
    const note = data.subarray(match[0].length);
    return { accepted: match[1], note, commit: parseCommit(note) };
  }

  /** A C2SP tlog-proof without extra data; the note at its end is not looked into.
   *
   * {leaf, hashes, note}
   */
  function parseProof(data) {
    if (data.length > MAX_NOTE_BYTES) throw new ValueError("the proof is too long");
    const parts = _parted(data);
    const lines = text.ascii(parts === null ? data : parts[0]).split("\n");
    if (parts === null || lines[0] !== "c2sp.org/tlog-proof@v1" || lines.length > MAX_HASHES + 2) {
      throw new ValueError("the proof does not begin as it must");
    }
    if (lines.length < 2 || !lines[1].startsWith("index ")) {
      throw new ValueError("the proof has no index line in its place");
    }
    const hashes = lines.slice(2).map(parseHash);
    return { leaf: _decimal(lines[1].slice(6)), hashes, note: parts[1] };
  }

  /** The exporter's note (notes.py). */
  function parseExporter(data) {
    const note = parseNote(data);
    const match = _EXPORTER.exec(text.ascii(note.text));
    if (match === null) throw new ValueError("the exporter's note is not as the format has it");
    const [, origin, bundle, manifest, tagManifest, size, root, scope, exported, name, id] = match;
    checkOrigin(origin);
    checkTime(exported);
    const line = note.lines[0];
    if (note.lines.length !== 1 || line.name !== name || line.keyId !== id) {
      throw new ValueError("the exporter's note has another signature line than it names");
    }
    return {
      origin, bundle, manifest, tagManifest, size: _decimal(size), root: parseHash(root), scope,
      exported, name, keyId: id, text: note.text, line,
    };
  }

  return { MAX_COUNT, MAX_HASHES, POSSESSION, parseHash, checkHash, base64, encodeBase64, checkTime,
           checkOrigin, keyId, strip, parseVkey, parseCosigner, parseNote, parseHead,
           parseCosignature, parseCommit, parseEntry, parseProof, parseExporter };
})();
