/* Certificates of time-stamping authorities, and the chain from one to a pinned root. Twin of
   x509.py, where is written what is judged.

   Names and whole certificates are compared as hex.                                              */
const x509 = (() => {
  "use strict";

  const { ValueError } = text;

  const MAX_CERTIFICATES = 16;
  const MAX_CHAIN = 8;
  const MAX_CHECKS = 64;
  const MAX_ROOTS = 1_000;

  const _BASIC_CONSTRAINTS = "2.5.29.19";
  const _KEY_USAGE = "2.5.29.15";
  const _EXTENDED_KEY_USAGE = "2.5.29.37";
  const _KNOWN = new Set(
    [_BASIC_CONSTRAINTS, _KEY_USAGE, _EXTENDED_KEY_USAGE, "2.5.29.17", "2.5.29.32"]);
  const _TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
  const _ANY_PURPOSE = "2.5.29.37.0";
  const _DIGITAL_SIGNATURE = 1 << 0;
  const _NON_REPUDIATION = 1 << 1;
  const _KEY_CERT_SIGN = 1 << 5;
  const _MAX_PEM_BYTES = 1 << 20;
  const _PEM =
    /-----BEGIN CERTIFICATE-----[\r\n]([A-Za-z0-9+/=\r\n]*)-----END CERTIFICATE-----/gu;
  const _BASE64 = text.whole("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?");
  const _ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const _MAX_KEPT = 1024;
  const _links = new Map(); // which certificate signed which: found once

  /** The certificates of a file, as DER: one in DER, or any number in PEM, in their order. */
  function parseRoots(data) {
    if (data.length > _MAX_PEM_BYTES) {
      throw new ValueError("the file of certificates is too large");
    }
    let found = [data];
    if (data[0] !== 0x30) {
      const written = Array.from(data, (byte) => String.fromCharCode(byte)).join("");
      found = Array.from(written.matchAll(_PEM), (match) => _base64(match[1]));
    }
    if (found.length < 1 || found.length > MAX_ROOTS) {
      throw new ValueError("the file holds no certificates, or too many");
    }
    for (const one of found) parse(one);
    return found;
  }

  function _base64(block) {
    const letters = block.replace(/[\r\n]/gu, "");
    if (!_BASE64.test(letters)) throw new ValueError("not canonical base64");
    const plain = letters.replace(/=+$/u, "");
    const bytes = new Uint8Array(plain.length * 6 >> 3);
    let held = 0, count = 0, at = 0;
    for (const letter of plain) {
      held = (held << 6 | _ALPHABET.indexOf(letter)) & 0xffff;
      count += 6;
      if (count >= 8) {
        count -= 8;
        bytes[at++] = held >> count & 0xff;
      }
    }
    if (held & (1 << count) - 1) throw new ValueError("not canonical base64");
    return bytes;
  }

  /** Read one certificate; nothing of it is verified. */
  function parse(data) {
    let fields = new der.Fields(der.read(data));
    const tbs = fields.take(der.SEQUENCE);
    const algorithm = fields.take(der.SEQUENCE);
    const signature = der.bits(fields.take(der.BIT_STRING));
    fields.end();
    fields = new der.Fields(tbs);
    const version = _version(fields);
    const serial = der.integer(fields.take(der.INTEGER));
    if (!text.equal(fields.take(der.SEQUENCE).raw, algorithm.raw)) {
      throw new ValueError("a certificate names two signature algorithms");
    }
    const issuer = text.hex(fields.take(der.SEQUENCE).raw);
    const [begins, ends] = _validity(fields.take(der.SEQUENCE));
    const subject = text.hex(fields.take(der.SEQUENCE).raw);
    const key = fields.take(der.SEQUENCE);
    if (version > 1) {
      fields.maybe(0x81);
      fields.maybe(0x82);
    }
    const extensions = version === 3 ? _extensions(fields) : null;
    fields.end();
    return { raw: data, shown: text.hex(data), signed: tbs.raw, algorithm, signature, serial,
             issuer, subject, begins, ends, key, extensions };
  }

  function _version(fields) {
    const written = fields.inside(0xa0);
    if (written === null) return 1;
    const version = der.small(written) + 1;
    if (version !== 2 && version !== 3) throw new ValueError("a certificate of another version");
    return version;
  }

  function _validity(value) {
    const fields = new der.Fields(value);
    const begins = fields.any(), ends = fields.any();
    fields.end();
    if (begins === null || ends === null) {
      throw new ValueError("a certificate without the time of its validity");
    }
    return [der.utcOrGeneralized(begins), der.utcOrGeneralized(ends)];
  }

  function _extensions(fields) {
    const outer = fields.inside(0xa3);
    const found = new Map();
    if (outer === null) return found;
    new der.Fields(outer);
    for (const part of outer.parts) {
      const one = new der.Fields(part);
      const identifier = der.oid(one.take(der.OID));
      const critical = one.maybe(der.BOOLEAN);
      const content = der.octets(one.take(der.OCTET_STRING));
      one.end();
      if (found.has(identifier)) throw new ValueError("a certificate has an extension twice");
      found.set(identifier, [critical !== null && der.boolean(critical), content]);
    }
    return found;
  }

  // -- judging -----------------------------------------------------------------------------------

  /** Refuse a certificate that may not sign time tokens at `at` (YYYYMMDDHHMMSS). */
  function checkSigner(certificate, at) {
    _checkValid(certificate, at);
    const [critical, purposes] = _purposes(certificate) || [false, []];
    if (!critical || purposes.length !== 1 || purposes[0] !== _TIME_STAMPING) {
      throw new ValueError("the certificate is not for time stamping alone");
    }
    const usage = _usage(certificate);
    if (usage !== null && !(usage & (_DIGITAL_SIGNATURE | _NON_REPUDIATION))) {
      throw new ValueError("the certificate is not for signatures");
    }
  }

  /** Whether a chain that is in order at `at` leads from the signer to one of the roots. */
  function leadsToRoot(signer, others, roots, at) {
    const pinned = new Set(roots.map(text.hex));
    if (pinned.has(signer.shown)) return true;
    const candidates = [...roots, ...others].map(_readable).filter((one) => one !== null);
    // A place in a chain: the certificate, CAs below it, and how many of them count.
    const waiting = [[signer, 0, 0]];
    const met = new Set();
    let checks = 0;
    while (waiting.length) {
      const [child, depth, counted] = waiting.shift();
      for (const issuer of candidates) {
        const next = counted + (issuer.subject === issuer.issuer ? 0 : 1);
        const place = `${issuer.shown} ${depth + 1} ${next}`;
        if (issuer.subject !== child.issuer || depth + 2 > MAX_CHAIN || met.has(place)) continue;
        if (!_mayIssue(issuer, counted, at, pinned.has(issuer.shown))) continue;
        checks += 1;
        if (checks > MAX_CHECKS) return false;
        if (!_issued(issuer, child)) continue;
        if (pinned.has(issuer.shown)) return true;
        met.add(place);
        waiting.push([issuer, depth + 1, next]);
      }
    }
    return false;
  }

  /** What `attempt` returns, or `otherwise` where it is refused. */
  function _unless(attempt, otherwise) {
    try {
      return attempt();
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      return otherwise;
    }
  }

  function _readable(data) {
    return _unless(() => parse(data), null);
  }

  function _mayIssue(issuer, below, at, pinned) {
    return _unless(() => {
      _checkValid(issuer, at);
      _checkIssuer(issuer, below, pinned);
      return true;
    }, false);
  }

  function _issued(issuer, child) {
    const link = `${issuer.shown} ${child.shown}`;
    if (!_links.has(link)) {
      if (_links.size >= _MAX_KEPT) _links.clear();
      _links.set(link, _unless(() => {
        publickey.verify(issuer.key, child.algorithm, child.signature, child.signed);
        return true;
      }, false));
    }
    return _links.get(link);
  }

  function _checkValid(certificate, at) {
    if (at < certificate.begins || at > certificate.ends) {
      throw new ValueError("the certificate is not valid at that time");
    }
    for (const [name, [critical]] of certificate.extensions || []) {
      if (critical && !_KNOWN.has(name)) {
        throw new ValueError("a critical extension that is not known");
      }
    }
  }

  function _checkIssuer(issuer, below, pinned) {
    if (issuer.extensions === null && pinned) return;
    const constraints = _extension(issuer, _BASIC_CONSTRAINTS);
    if (constraints === null) throw new ValueError("not the certificate of a CA");
    const fields = new der.Fields(der.read(constraints[1]));
    const isCa = fields.maybe(der.BOOLEAN);
    const longest = fields.maybe(der.INTEGER);
    fields.end();
    if (isCa === null || !der.boolean(isCa)) throw new ValueError("not the certificate of a CA");
    if (longest !== null && der.small(longest) < below) {
      throw new ValueError("there are more CAs below it than it allows");
    }
    const usage = _usage(issuer);
    if (usage !== null && !(usage & _KEY_CERT_SIGN)) {
      throw new ValueError("the certificate is not for signing certificates");
    }
    const purposes = _purposes(issuer);
    if (purposes !== null
        && !purposes[1].some((one) => one === _TIME_STAMPING || one === _ANY_PURPOSE)) {
      throw new ValueError("the certificate is for other purposes");
    }
  }

  function _extension(certificate, name) {
    return (certificate.extensions && certificate.extensions.get(name)) || null;
  }

  function _usage(certificate) {
    const usage = _extension(certificate, _KEY_USAGE);
    return usage === null ? null : der.flags(der.read(usage[1]));
  }

  /** [Whether extendedKeyUsage is critical, what it names]; null where it is not there. */
  function _purposes(certificate) {
    const extension = _extension(certificate, _EXTENDED_KEY_USAGE);
    if (extension === null) return null;
    const outer = der.read(extension[1]);
    new der.Fields(outer);
    return [extension[0], outer.parts.map(der.oid)];
  }

  /** The subject key identifier that a certificate gives itself, or null. */
  function keyIdentifier(certificate) {
    const extension = _extension(certificate, "2.5.29.14");
    return extension === null ? null : der.octets(der.read(extension[1]));
  }

  return { MAX_CERTIFICATES, MAX_ROOTS, parseRoots, parse, checkSigner, leadsToRoot,
           keyIdentifier };
})();
