/* Ed25519 verification with the strict gate and the answers of the ledger. Twin of ed25519.py.

     public key A   32 bytes, y < p, x = 0 never with the sign bit, on the curve, order not small
     signature      64 bytes, R as strict as A, S < L
     accepted       if encode(S·B - h·A) == R, h = SHA-512(R ‖ A ‖ message) mod L: no cofactor

   `verify` computes in plain arithmetic, a few milliseconds a signature. Beyond ed25519.py there is
   `Memory`: it lets WebCrypto verify many signatures side by side beforehand. What WebCrypto
   accepts passed the same gate first; what it refuses, or does not know, is computed here; and one
   that multiplies by the cofactor, and so accepts more, is recognised and left aside.

   Source: RFC 8032, section 5.1; Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited".
*/
const ed25519 = (() => {
  "use strict";

  const { ValueError } = text;

  const P = 2n ** 255n - 19n;
  const L = 2n ** 252n + 27742317777372353535851937790883648493n;
  const _D = _modulo(-121665n * _power(121666n, P - 2n));
  const _ROOT = _power(2n, (P - 1n) / 4n);
  const _Y_MASK = 2n ** 255n - 1n;
  const _BASE = new Uint8Array(32).fill(0x66).fill(0x58, 0, 1);

  // Extended coordinates [X, Y, Z, T]: x = X/Z, y = Y/Z, x·y = T/Z. What an addition needs of the
  // second point, an addend: [Y - X, Y + X, 2·d·T, 2·Z].
  const _IDENTITY = [0n, 1n, 1n, 0n];

  // The y of the eight points whose order divides 8: 0, 1, -1 and those of order 8.
  const _SMALL_ORDER_Y = new Set([
    0n,
    1n,
    P - 1n,
    _number(text.unhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
    _number(text.unhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")),
  ]);

  /** The number that bytes write, lowest first. */
  function _number(bytes) {
    return BigInt("0x" + text.hex(Uint8Array.from(bytes).reverse()));
  }

  function _modulo(number) {
    const rest = number % P;
    return rest < 0n ? rest + P : rest;
  }

  function _power(base, exponent) {
    let result = 1n;
    for (const bit of exponent.toString(2)) {
      result = result * result % P;
      if (bit === "1") result = result * base % P;
    }
    return result;
  }

  /** Return if `signature` (64 bytes) by `publicKey` (32 bytes) covers `message`. */
  function verify(publicKey, signature, message) {
    const key = _keyTable(publicKey);
    const [r, s] = _checkSignature(signature);
    const h = _number(sha512.digest(r, publicKey, message)) % L;
    if (!text.equal(_encode(_twoProducts(s, h, key)), r)) {
      throw new ValueError("the signature does not fit the key and the message");
    }
  }

  /** Refuse what is no good public key (the gate above). */
  function checkPublicKey(publicKey) {
    _keyTable(publicKey);
  }

  /** R and S of a signature that passes the gate. */
  function _checkSignature(signature) {
    if (signature.length !== 64) throw new ValueError("a signature has 64 bytes");
    const r = signature.subarray(0, 32), s = _number(signature.subarray(32));
    _checkEncoding(r);
    if (s >= L) throw new ValueError("S is not below the group order");
    return [r, s];
  }

  /** The y of a point encoding that is canonical and not of small order. */
  function _checkEncoding(encoding) {
    const y = _number(encoding) & _Y_MASK;
    // x is 0 at y = 1 and y = -1, where the order is 1 or 2.
    if (y >= P || _SMALL_ORDER_Y.has(y)) {
      throw new ValueError("a point is not in canonical form, or has small order");
    }
    return y;
  }

  /** The point of a canonical encoding (RFC 8032, 5.1.3); refuses what is off the curve. */
  function _decode(encoding) {
    const y = _number(encoding) & _Y_MASK;
    const u = _modulo(y * y - 1n), v = (_D * y * y + 1n) % P;
    const v3 = v * v * v % P;
    let x = u * v3 * _power(u * v3 * v3 * v % P, (P - 5n) / 8n) % P;
    const square = v * x * x % P;
    if (square !== u) {
      if (square !== P - u) throw new ValueError("the point is not on the curve");
      x = x * _ROOT % P;
    }
    if (Number(x & 1n) !== encoding[31] >> 7) x = P - x;
    return [x, y, 1n, x * y % P];
  }

  function _encode([x, y, z]) {
    const inverse = _power(z, P - 2n);
    const number = _modulo(y * inverse) | (_modulo(x * inverse) & 1n) << 255n;
    return text.unhex(number.toString(16).padStart(64, "0")).reverse();
  }

  function _add([x, y, z, t], [minus, plus, t2, z2]) {
    const a = (y - x) * minus, b = (y + x) * plus, c = t * t2, d = z * z2;
    const e = (b - a) % P, f = (d - c) % P, g = (d + c) % P, h = (b + a) % P;
    return [e * f % P, g * h % P, f * g % P, e * h % P];
  }

  function _addend([x, y, z, t]) {
    return [_modulo(y - x), _modulo(y + x), _modulo(2n * _D * t), 2n * z];
  }

  function _negative([minus, plus, t2, z2]) {
    return [plus, minus, P - t2, z2];
  }

  /** 1, 3, 5 … times a point, and then their negatives: by a negative index in Python. */
  function _oddMultiples(point, count) {
    const double = _addend(_add(point, _addend(point)));
    const table = [_addend(point)];
    for (let at = 1; at < count; at++) {
      point = _add(point, double);
      table.push(_addend(point));
    }
    return [...table, ...table.map(_negative)];
  }

  /** The digit's multiple in a table of odd multiples. */
  function _of(table, digit) {
    return digit > 0 ? table[digit >> 1] : table[(table.length >> 1) + (-digit >> 1)];
  }

  /** Signed odd digits, lowest first, most of them 0: the width-w non-adjacent form. */
  function _windows(scalar, width) {
    const bits = Array.from(scalar.toString(2), Number).reverse(), digits = [];
    const full = 1 << width;
    let carry = 0;
    for (let at = 0; at < bits.length || carry;) {
      if (((bits[at] || 0) ^ carry) === 0) {
        digits.push(0);
        at++;
        continue;
      }
      let digit = carry;
      for (let bit = 0; bit < width; bit++) digit += (bits[at + bit] || 0) << bit;
      carry = digit >= full >> 1 ? 1 : 0;
      digits.push(carry ? digit - full : digit, ...new Array(width - 1).fill(0));
      at += width;
    }
    return digits;
  }

  const _KEY_WIDTH = 5;
  const _BASE_WIDTH = 7;
  const _tables = new Map();
  const _MAX_TABLES = 1024;
  let _base = null;

  /** Odd multiples of -A; refuses a key that the gate refuses. */
  function _keyTable(publicKey) {
    if (publicKey.length !== 32) throw new ValueError("a public key has 32 bytes");
    const name = text.hex(publicKey);
    let table = _tables.get(name);
    if (table === undefined) {
      _checkEncoding(publicKey);
      const [x, y, z, t] = _decode(publicKey);
      table = _oddMultiples([P - x, y, z, P - t], 1 << _KEY_WIDTH - 2);
      if (_tables.size >= _MAX_TABLES) _tables.clear();
      _tables.set(name, table);
    }
    return table;
  }

  function _baseTable() {
    _base ??= _oddMultiples(_decode(_BASE), 1 << _BASE_WIDTH - 2);
    return _base;
  }

  /** s·B + h·K, where `key` holds the odd multiples of K. */
  function _twoProducts(s, h, key) {
    const base = _baseTable();
    const ofBase = _windows(s, _BASE_WIDTH), ofKey = _windows(h, _KEY_WIDTH);
    let point = _IDENTITY;
    for (let at = Math.max(ofBase.length, ofKey.length) - 1; at >= 0; at--) {
      const [x, y, z] = point;
      const a = x * x, b = y * y, c = 2n * z * z;
      const e = ((x + y) * (x + y) - a - b) % P, g = b - a;
      const f = (g - c) % P, i = (-a - b) % P, k = g % P;
      point = [e * f % P, k * i % P, f * k % P, e * i % P];
      if (ofBase[at]) point = _add(point, _of(base, ofBase[at]));
      if (ofKey[at]) point = _add(point, _of(key, ofKey[at]));
    }
    return point;
  }

  // -- WebCrypto ---------------------------------------------------------------------------------

  const _BATCH = 512;
  // [accepted, public key, signature, message]: RFC 8032, 7.1, test 1; and two signatures that hold
  // only after multiplying by 8, because the key, or R, has a component of order 8.
  const _PROBES = [
    [true, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b", ""],
    [false, "837b2a7c0f9a96124c0a1288209aabb4d8296b74b0f4d34890cc227bec4df8e6",
     "7db0dc9222f3c183457ddde4c708de8e5ea6bf3d5c4404cca14b32729a05c32a"
     + "90855fd2e10019e0c69fb74dc3e2859ad44007365fd8080a11f19c13e2f2ff02", "cofactor probe 0"],
  ];

  /** Whether this browser's Ed25519 can be used: it knows it, and gives our answers. */
  async function _usable(subtle) {
    for (const [accepted, publicKey, signature, message] of _PROBES) {
      const key = await _imported(subtle, text.unhex(publicKey));
      const said = [text.unhex(signature), text.bytes(message)];
      if (await subtle.verify("Ed25519", key, ...said) !== accepted) return false;
    }
    return true;
  }

  function _imported(subtle, publicKey) {
    return subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  }

  /** A verifier that remembers which signatures WebCrypto accepted. */
  class Memory {
    /** `subtle`: the browser's, or none. */
    constructor(subtle = globalThis.crypto?.subtle) {
      this._subtle = subtle;
      this._accepted = new Map();
      this._keys = new Map();
      this.verify = this.verify.bind(this);
    }

    /** Verify [publicKey, signature, message] beforehand, many side by side; tells no result. */
    async learn(jobs, progress = () => {}) {
      try {
        if (!this._subtle || !await _usable(this._subtle)) return;
        for (let at = 0; at < jobs.length; at += _BATCH) {
          await Promise.all(jobs.slice(at, at + _BATCH).map((job) => this._learn(...job)));
          progress(Math.min(at + _BATCH, jobs.length), jobs.length);
        }
      } catch {
        // A browser that fails here has verified less; the rest is computed.
      }
    }

    async _learn(publicKey, signature, message) {
      try {
        checkPublicKey(publicKey);
        _checkSignature(signature);
      } catch {
        return; // `verify` says so again
      }
      const name = text.hex(publicKey);
      if (!this._keys.has(name)) this._keys.set(name, _imported(this._subtle, publicKey));
      const key = await this._keys.get(name);
      if (await this._subtle.verify("Ed25519", key, signature, message)) {
        this._accepted.set(name + text.hex(signature), message);
      }
    }

    /** As the `verify` of this module. */
    verify(publicKey, signature, message) {
      const learnt = this._accepted.get(text.hex(publicKey) + text.hex(signature));
      if (learnt === undefined || !text.equal(learnt, message)) {
        verify(publicKey, signature, message);
      }
    }
  }

  return { verify, checkPublicKey, Memory };
})();
