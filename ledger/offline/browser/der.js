/* DER, the encoding of certificates and time tokens, read strictly. Twin of der.py, where the
   rules are written out.

   A value is {tag, raw, content, parts}: its tag, all its bytes, its content, the values in it.  */
const der = (() => {
  "use strict";

  const { ValueError } = text;

  const MAX_BYTES = 65_536;
  const MAX_DEPTH = 24;
  const MAX_INTEGER_BYTES = 1_025; // a sign and 8,192 bits
  const MAX_OID_BYTES = 64;

  const BOOLEAN = 0x01;
  const INTEGER = 0x02;
  const BIT_STRING = 0x03;
  const OCTET_STRING = 0x04;
  const NULL = 0x05;
  const OID = 0x06;
  const UTC_TIME = 0x17;
  const GENERALIZED_TIME = 0x18;
  const SEQUENCE = 0x30;
  const SET = 0x31;

  const _CONSTRUCTED = 0x20;
  const _UTC = text.whole("([0-9]{2})([0-9]{10})Z");
  const _GENERALIZED = text.whole("([0-9]{14})(?:\\.([0-9]{0,8}[1-9]))?Z");
  const _DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

  /** The values inside a constructed one, taken in order: refused if another one stands. */
  class Fields {
    constructor(value, tag = SEQUENCE) {
      if (value.tag !== tag || !(tag & _CONSTRUCTED)) {
        throw new ValueError("another value than expected");
      }
      this._parts = value.parts;
      this._at = 0;
    }

    /** The next value, which has this tag. */
    take(tag) {
      const value = this.maybe(tag);
      if (value === null) {
        throw new ValueError("a value is missing, or another one stands in its place");
      }
      return value;
    }

    /** The next value if it has this tag; else null. */
    maybe(tag) {
      if (this._at === this._parts.length || this._parts[this._at].tag !== tag) return null;
      this._at += 1;
      return this._parts[this._at - 1];
    }

    /** The next value if there is one. */
    any() {
      return this._at === this._parts.length ? null : this.maybe(this._parts[this._at].tag);
    }

    /** The one value that stands inside the next one, an explicit tag, if that is there. */
    inside(tag) {
      const outer = this.maybe(tag);
      if (outer === null) return null;
      if (outer.parts.length !== 1) throw new ValueError("an explicit tag holds one value");
      return outer.parts[0];
    }

    /** Nothing follows. */
    end() {
      if (this._at !== this._parts.length) {
        throw new ValueError("a value follows that does not belong here");
      }
    }
  }

  /** The one value that `data` is, with nothing after it. */
  function read(data) {
    if (data.length > MAX_BYTES) throw new ValueError("longer than is read");
    const value = _value(data, 0, data.length, 0);
    if (value.raw.length !== data.length) throw new ValueError("bytes follow the value");
    return value;
  }

  function _value(data, begin, limit, depth) {
    if (depth > MAX_DEPTH) throw new ValueError("deeper than is read");
    if (begin + 2 > limit) throw new ValueError("the value is cut off");
    const tag = data[begin];
    _checkTag(tag);
    const [start, length] = _length(data, begin + 1, limit);
    const end = start + length;
    if (end > limit) throw new ValueError("the value is cut off");
    const parts = [];
    let at = start;
    while (tag & _CONSTRUCTED && at < end) {
      const part = _value(data, at, end, depth + 1);
      parts.push(part);
      at += part.raw.length;
    }
    return { tag, raw: data.subarray(begin, end), content: data.subarray(start, end), parts };
  }

  function _checkTag(tag) {
    const number = tag & 0x1f;
    if (number === 0x1f) throw new ValueError("a tag has more than one octet");
    const compound = number === 16 || number === 17;
    if (tag < 0x40 && (number === 0 || compound !== Boolean(tag & _CONSTRUCTED))) {
      throw new ValueError("a tag that DER does not have");
    }
  }

  /** Where the content begins, and how long it is; the length is at `at`, before `limit`. */
  function _length(data, at, limit) {
    const first = data[at];
    if (first < 0x80) return [at + 1, first];
    const count = first & 0x7f;
    if (count === 0) throw new ValueError("a length is indefinite");
    if (count > 3 || at + 1 + count > limit) {
      throw new ValueError("a length is too large, or cut off");
    }
    let length = 0;
    for (let octet = 1; octet <= count; octet++) length = length * 256 + data[at + octet];
    if (length < 0x80 || data[at + 1] === 0) {
      throw new ValueError("a length has more octets than it needs");
    }
    return [at + 1 + count, length];
  }

  /** An INTEGER of at most 8,192 bits: a BigInt. */
  function integer(value) {
    const content = _content(value, INTEGER);
    if (content.length < 1 || content.length > MAX_INTEGER_BYTES) {
      throw new ValueError("an integer is empty or too large");
    }
    if (content.length > 1 && content[0] === (content[1] & 0x80 ? 0xff : 0)) {
      throw new ValueError("an integer has more octets than it needs");
    }
    return BigInt.asIntN(content.length * 8, unsigned(content));
  }

  /** The number that bytes write, highest first: a BigInt. */
  function unsigned(bytes) {
    return BigInt("0x0" + text.hex(bytes));
  }

  /** An INTEGER from 0 to 2**31 - 1: a Number. */
  function small(value) {
    const number = integer(value);
    if (number < 0n || number >= 2n ** 31n) {
      throw new ValueError("a number is negative or too large");
    }
    return Number(number);
  }

  /** A BOOLEAN. */
  function boolean(value) {
    const content = _content(value, BOOLEAN);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) {
      throw new ValueError("a boolean is neither 00 nor FF");
    }
    return content[0] === 0xff;
  }

  /** The bytes of an OCTET STRING. */
  function octets(value) {
    return _content(value, OCTET_STRING);
  }

  /** The bytes of a BIT STRING of whole bytes: a key, a signature. */
  function bits(value) {
    const content = _content(value, BIT_STRING);
    if (content.length === 0 || content[0] !== 0) {
      throw new ValueError("a bit string is not of whole bytes");
    }
    return content.subarray(1);
  }

  /** A BIT STRING of at most 16 named bits, as an integer: bit 0 is 1, bit 1 is 2. */
  function flags(value) {
    const content = _content(value, BIT_STRING);
    const size = content.length;
    if (size < 1 || size > 3 || content[0] > 7 || (size === 1 && content[0])) {
      throw new ValueError("a bit string is empty, too long or cut off");
    }
    const unused = content[0];
    // X.690, 11.2.2: of named bits the last one is set; so the unused ones are counted right.
    if (size > 1 && (content[size - 1] & ((2 << unused) - 1)) !== 1 << unused) {
      throw new ValueError("a bit string has unused bits that are set, or trailing zero bits");
    }
    let found = 0;
    for (let at = 0; at < (size - 1) * 8; at++) {
      if (content[1 + (at >> 3)] & (0x80 >> (at & 7))) found |= 1 << at;
    }
    return found;
  }

  /** An OBJECT IDENTIFIER, dotted. */
  function oid(value) {
    const content = _content(value, OID);
    const size = content.length;
    if (size < 1 || size > MAX_OID_BYTES || content[size - 1] & 0x80) {
      throw new ValueError("an object identifier is empty, too long or cut off");
    }
    const arcs = [];
    let number = 0n, begins = true;
    for (const octet of content) {
      if (begins && octet === 0x80) {
        throw new ValueError("an object identifier has more octets than it needs");
      }
      number = number << 7n | BigInt(octet & 0x7f);
      begins = !(octet & 0x80);
      if (begins) {
        arcs.push(number);
        number = 0n;
      }
    }
    const first = arcs[0] < 40n ? 0n : arcs[0] < 80n ? 1n : 2n;
    return [first, arcs[0] - 40n * first, ...arcs.slice(1)].join(".");
  }

  /** The time of a certificate, as YYYYMMDDHHMMSS (RFC 5280, 4.1.2.5: no fractions). */
  function utcOrGeneralized(value) {
    if (value.tag === UTC_TIME) {
      const match = _UTC.exec(text.ascii(value.content));
      if (match === null) throw new ValueError("not a UTCTime of DER");
      const time = (match[1] >= "50" ? "19" : "20") + match[1] + match[2];
      _checkTime(time);
      return time;
    }
    const [time, fraction] = generalized(value);
    if (fraction) throw new ValueError("a certificate's time has no fraction");
    return time;
  }

  /** A GeneralizedTime: YYYYMMDDHHMMSS, and its fraction's digits (at most nine). */
  function generalized(value) {
    const match = _GENERALIZED.exec(text.ascii(_content(value, GENERALIZED_TIME)));
    if (match === null) throw new ValueError("not a GeneralizedTime of DER");
    _checkTime(match[1]);
    return [match[1], match[2] || ""];
  }

  function _checkTime(time) {
    const year = Number(time.slice(0, 4));
    const month = Number(time.slice(4, 6)), day = Number(time.slice(6, 8));
    const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    if (month < 1 || month > 12) throw new ValueError("no such day");
    if (day < 1 || day > _DAYS[month - 1] - (month === 2 && !leap ? 1 : 0)) {
      throw new ValueError("no such day");
    }
    if (time.slice(8, 10) > "23" || time.slice(10, 12) > "59" || time.slice(12) > "59") {
      throw new ValueError("no such time of day");
    }
  }

  function _content(value, tag) {
    if (value.tag !== tag) throw new ValueError("another value than expected");
    return value.content;
  }

  return { BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, UTC_TIME, GENERALIZED_TIME,
           SEQUENCE, SET, Fields, read, integer, unsigned, small, boolean, octets, bits, flags,
           oid, utcOrGeneralized, generalized };
})();
