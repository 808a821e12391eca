/* SHA-512 and SHA-384. Twin of hashlib.sha512 and hashlib.sha384.

   A word of 64 bits is two of 32. Source: FIPS 180-4, sections 4.1.3, 5.1.2, 6.4, 6.5.           */
const sha512 = (() => {
  "use strict";

  // The first 64 bits of the fractional parts of the cube roots of the first eighty primes.
  const _K = _constants();
  const _START = {
    64: "6a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1"
      + "510e527fade682d19b05688c2b3e6c1f1f83d9abfb41bd6b5be0cd19137e2179",
    48: "cbbb9d5dc1059ed8629a292a367cd5079159015a3070dd17152fecd8f70e5939"
      + "67332667ffc00b318eb44a8768581511db0c2e0d64f98fa747b5481dbefa4fa4",
  };
  const _high = new Int32Array(80), _low = new Int32Array(80);

  function _constants() {
    const primes = [];
    for (let number = 2; primes.length < 80; number++) {
      if (primes.every((prime) => number % prime)) primes.push(number);
    }
    const words = new Int32Array(160);
    primes.forEach((prime, at) => {
      const cube = BigInt(prime) << 192n;
      let low = 0n, high = 1n << 68n; // the root lies between, times 2**64
      while (high - low > 1n) {
        const middle = low + high >> 1n;
        if (middle ** 3n <= cube) low = middle; else high = middle;
      }
      words[2 * at] = Number(BigInt.asIntN(32, low >> 32n));
      words[2 * at + 1] = Number(BigInt.asIntN(32, low));
    });
    return words;
  }

  /** Take in one block of 128 bytes. */
  function _block(state, view, at) {
    const H = _high, L = _low;
    for (let i = 0; i < 16; i++) {
      H[i] = view.getInt32(at + 8 * i);
      L[i] = view.getInt32(at + 8 * i + 4);
    }
    for (let i = 16; i < 80; i++) {
      const xh = H[i - 15], xl = L[i - 15], yh = H[i - 2], yl = L[i - 2];
      const low = (L[i - 16] >>> 0) + (L[i - 7] >>> 0)
        + (((xl >>> 1 | xh << 31) ^ (xl >>> 8 | xh << 24) ^ (xl >>> 7 | xh << 25)) >>> 0)
        + (((yl >>> 19 | yh << 13) ^ (yh >>> 29 | yl << 3) ^ (yl >>> 6 | yh << 26)) >>> 0);
      H[i] = H[i - 16] + H[i - 7] + Math.floor(low / 0x100000000)
        + ((xh >>> 1 | xl << 31) ^ (xh >>> 8 | xl << 24) ^ xh >>> 7)
        + ((yh >>> 19 | yl << 13) ^ (yl >>> 29 | yh << 3) ^ yh >>> 6);
      L[i] = low;
    }
    let [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl] = state;
    for (let i = 0; i < 80; i++) {
      const one = (hl >>> 0) + (_K[2 * i + 1] >>> 0) + (L[i] >>> 0) + ((gl ^ el & (fl ^ gl)) >>> 0)
        + (((el >>> 14 | eh << 18) ^ (el >>> 18 | eh << 14) ^ (eh >>> 9 | el << 23)) >>> 0);
      const oneHigh = hh + _K[2 * i] + H[i] + (gh ^ eh & (fh ^ gh))
        + ((eh >>> 14 | el << 18) ^ (eh >>> 18 | el << 14) ^ (el >>> 9 | eh << 23))
        + Math.floor(one / 0x100000000) | 0;
      const two = ((al & bl | cl & (al | bl)) >>> 0)
        + (((al >>> 28 | ah << 4) ^ (ah >>> 2 | al << 30) ^ (ah >>> 7 | al << 25)) >>> 0);
      const twoHigh = (ah & bh | ch & (ah | bh))
        + ((ah >>> 28 | al << 4) ^ (al >>> 2 | ah << 30) ^ (al >>> 7 | ah << 25))
        + Math.floor(two / 0x100000000) | 0;
      hh = gh; hl = gl; gh = fh; gl = fl; fh = eh; fl = el;
      const e = (dl >>> 0) + (one % 0x100000000);
      eh = dh + oneHigh + Math.floor(e / 0x100000000) | 0; el = e | 0;
      dh = ch; dl = cl; ch = bh; cl = bl; bh = ah; bl = al;
      const a = one % 0x100000000 + two % 0x100000000;
      ah = oneHigh + twoHigh + Math.floor(a / 0x100000000) | 0; al = a | 0;
    }
    const added = [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl];
    for (let i = 0; i < 16; i += 2) {
      const low = (state[i + 1] >>> 0) + (added[i + 1] >>> 0);
      state[i] = state[i] + added[i] + Math.floor(low / 0x100000000);
      state[i + 1] = low;
    }
  }

  function _digest(data, length) {
    const start = new DataView(text.unhex(_START[length]).buffer);
    const state = new Int32Array(16).map((_, at) => start.getInt32(4 * at));
    const padded = new Uint8Array(data.length + 17 + 127 & ~127);
    padded.set(data);
    padded[data.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setUint32(padded.length - 8, Math.floor(data.length / 0x20000000));
    view.setUint32(padded.length - 4, data.length << 3);
    for (let at = 0; at < padded.length; at += 128) _block(state, view, at);
    const out = new Uint8Array(64), shown = new DataView(out.buffer);
    for (let i = 0; i < 16; i++) shown.setInt32(4 * i, state[i]);
    return out.subarray(0, length);
  }

  /** The digest of SHA-512, 64 bytes, of pieces of bytes one after the other. */
  function digest(...pieces) {
    return _digest(pieces.length === 1 ? pieces[0] : text.concat(...pieces), 64);
  }

  /** The digest of SHA-384, 48 bytes. */
  function digest384(...pieces) {
    return _digest(pieces.length === 1 ? pieces[0] : text.concat(...pieces), 48);
  }

  return { digest, digest384 };
})();
