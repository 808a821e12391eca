/* Time tokens (RFC 3161): that an authority saw an imprint at a time. Twin of token.py, where the
   numbered steps are written out.                                                                */
const token = (() => {
  "use strict";

  const { ValueError } = text;

  const _SIGNED_DATA = "1.2.840.113549.1.7.2";
  const _TST_INFO = "1.2.840.113549.1.9.16.1.4";
  const _CONTENT_TYPE = "1.2.840.113549.1.9.3";
  const _MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
  const _SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12";
  const _SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";
  const _IN_USE = ["2000", "9900"]; // years of tokens: before, there were none
  const _NOTHING = { tag: 0, raw: new Uint8Array(0), content: new Uint8Array(0), parts: [] };

  /** What the reply says if it holds for this imprint: {genTime, accuracyMs, issuerKnown, serial,
      policy}. Throws ValueError with the code token_malformed, token_differs or token_signature. */
  function verifyToken(tsr, imprint, roots) {
    const signed = _coded("token_malformed", () => _parse(tsr)); // step 1
    const info = signed.info;
    if (info.algorithm !== publickey.SHA256 || !text.equal(info.imprint, imprint)) { // step 2
      throw new ValueError("token_differs");
    }
    const signer = _coded("token_signature", () => _signer(signed, roots)); // steps 3 to 6
    const known = x509.leadsToRoot(signer, signed.certificates, roots, info.genTime); // step 7
    return { genTime: _shown(info.genTime), accuracyMs: info.accuracyMs, issuerKnown: known,
             serial: info.serial, policy: info.policy };
  }

  /** What a reply says, unverified: {policy, algorithm, imprint, serial, genTime, accuracyMs,
      nonce: BigInt or null}. */
  function readInfo(tsr) {
    const info = _coded("token_malformed", () => _parse(tsr)).info;
    return { ...info, genTime: _shown(info.genTime) };
  }

  /** The first moment that the token admits, YYYY-MM-DDTHH:MM:SS.mmmZ. */
  function earliest(found) {
    return _moved(found.genTime, -found.accuracyMs);
  }

  /** The last moment that the token admits; a second more, for the fraction that was cut off. */
  function latest(found) {
    return _moved(found.genTime, found.accuracyMs + 1000);
  }

  function _moved(time, milliseconds) {
    return new Date(Date.parse(time) + milliseconds).toISOString();
  }

  function _shown(time) {
    const date = `${time.slice(0, 4)}-${time.slice(4, 6)}-${time.slice(6, 8)}`;
    return `${date}T${time.slice(8, 10)}:${time.slice(10, 12)}:${time.slice(12)}Z`;
  }

  function _coded(code, attempt) {
    try {
      return attempt();
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      throw new ValueError(code);
    }
  }

  // -- step 1: reading ---------------------------------------------------------------------------

  function _parse(tsr) {
    const fields = new der.Fields(der.read(tsr));
    const status = _status(fields);
    if (status > 1) throw new ValueError("the authority did not grant the token");
    const content = new der.Fields(fields.take(der.SEQUENCE));
    fields.end();
    if (der.oid(content.take(der.OID)) !== _SIGNED_DATA) throw new ValueError("not signed data");
    const inner = content.inside(0xa0);
    content.end();
    if (inner === null) throw new ValueError("signed data are missing");
    return _signedData(new der.Fields(inner));
  }

  function _status(fields) {
    const info = new der.Fields(fields.take(der.SEQUENCE));
    const status = der.small(info.take(der.INTEGER));
    info.maybe(der.SEQUENCE); // words for people
    const failure = info.maybe(der.BIT_STRING);
    info.end();
    if (failure !== null) der.flags(failure);
    return status;
  }

  function _signedData(fields) {
    if (der.small(fields.take(der.INTEGER)) !== 3) {
      throw new ValueError("signed data of another version");
    }
    const digests = fields.take(der.SET).parts.map(publickey.readDigestAlgorithm);
    const content = _content(new der.Fields(fields.take(der.SEQUENCE)));
    const certificates = fields.maybe(0xa0);
    fields.maybe(0xa1); // revocation lists
    const signers = fields.take(der.SET);
    fields.end();
    if (signers.parts.length !== 1) throw new ValueError("a token has one signer");
    // Of the kinds that CMS knows, X.509 certificates are the ones that are a SEQUENCE.
    const parts = certificates === null ? [] : certificates.parts;
    const kept = parts.filter((part) => part.tag === der.SEQUENCE).map((part) => part.raw);
    if (parts.length > x509.MAX_CERTIFICATES) {
      throw new ValueError("more certificates than are read");
    }
    const signed = _signerInfo(new der.Fields(signers.parts[0]), content, kept);
    if (!digests.includes(signed.digestAlgorithm)) {
      throw new ValueError("the signer's digest algorithm is not announced");
    }
    return signed;
  }

  function _content(fields) {
    if (der.oid(fields.take(der.OID)) !== _TST_INFO) {
      throw new ValueError("not the content of a time token");
    }
    const inner = fields.inside(0xa0);
    fields.end();
    if (inner === null) throw new ValueError("the content is missing");
    return der.octets(inner);
  }

  function _signerInfo(fields, content, certificates) {
    const version = der.small(fields.take(der.INTEGER));
    let issuer = null, serial = 0n;
    const identifier = fields.maybe(0x80);
    if (identifier === null) {
      const named = new der.Fields(fields.take(der.SEQUENCE));
      issuer = text.hex(named.take(der.SEQUENCE).raw);
      serial = der.integer(named.take(der.INTEGER));
      named.end();
    }
    if (version !== (identifier === null ? 1 : 3)) {
      throw new ValueError("the signer's version does not fit how it is named");
    }
    const digestAlgorithm = publickey.readDigestAlgorithm(fields.take(der.SEQUENCE));
    const attributes = fields.take(0xa0);
    const algorithm = fields.take(der.SEQUENCE);
    const signature = der.octets(fields.take(der.OCTET_STRING));
    fields.maybe(0xa1); // unsigned attributes
    fields.end();
    const keyIdentifier = identifier === null ? null : identifier.content;
    return { content, info: _info(content), certificates, digestAlgorithm, issuer, serial,
             keyIdentifier, attributes, algorithm, signature };
  }

  function _info(content) {
    const fields = new der.Fields(der.read(content));
    if (der.small(fields.take(der.INTEGER)) !== 1) {
      throw new ValueError("a token of another version");
    }
    const policy = der.oid(fields.take(der.OID));
    const written = new der.Fields(fields.take(der.SEQUENCE));
    const algorithm = publickey.readDigestAlgorithm(written.take(der.SEQUENCE));
    const imprint = der.octets(written.take(der.OCTET_STRING));
    written.end();
    const serial = fields.take(der.INTEGER);
    der.integer(serial);
    const [genTime] = der.generalized(fields.take(der.GENERALIZED_TIME));
    if (!(_IN_USE[0] <= genTime && genTime < _IN_USE[1])) {
      throw new ValueError("not a year of time tokens");
    }
    const accuracy = fields.maybe(der.SEQUENCE);
    const ordering = fields.maybe(der.BOOLEAN);
    if (ordering !== null) der.boolean(ordering);
    const nonce = fields.maybe(der.INTEGER);
    fields.maybe(0xa0); // the authority's name
    const extensions = fields.maybe(0xa1);
    fields.end();
    if (extensions !== null) _checkExtensions(extensions);
    return { policy, algorithm, imprint, serial: text.hex(serial.content), genTime,
             accuracyMs: _accuracy(accuracy), nonce: nonce === null ? null : der.integer(nonce) };
  }

  function _checkExtensions(extensions) {
    for (const part of extensions.parts) {
      const fields = new der.Fields(part);
      fields.take(der.OID);
      const critical = fields.maybe(der.BOOLEAN);
      fields.take(der.OCTET_STRING);
      fields.end();
      if (critical !== null && der.boolean(critical)) {
        throw new ValueError("a critical extension that is not known");
      }
    }
  }

  /** Milliseconds, rounded up; 0 where the authority says nothing. */
  function _accuracy(value) {
    if (value === null) return 0;
    const fields = new der.Fields(value);
    const seconds = fields.maybe(der.INTEGER);
    const milliseconds = fields.maybe(0x80), microseconds = fields.maybe(0x81);
    fields.end();
    const whole = seconds === null ? 0 : der.small(seconds);
    if (whole > 86_400) throw new ValueError("an accuracy of more than a day");
    return whole * 1000 + _thousandths(milliseconds) + (_thousandths(microseconds) ? 1 : 0);
  }

  function _thousandths(value) {
    if (value === null) return 0;
    const number = der.small({ ...value, tag: der.INTEGER });
    if (number < 1 || number > 999) throw new ValueError("not from 1 to 999");
    return number;
  }

  // -- steps 3 to 6: who signed ------------------------------------------------------------------

  function _signer(signed, roots) {
    const attributes = _attributes(signed.attributes);
    const contentType = der.oid(attributes.get(_CONTENT_TYPE) || _NOTHING); // step 3
    const messageDigest = der.octets(attributes.get(_MESSAGE_DIGEST) || _NOTHING);
    if (contentType !== _TST_INFO || !text.equal(
      messageDigest, publickey.digest(signed.digestAlgorithm, signed.content))) {
      throw new ValueError("the signed attributes are of another content");
    }
    const raw = _named(attributes, [...signed.certificates, ...roots]); // step 4
    const signer = x509.parse(raw);
    if (signed.keyIdentifier !== null) {
      const identifier = x509.keyIdentifier(signer);
      if (identifier === null || !text.equal(identifier, signed.keyIdentifier)) {
        throw new ValueError("the signer is not whose certificate the attributes name");
      }
    } else if (signer.issuer !== signed.issuer || signer.serial !== signed.serial) {
      throw new ValueError("the signer is not whose certificate the attributes name");
    }
    // RFC 5652, 5.4: signed as an explicit SET OF.
    const message = text.concat(Uint8Array.of(0x31), signed.attributes.raw.subarray(1));
    publickey.verify( // step 5
      signer.key, signed.algorithm, signed.signature, message, signed.digestAlgorithm);
    x509.checkSigner(signer, signed.info.genTime); // step 6
    return signer;
  }

  /** Attributes by type; of each there is one, with one value (RFC 5652, 11). */
  function _attributes(value) {
    const found = new Map();
    for (const part of value.parts) {
      const fields = new der.Fields(part);
      const identifier = der.oid(fields.take(der.OID));
      const values = fields.take(der.SET);
      fields.end();
      if (found.has(identifier) || !values.parts.length) {
        throw new ValueError("a signed attribute stands twice, or is empty");
      }
      found.set(identifier, values.parts.length === 1 ? values.parts[0] : _NOTHING);
    }
    return found;
  }

  /** The certificate whose hash the signed attributes give; all of them if there are several. */
  function _named(attributes, certificates) {
    const tests = [[_SIGNING_CERTIFICATE, 1], [_SIGNING_CERTIFICATE_V2, 2]]
      .filter(([name]) => attributes.has(name))
      .map(([name, version]) => _essCertificate(attributes.get(name), version));
    for (const raw of certificates) {
      if (tests.length && tests.every((test) => _fits(test, raw))) return raw;
    }
    throw new ValueError("the certificate that the signer names is not there");
  }

  /** The first of a SigningCertificate: the signer's (RFC 5816; RFC 2634, 5.4). */
  function _essCertificate(value, version) {
    let fields = new der.Fields(value);
    const allOfThem = fields.take(der.SEQUENCE);
    fields.maybe(der.SEQUENCE); // policies
    fields.end();
    if (!allOfThem.parts.length) throw new ValueError("no certificate is named");
    fields = new der.Fields(allOfThem.parts[0]);
    let algorithm = "sha1";
    if (version === 2) {
      const written = fields.maybe(der.SEQUENCE);
      algorithm = written === null ? publickey.SHA256 : publickey.readDigestAlgorithm(written);
    }
    const hashed = der.octets(fields.take(der.OCTET_STRING));
    const issuerSerial = fields.maybe(der.SEQUENCE);
    fields.end();
    if (issuerSerial === null) return { algorithm, hashed, issuer: null, serial: 0n };
    fields = new der.Fields(issuerSerial);
    const names = fields.take(der.SEQUENCE).parts;
    const serial = der.integer(fields.take(der.INTEGER));
    fields.end();
    if (names.length !== 1 || names[0].tag !== 0xa4 || names[0].parts.length !== 1) {
      throw new ValueError("an issuer that is not one directory name");
    }
    return { algorithm, hashed, issuer: text.hex(names[0].parts[0].raw), serial };
  }

  function _fits(test, raw) {
    const hashed = test.algorithm === "sha1"
      ? publickey.sha1(raw) : publickey.digest(test.algorithm, raw);
    if (!text.equal(hashed, test.hashed)) return false;
    if (test.issuer === null) return true;
    const certificate = x509.parse(raw);
    return certificate.issuer === test.issuer && certificate.serial === test.serial;
  }

  return { verifyToken, readInfo, earliest, latest };
})();
