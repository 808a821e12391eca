/* Signatures of time-stamping authorities: RSA (PKCS #1 v1.5) and ECDSA (P-256, P-384), in plain
   arithmetic. Twin of publickey.py, where is written what is refused.

   `sha1` is here for the ESSCertID of older tokens (RFC 2634, 5.4), and for nothing else.        */
const publickey = (() => {
  "use strict";

  const { ValueError } = text;

  const SHA256 = "2.16.840.1.101.3.4.2.1";
  const SHA384 = "2.16.840.1.101.3.4.2.2";
  const SHA512 = "2.16.840.1.101.3.4.2.3";
  const _RSA = "1.2.840.113549.1.1.1";
  const _EC = "1.2.840.10045.2.1";
  // Signature algorithm: kind of key, digest (null: the one that is named beside it).
  const _SIGNATURES = new Map([
    [_RSA, ["rsa", null]],
    ["1.2.840.113549.1.1.11", ["rsa", SHA256]],
    ["1.2.840.113549.1.1.12", ["rsa", SHA384]],
    ["1.2.840.113549.1.1.13", ["rsa", SHA512]],
    ["1.2.840.10045.4.3.2", ["ec", SHA256]],
    ["1.2.840.10045.4.3.3", ["ec", SHA384]],
    ["1.2.840.10045.4.3.4", ["ec", SHA512]],
  ]);
  // DigestInfo up to the digest (RFC 8017, 9.2, note 1).
  const _PREFIXES = new Map([
    [SHA256, text.unhex("3031300d060960864801650304020105000420")],
    [SHA384, text.unhex("3041300d060960864801650304020205000430")],
    [SHA512, text.unhex("3051300d060960864801650304020305000440")],
  ]);
  const _MIN_RSA_BITS = 2_048;
  const _MAX_RSA_BITS = 8_192;

  // y² = x³ - 3x + b over the integers modulo p, with a base point (x, y) of order n.
  const _CURVES = new Map([
    ["1.2.840.10045.3.1.7", {
      p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
      b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
      n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
      x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
      y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
      size: 32,
    }],
    ["1.3.132.0.34", {
      p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
      b: BigInt("0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875a"
        + "c656398d8a2ed19d2a85c8edd3ec2aef"),
      n: BigInt("0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
        + "581a0db248b0a77aecec196accc52973"),
      x: BigInt("0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a38"
        + "5502f25dbf55296c3a545e3872760ab7"),
      y: BigInt("0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c0"
        + "0a60b1ce1d7e819d7a431d7c90ea0e5f"),
      size: 48,
    }],
  ]);

  // Jacobian coordinates [X, Y, Z]: x = X/Z², y = Y/Z³; Z = 0 is the point at infinity.
  const _INFINITY = [1n, 1n, 0n];

  /** SHA-256, SHA-384 or SHA-512 of `data`, by the algorithm's object identifier. */
  function digest(algorithm, data) {
    if (algorithm === SHA256) return sha256.digest(data);
    if (algorithm === SHA384) return sha512.digest384(data);
    if (algorithm === SHA512) return sha512.digest(data);
    throw new ValueError("a digest algorithm that is not accepted");
  }

  /** SHA-1 (FIPS 180-4, 6.1). */
  function sha1(data) {
    const size = (data.length + 8 >> 6) + 1;
    const words = new Int32Array(size * 16);
    for (let at = 0; at < data.length; at++) words[at >> 2] |= data[at] << 24 - (at & 3) * 8;
    words[data.length >> 2] |= 0x80 << 24 - (data.length & 3) * 8;
    words[size * 16 - 2] = Math.floor(data.length / 0x20000000);
    words[size * 16 - 1] = data.length << 3;
    const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
    const w = new Int32Array(80);
    for (let block = 0; block < size; block++) {
      w.set(words.subarray(block * 16, block * 16 + 16));
      for (let at = 16; at < 80; at++) {
        w[at] = _rotated(w[at - 3] ^ w[at - 8] ^ w[at - 14] ^ w[at - 16], 1);
      }
      let [a, b, c, d, e] = state;
      for (let at = 0; at < 80; at++) {
        const next = _rotated(a, 5) + _mixed(at, b, c, d) + e + w[at] | 0;
        [a, b, c, d, e] = [next, a, _rotated(b, 30), c, d];
      }
      [a, b, c, d, e].forEach((word, at) => { state[at] += word; });
    }
    const bytes = new Uint8Array(20);
    for (let at = 0; at < 20; at++) bytes[at] = state[at >> 2] >>> 24 - (at & 3) * 8;
    return bytes;
  }

  function _rotated(word, by) {
    return word << by | word >>> 32 - by;
  }

  function _mixed(at, b, c, d) {
    if (at < 20) return (b & c | ~b & d) + 0x5a827999;
    if (at < 40) return (b ^ c ^ d) + 0x6ed9eba1;
    if (at < 60) return (b & c | b & d | c & d) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
  }

  /** An AlgorithmIdentifier: [its object identifier, its parameters' bytes or null]. */
  function readAlgorithm(value) {
    const fields = new der.Fields(value);
    const identifier = der.oid(fields.take(der.OID));
    const parameters = fields.any();
    fields.end();
    return [identifier, parameters === null ? null : parameters.raw];
  }

  /** An AlgorithmIdentifier of a digest: no parameters, or NULL. */
  function readDigestAlgorithm(value) {
    const [identifier, parameters] = readAlgorithm(value);
    if (parameters !== null && !_isNull(parameters)) {
      throw new ValueError("a digest algorithm with parameters");
    }
    return identifier;
  }

  function _isNull(parameters) {
    return parameters !== null && text.hex(parameters) === "0500";
  }

  /** Return if `signature` by the key (SubjectPublicKeyInfo) covers `message`; see publickey.py. */
  function verify(key, algorithm, signature, message, named = null) {
    const [identifier, parameters] = readAlgorithm(algorithm);
    const [kind, own] = _SIGNATURES.get(identifier) || ["", null];
    if (parameters !== null && !(kind === "rsa" && _isNull(parameters))) {
      throw new ValueError("a signature algorithm with parameters");
    }
    if (own !== null && named !== null && own !== named) {
      throw new ValueError("two digest algorithms for one signature");
    }
    const hashed = own || named;
    if (!kind || hashed === null) {
      throw new ValueError("a signature algorithm that is not accepted");
    }
    const fields = new der.Fields(key);
    const keyAlgorithm = fields.take(der.SEQUENCE);
    const public_ = der.bits(fields.take(der.BIT_STRING));
    fields.end();
    const [keyKind, keyParameters] = readAlgorithm(keyAlgorithm);
    if (kind === "rsa" && keyKind === _RSA && _isNull(keyParameters)) {
      _verifyRsa(public_, signature, hashed, digest(hashed, message));
    } else if (kind === "ec" && keyKind === _EC && keyParameters !== null) {
      const curve = _CURVES.get(der.oid(der.read(keyParameters)));
      if (curve === undefined) throw new ValueError("a curve that is not accepted");
      _verifyEcdsa(curve, public_, signature, digest(hashed, message));
    } else {
      throw new ValueError("the key does not fit the signature algorithm");
    }
  }

  function _power(base, exponent, modulus) {
    let result = 1n;
    for (const bit of exponent.toString(2)) {
      result = result * result % modulus;
      if (bit === "1") result = result * base % modulus;
    }
    return result;
  }

  // -- RSA ---------------------------------------------------------------------------------------

  function _verifyRsa(public_, signature, algorithm, hashed) {
    const fields = new der.Fields(der.read(public_));
    const modulus = der.integer(fields.take(der.INTEGER));
    const exponent = der.small(fields.take(der.INTEGER));
    fields.end();
    const size = modulus < 0n ? 0 : modulus.toString(2).length;
    if (size < _MIN_RSA_BITS || size > _MAX_RSA_BITS) {
      throw new ValueError("an RSA key of fewer than 2,048 or more than 8,192 bits");
    }
    if (exponent < 3 || exponent % 2 === 0 || modulus % 2n === 0n) {
      throw new ValueError("no RSA key");
    }
    const octets = size + 7 >> 3;
    const number = der.unsigned(signature);
    if (signature.length !== octets || number >= modulus) {
      throw new ValueError("an RSA signature is as long as its key, and smaller");
    }
    const info = text.concat(_PREFIXES.get(algorithm), hashed);
    const padding = new Uint8Array(octets - info.length - 3).fill(0xff);
    const expected = text.concat(Uint8Array.of(0, 1), padding, Uint8Array.of(0), info);
    if (_power(number, BigInt(exponent), modulus) !== der.unsigned(expected)) {
      throw new ValueError("the signature does not fit the key and the message");
    }
  }

  // -- ECDSA -------------------------------------------------------------------------------------

  function _verifyEcdsa(curve, public_, signature, hashed) {
    const { p, n } = curve;
    const fields = new der.Fields(der.read(signature));
    const r = der.integer(fields.take(der.INTEGER)), s = der.integer(fields.take(der.INTEGER));
    fields.end();
    if (r < 1n || r >= n || s < 1n || s >= n) {
      throw new ValueError("a signature's number is out of range");
    }
    const point = _readPoint(curve, public_);
    const e = der.unsigned(hashed.subarray(0, curve.size));
    const w = _power(s, n - 2n, n);
    const [x, , z] = _twoProducts(curve, e * w % n, r * w % n, point);
    if (z === 0n || x * _power(z, 2n * (p - 2n), p) % p % n !== r) {
      throw new ValueError("the signature does not fit the key and the message");
    }
  }

  function _readPoint({ p, b, size }, public_) {
    if (public_.length !== 1 + 2 * size || public_[0] !== 4) {
      throw new ValueError("a point is not uncompressed");
    }
    const x = der.unsigned(public_.subarray(1, 1 + size));
    const y = der.unsigned(public_.subarray(1 + size));
    if (x >= p || y >= p || (y * y - x * x * x + 3n * x - b) % p !== 0n) {
      throw new ValueError("a point is not on the curve");
    }
    return [x, y, 1n];
  }

  /** u·G + v·Q in one pass of doublings (Straus). */
  function _twoProducts(curve, u, v, point) {
    const p = curve.p, base = [curve.x, curve.y, 1n];
    const table = [_INFINITY, base, point, _add(p, base, point)];
    const width = curve.size * 8;
    const ofBase = u.toString(2).padStart(width, "0"), ofPoint = v.toString(2).padStart(width, "0");
    let result = _INFINITY;
    for (let at = 0; at < width; at++) {
      result = _double(p, result);
      const which = Number(ofBase[at]) + 2 * Number(ofPoint[at]);
      if (which) result = _add(p, result, table[which]);
    }
    return result;
  }

  function _rest(p, number) {
    const rest = number % p;
    return rest < 0n ? rest + p : rest;
  }

  function _double(p, [x, y, z]) {
    if (z === 0n || y === 0n) return _INFINITY;
    const delta = z * z % p, gamma = y * y % p;
    const beta = x * gamma % p;
    const alpha = _rest(p, 3n * (x - delta) * (x + delta));
    const x3 = _rest(p, alpha * alpha - 8n * beta);
    const z3 = _rest(p, (y + z) * (y + z) - gamma - delta);
    return [x3, _rest(p, alpha * (4n * beta - x3) - 8n * gamma * gamma), z3];
  }

  function _add(p, one, other) {
    const [x1, y1, z1] = one, [x2, y2, z2] = other;
    if (z1 === 0n) return other;
    if (z2 === 0n) return one;
    const z1z1 = z1 * z1 % p, z2z2 = z2 * z2 % p;
    const u1 = x1 * z2z2 % p, u2 = x2 * z1z1 % p;
    const s1 = y1 * z2 * z2z2 % p, s2 = y2 * z1 * z1z1 % p;
    const h = _rest(p, u2 - u1), r = _rest(p, s2 - s1);
    if (h === 0n) return r === 0n ? _double(p, one) : _INFINITY;
    const hh = h * h % p;
    const hhh = h * hh % p, v = u1 * hh % p;
    const x3 = _rest(p, r * r - hhh - 2n * v);
    return [x3, _rest(p, r * (v - x3) - s1 * hhh), z1 * z2 * h % p];
  }

  return { SHA256, SHA384, SHA512, digest, sha1, readAlgorithm, readDigestAlgorithm, verify };
})();
