/* SHA-256, at once: the proofs of a bundle need hundreds of thousands of hashes of a few bytes,
   and asking the browser for each takes longer than computing it. Twin of hashlib.sha256.

   Source: FIPS 180-4, sections 4.1.2, 5.1.1, 6.2.                                               */
const sha256 = (() => {
  "use strict";

  const { hex } = text;

  const _K = new Int32Array([
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
  ]);
  const _START = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
  ];
  const _words = new Int32Array(64);
  const _state = new Int32Array(8);
  const _pending = new Uint8Array(64);

  /** Take in one block of 64 bytes. */
  function _block(data, at) {
    const w = _words;
    for (let i = 0; i < 16; i++, at += 4) {
      w[i] = data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3];
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2];
      w[i] = w[i - 16] + w[i - 7]
        + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3)
        + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
    }
    const s = _state;
    let a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (let i = 0; i < 64; i++) {
      const one = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7))
        + (g ^ e & (f ^ g)) + _K[i] + w[i] | 0;
      const two = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10))
        + (a & b | c & (a | b)) | 0;
      h = g; g = f; f = e; e = d + one | 0; d = c; c = b; b = a; a = one + two | 0;
    }
    s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
  }

  /** The digest, 32 bytes, of pieces of bytes one after the other. */
  function digest(...pieces) {
    let size = 0, held = 0;
    _state.set(_START);
    for (const piece of pieces) {
      size += piece.length;
      held = _take(piece, held);
    }
    _pending[held++] = 0x80;
    if (held > 56) {
      _pending.fill(0, held);
      _block(_pending, 0);
      held = 0;
    }
    _pending.fill(0, held);
    _number(56, Math.floor(size / 0x20000000));
    _number(60, size << 3);
    _block(_pending, 0);
    const out = new Uint8Array(32);
    for (let i = 0; i < 32; i++) out[i] = _state[i >> 2] >> 24 - 8 * (i & 3);
    return out;
  }

  /** Take in a piece, whose last bytes may have to wait; `held`, returned too: how many do. */
  function _take(piece, held) {
    let at = 0;
    while (at < piece.length) {
      if (held === 0 && at + 64 <= piece.length) {
        _block(piece, at);
        at += 64;
        continue;
      }
      _pending[held++] = piece[at++];
      if (held === 64) {
        _block(_pending, 0);
        held = 0;
      }
    }
    return held;
  }

  function _number(at, number) {
    for (let i = 0; i < 4; i++) _pending[at + i] = number >>> 24 - 8 * i;
  }

  /** The digest in hex. */
  function hexdigest(...pieces) {
    return hex(digest(...pieces));
  }

  return { digest, hexdigest };
})();
