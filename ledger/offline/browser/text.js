/* Bytes and text as Python has them: what differs in JavaScript is bridged here, once.

   Bytes are Uint8Array. Text is compared by code points (`order`), not by UTF-16 units. An integer
   is a Number up to 2**53 - 1 and a BigInt beyond, never both for one value.                     */
const text = (() => {
  "use strict";

  /** What a parser or a check refuses; Python's ValueError. */
  class ValueError extends Error {}

  const _HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
  const _strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const _encoder = new TextEncoder();
  const _LONE = /[\ud800-\udfff]/u;

  /** Bytes in hex. */
  function hex(bytes) {
    let shown = "";
    for (const byte of bytes) shown += _HEX[byte];
    return shown;
  }

  /** The bytes that lower-case hex digits write. */
  function unhex(digits) {
    const bytes = new Uint8Array(digits.length >> 1);
    for (let at = 0; at < bytes.length; at++) {
      bytes[at] = Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16);
    }
    return bytes;
  }

  /** Whether two pieces of bytes are the same. */
  function equal(left, right) {
    if (left.length !== right.length) return false;
    for (let at = 0; at < left.length; at++) {
      if (left[at] !== right[at]) return false;
    }
    return true;
  }

  /** Pieces of bytes, one after the other. */
  function concat(...pieces) {
    const joined = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      joined.set(piece, at);
      at += piece.length;
    }
    return joined;
  }

  /** Text in ASCII; refuses other bytes. */
  function ascii(bytes) {
    for (const byte of bytes) {
      if (byte > 0x7f) throw new ValueError("a byte is not ASCII");
    }
    return _strict.decode(bytes);
  }

  /** Text in UTF-8; refuses other bytes. */
  function utf8(bytes) {
    try {
      return _strict.decode(bytes);
    } catch {
      throw new ValueError("the bytes are not UTF-8");
    }
  }

  /** The UTF-8 bytes of text; a lone surrogate is refused (Python: str.encode). */
  function bytes(string) {
    if (_LONE.test(string)) throw new ValueError("the text holds a lone surrogate");
    return _encoder.encode(string);
  }

  /** The UTF-8 bytes of text, lone surrogates like other characters (Python: surrogatepass). */
  function anyBytes(string) {
    if (!_LONE.test(string)) return _encoder.encode(string);
    const pieces = Array.from(string, (character) => {
      const code = character.codePointAt(0);
      if (code < 0xd800 || code > 0xdfff) return _encoder.encode(character);
      return Uint8Array.of(0xe0 | code >> 12, 0x80 | code >> 6 & 0x3f, 0x80 | code & 0x3f);
    });
    return concat(...pieces);
  }

  /** Compare by code points, as Python does and as the bytes of UTF-8 do: for `sort`. */
  function order(left, right) {
    const shared = Math.min(left.length, right.length);
    for (let at = 0; at < shared; at++) {
      let one = left.charCodeAt(at), other = right.charCodeAt(at);
      if (one === other) continue;
      // Surrogates stand for code points above all others: lift them over the private use area.
      const lone = [_half(left, at), _half(right, at)];
      if (!lone[0] && one >= 0xd800 && one <= 0xdfff) one += 0x10000;
      if (!lone[1] && other >= 0xd800 && other <= 0xdfff) other += 0x10000;
      return one - other;
    }
    return left.length - right.length;
  }

  /** Whether the surrogate at this place has no partner. */
  function _half(string, at) {
    const unit = string.charCodeAt(at);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = string.charCodeAt(at + 1);
      return !(next >= 0xdc00 && next <= 0xdfff);
    }
    if (unit >= 0xdc00 && unit <= 0xdfff) {
      const last = string.charCodeAt(at - 1);
      return !(last >= 0xd800 && last <= 0xdbff);
    }
    return false;
  }

  /** The integer that decimal digits write: a Number, beyond 2**53 - 1 a BigInt. */
  function integer(digits) {
    const number = Number(digits);
    return Number.isSafeInteger(number) ? number : BigInt(digits);
  }

  /** A value of a JSON file as Python's str() shows it; `undefined` is None. */
  function str(value) {
    return typeof value === "string" ? value : _repr(value);
  }

  function _repr(value) {
    if (value === undefined) return "None";
    if (typeof value === "boolean") return value ? "True" : "False";
    if (typeof value === "string") {
      const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
      const inside = value.replace(/\\/g, "\\\\").replaceAll(quote, "\\" + quote);
      return quote + inside + quote;
    }
    if (typeof value !== "object") return String(value);
    if (Array.isArray(value)) return `[${value.map(_repr).join(", ")}]`;
    const items = Object.keys(value).sort(order);
    return `{${items.map((key) => `${_repr(key)}: ${_repr(value[key])}`).join(", ")}}`;
  }

  /** A regular expression that takes a whole text or nothing (Python: fullmatch). */
  function whole(source) {
    return new RegExp(`^(?:${source})$`, "u");
  }

  return { ValueError, hex, unhex, equal, concat, ascii, utf8, bytes, anyBytes, order, integer, str,
           whole };
})();
