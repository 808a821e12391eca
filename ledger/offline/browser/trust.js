/* What the reader trusts, got from elsewhere than the bundle: it alone decides who is believed.
   Twin of trust.py.                                                                             */
const trust = (() => {
  "use strict";

  const { ValueError } = text;

  const MAX_COSIGNERS = 100;

  /** What the texts of verifier keys and the bytes of certificate files (PEM, DER) say.
   *
   * {ledger, cosigners, tsaRoots}. Refuses what is none, what is there twice, and more than there
   * may be.
   */
  function parseTrust(ledger, cosigners = [], roots = []) {
    const key = notes.parseVkey(notes.strip(ledger));
    const keys = cosigners.map((one) => notes.parseCosigner(notes.strip(one)));
    const publics = new Set([key, ...keys].map((one) => text.hex(one.public)));
    if (keys.length > MAX_COSIGNERS || publics.size <= keys.length) {
      throw new ValueError("a cosigner's key is the ledger's or another's, or there are too many");
    }
    const found = roots.flatMap(x509.parseRoots);
    if (found.length > x509.MAX_ROOTS) throw new ValueError("there are too many certificates");
    return { ledger: key, cosigners: keys, tsaRoots: found };
  }

  return { parseTrust };
})();
