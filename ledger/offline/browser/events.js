/* Canonical event bytes (`muniment-event-v1`) and canonical JSON files, read. Twin of events.py.

   Python decodes, and compares what encoding gives back. Here a parser takes the one canonical form
   and no other: JSON.parse would round integers, and forget keys that stand there twice.         */
const events = (() => {
  "use strict";

  const { ValueError, order, whole } = text;

  const MAX_EVENT_BYTES = 16_384;
  const MAX_FILE_BYTES = 16 << 20;
  const MAX_NESTED = 1 << 20;
  const MAX_DEPTH = 8;

  const UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
  const TIME = "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    + "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z";
  const _FORMS = {
    type: whole("[a-z_]{1,32}\\.[a-z_]{1,48}"),
    stream: whole("[a-z_]{3,24}-" + UUID7),
    at: whole(TIME),
    by: whole("actor-" + UUID7),
    role: whole("[a-z_]{1,32}"),
  };

  /** The value that canonical JSON bytes hold; refuses what is outside the profile.
   *
   * `texts`: whether values may be any text that has a UTF-8 form.
   */
  function parseCanonical(raw, texts = false) {
    return new _Parser(raw, texts).whole();
  }

  const _INTEGER = /-?(?:0|[1-9][0-9]{0,15})(?![0-9])/y;
  const _ESCAPE = /\\(?:(["\\])|([bfnrt])|u([0-9a-f]{4}))/y;
  const _SHORT = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
  // What has another escape than \uXXXX, or none.
  const _NEVER_IN_HEX = /[ -~\b\f\n\r\t]/;
  const _HALF = /[\ud800-\udfff]/u;

  // An object of a JSON file: it has the keys that stand there and no other, `__proto__` like any.
  function _Object() {}
  _Object.prototype = Object.create(null);

  class _Parser {
    constructor(raw, texts) {
      for (let at = 0; at < raw.length; at++) {
        if (raw[at] < 0x20 || raw[at] > 0x7e) {
          throw new ValueError("a byte is not printable ASCII");
        }
      }
      this._text = text.ascii(raw);
      this._texts = texts;
      this._at = 0;
    }

    whole() {
      const value = this._value(MAX_DEPTH);
      if (this._at !== this._text.length) _refuse();
      return value;
    }

    _value(room) {
      switch (this._text[this._at]) {
        case '"': return this._string(this._texts);
        case "{": return this._object(_less(room));
        case "[": return this._list(_less(room));
        case "t": return this._word("true", true);
        case "f": return this._word("false", false);
        default: return this._integer();
      }
    }

    _match(form) {
      form.lastIndex = this._at;
      const match = form.exec(this._text);
      if (match === null) _refuse();
      this._at = form.lastIndex;
      return match;
    }

    _integer() {
      const [digits] = this._match(_INTEGER), number = Number(digits);
      if (!Number.isSafeInteger(number) || digits === "-0") _refuse();
      return number;
    }

    /** `texts`: whether it may hold more than printable ASCII. */
    _string(texts = false) {
      if (!this._take('"')) _refuse();
      let value = "", from = this._at;
      for (;;) {
        const character = this._text[this._at];
        if (character === undefined) _refuse();
        if (character !== '"' && character !== "\\") {
          this._at++;
          continue;
        }
        value += this._text.slice(from, this._at);
        if (this._take('"')) break;
        value += this._escaped(texts);
        from = this._at;
      }
      if (texts && _HALF.test(value)) throw new ValueError("half a surrogate pair");
      return value;
    }

    /** The character of an escape, where encoding it gives this escape. */
    _escaped(texts) {
      const [, plain, short, digits] = this._match(_ESCAPE);
      if (plain) return plain;
      if (!texts) throw new ValueError("a string holds more than printable ASCII");
      if (short) return _SHORT[short];
      const character = String.fromCharCode(Number.parseInt(digits, 16));
      if (_NEVER_IN_HEX.test(character)) _refuse();
      return character;
    }

    _word(word, value) {
      if (!this._text.startsWith(word, this._at)) _refuse();
      this._at += word.length;
      return value;
    }

    /** Whether this character comes next; then it is passed. */
    _take(character) {
      if (this._text[this._at] !== character) return false;
      this._at++;
      return true;
    }

    _list(room) {
      const items = [];
      this._at++;
      if (this._take("]")) return items;
      do items.push(this._value(room)); while (this._take(","));
      if (!this._take("]")) _refuse();
      return items;
    }

    _object(room) {
      const value = new _Object();
      this._at++;
      if (this._take("}")) return value;
      let last = null;
      do {
        const key = this._string();
        if (last !== null && order(last, key) >= 0) _refuse();
        if (!this._take(":")) _refuse();
        value[key] = this._value(room);
        last = key;
      } while (this._take(","));
      if (!this._take("}")) _refuse();
      return value;
    }
  }

  function _refuse() {
    throw new ValueError("the bytes are not the canonical form of their content");
  }

  function _less(room) {
    if (!room) throw new ValueError("nested too deeply");
    return room - 1;
  }

  /** Whether a value of a JSON file is an object. */
  function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
  }

  /** Whether a value of a JSON file is an integer. */
  function isInteger(value) {
    return typeof value === "number";
  }

  /** Whether an object has exactly these keys. */
  function hasKeys(value, names) {
    const keys = Object.keys(value);
    return keys.length === names.length && names.every((name) => name in value);
  }

  /** The object that an event's bytes hold; refuses what is outside the profile. */
  function parseObject(raw) {
    if (raw.length > MAX_EVENT_BYTES) throw new ValueError("an event has at most 16,384 bytes");
    const value = parseCanonical(raw);
    if (!isObject(value)) throw new ValueError("an event is a JSON object");
    return value;
  }

  /** The event that an object is; refuses another form of its envelope.
   *
   * {type, stream, version, at, by, role, fields, id}. What its type adds is the rules' business.
   */
  function parseEvent(raw) {
    for (const [name, form] of Object.entries(_FORMS)) {
      if (typeof raw[name] !== "string" || !form.test(raw[name])) {
        throw new ValueError("a field of the envelope does not have its form");
      }
    }
    const { type, stream, version, at, by, role } = raw;
    if (!isInteger(version) || version < 1) {
      throw new ValueError("a version is not counted from 1");
    }
    return { type, stream, version, at, by, role, fields: raw, id: `${stream}/${version}` };
  }

  /** The value of a canonical JSON file: one line. */
  function parseFile(data, texts = false) {
    if (data[data.length - 1] !== 0x0a || data.length > MAX_FILE_BYTES || isCrowded(data)) {
      throw new ValueError("the file does not end with a newline, or is too long");
    }
    return parseCanonical(data.subarray(0, -1), texts);
  }

  /** Whether more lists and objects may open in a file than are decoded, its texts aside. */
  function isCrowded(data) {
    let found = 0;
    for (const byte of data) if (byte === 0x5b || byte === 0x7b) found++;
    return found > MAX_NESTED;
  }

  /** The canonical JSON file of a value; exact inverse of `parseFile`. */
  function formatFile(value) {
    return text.bytes(_encode(value) + "\n");
  }

  function _encode(value) {
    if (Array.isArray(value)) return `[${value.map(_encode).join(",")}]`;
    if (typeof value !== "object") return _encodeScalar(value);
    const keys = Object.keys(value).sort(order);
    return `{${keys.map((key) => `${_encodeScalar(key)}:${_encode(value[key])}`).join(",")}}`;
  }

  function _encodeScalar(value) {
    if (typeof value !== "string") return String(value);
    return JSON.stringify(value).replace(/[^ -~]/g, (unit) =>
      "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0"));
  }

  /** The lines of a file that ends with newline. */
  function splitLines(data) {
    const lines = [];
    let at = 0;
    for (let end; (end = data.indexOf(0x0a, at)) >= 0; at = end + 1) {
      lines.push(data.subarray(at, end));
    }
    if (at < data.length) throw new ValueError("the last line does not end with a newline");
    return lines;
  }

  return { MAX_EVENT_BYTES, UUID7, TIME, parseCanonical, isObject, isInteger, hasKeys, parseObject,
           parseEvent, parseFile, isCrowded, formatFile, splitLines };
})();
