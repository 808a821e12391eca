/* The container of a bundle: a BagIt 1.0 bag (RFC 8493), as canonical zip. Twin of bag.py, which
   states the format.

   A zip that `writeZip` would not have written is refused. A folder that the reader chose comes as
   a Map of its files.                                                                           */
const bag = (() => {
  "use strict";

  const { ValueError, order, whole } = text;
  const { Flaw, finding } = findings;

  const MAX_BYTES = 256 << 20;
  const MAX_FILES = 50_000;
  const MAX_NAME_BYTES = 512;
  const PAYLOAD = "data/";
  const BAGIT = "bagit.txt";
  const INFO = "bag-info.txt";
  const MANIFEST = "manifest-sha256.txt";
  const TAG_MANIFEST = "tagmanifest-sha256.txt";
  const EXPORTER_NOTE = "exporter.note";
  const TAG_FILES = [BAGIT, INFO, MANIFEST, TAG_MANIFEST, EXPORTER_NOTE];
  const DECLARATION = text.bytes("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n");

  const _INFO = whole(
    "External-Identifier: ([!-~]{1,128})\n"
    + "Bagging-Date: ([0-9]{4}-[0-9]{2}-[0-9]{2})\n"
    + "Payload-Oxum: ([0-9]{1,12}\\.[0-9]{1,6})\n"
    + "Bag-Software-Agent: ([!-~]{1,64})\n");
  const _FORBIDDEN = /[\x00-\x1f\x7f-\x9f\\%:]/;
  const _LISTED = whole("([0-9a-f]{64})  ([^\n]+)");

  // Sizes of a local header, a central header and the end of the directory.
  const _LOCAL = 30, _CENTRAL = 46, _END = 22;
  // Beside its content, a file costs two headers and twice its name.
  const MAX_ZIP_BYTES = MAX_BYTES + MAX_FILES * (_LOCAL + _CENTRAL + 2 * MAX_NAME_BYTES) + _END;
  const _VERSION = 20, _FLAGS = 0x0800, _STORED = 0, _TIME = 0, _DATE = 0x0021;
  const _MADE_BY = 3 << 8 | _VERSION;
  const _ATTRIBUTES = 0o100644 * 0x10000;

  // -- names and limits --------------------------------------------------------------------------

  /** Refuse a path that has not the form of bag.py. */
  function checkName(name) {
    let length;
    try {
      length = text.bytes(name).length;
    } catch (error) {
      throw _unless(error, ValueError, "name_unsafe");
    }
    const segments = name.split("/");
    if (length > MAX_NAME_BYTES
        || segments.some((segment) => segment === "" || segment === "." || segment === "..")
        || _FORBIDDEN.test(name) || name.normalize("NFC") !== name) {
      throw new Flaw("name_unsafe");
    }
  }

  /** The flaw instead of an error of a kind; any other error itself. */
  function _unless(error, kind, code) {
    return error instanceof kind ? new Flaw(code) : error;
  }

  function _checkNames(names) {
    const known = new Set(names);
    for (const name of known) {
      checkName(name);
      let folder = name;
      while (folder.includes("/")) {
        folder = folder.slice(0, folder.lastIndexOf("/"));
        if (known.has(folder)) throw new Flaw("name_unsafe");
      }
    }
  }

  function _checkLimits(count, size) {
    if (count > MAX_FILES || size > MAX_BYTES) throw new Flaw("too_large");
  }

  function _inOrder(names) {
    return [...names].sort(order); // by code points, which is by the bytes of UTF-8
  }

  // -- zip ---------------------------------------------------------------------------------------

  // What a byte adds to the sum, and what it adds when one, two or three bytes follow.
  const _CRC = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0xedb88320 : crc >>> 1;
    _CRC[byte] = crc;
  }
  for (let at = 256; at < 1024; at++) _CRC[at] = _CRC[at - 256] >>> 8 ^ _CRC[_CRC[at - 256] & 0xff];

  function _crc32(data) {
    let crc = -1, at = 0;
    for (const end = data.length - 3; at < end; at += 4) {
      crc ^= data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24;
      crc = _CRC[768 + (crc & 0xff)] ^ _CRC[512 + (crc >>> 8 & 0xff)]
        ^ _CRC[256 + (crc >>> 16 & 0xff)] ^ _CRC[crc >>> 24];
    }
    for (; at < data.length; at++) crc = crc >>> 8 ^ _CRC[(crc ^ data[at]) & 0xff];
    return ~crc;
  }

  /** Numbers as a zip writes them: pairs of a size in bytes (2 or 4) and a value. */
  function _pack(signature, fields) {
    const bytes = new Uint8Array(4 + fields.reduce((size, [width]) => size + width, 0));
    const view = new DataView(bytes.buffer);
    view.setUint32(0, signature);
    let at = 4;
    for (const [width, value] of fields) {
      if (width === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
      at += width;
    }
    return bytes;
  }

  const _short = (...values) => values.map((value) => [2, value]);
  const _long = (...values) => values.map((value) => [4, value]);

  /** The pieces of the canonical zip of files by path. Throws `Flaw`. */
  function writeZip(entries) {
    let total = 0;
    for (const data of entries.values()) total += data.length;
    _checkLimits(entries.size, total);
    _checkNames(entries.keys());
    const body = [], directory = [];
    let offset = 0, listed = 0;
    for (const name of _inOrder(entries.keys())) {
      const data = entries.get(name), encoded = text.bytes(name);
      const common = [
        ..._short(_VERSION, _FLAGS, _STORED, _TIME, _DATE),
        ..._long(_crc32(data), data.length, data.length),
      ];
      body.push(_pack(0x504b0304, [...common, ..._short(encoded.length, 0)]), encoded, data);
      const tail = [..._short(encoded.length, 0, 0, 0, 0), ..._long(_ATTRIBUTES, offset)];
      directory.push(_pack(0x504b0102, [..._short(_MADE_BY), ...common, ...tail]), encoded);
      offset += _LOCAL + encoded.length + data.length;
      listed += _CENTRAL + encoded.length;
    }
    const count = entries.size;
    const end = [..._short(0, 0, count, count), ..._long(listed, offset), ..._short(0)];
    return [...body, ...directory, _pack(0x504b0506, end)];
  }

  /** The bag that a canonical zip holds: {name, files: Map}. Throws `Flaw`. */
  function readZip(data) {
    if (data.length > MAX_ZIP_BYTES) throw new Flaw("too_large");
    const entries = _localFiles(data);
    if (!_consistsOf(data, writeZip(entries))) throw new Flaw("zip_not_canonical");
    const names = [...entries.keys()];
    const tops = new Set(names.map((name) => name.split("/", 1)[0]));
    if (tops.size !== 1 || !names.every((name) => name.includes("/"))) {
      throw new Flaw("top_folder");
    }
    const [top] = tops, files = new Map();
    for (const [name, content] of entries) files.set(name.slice(top.length + 1), content);
    return { name: top, files };
  }

  function _consistsOf(data, pieces) {
    let at = 0;
    for (const piece of pieces) {
      const here = data.subarray(at, at + piece.length);
      const itself = piece.buffer === here.buffer && piece.byteOffset === here.byteOffset
        && piece.length === here.length;
      if (!itself && !text.equal(here, piece)) return false;
      at += piece.length;
    }
    return at === data.length;
  }

  /** Every file by its local header; what else is in the zip is left to the comparison. */
  function _localFiles(data) {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const entries = new Map();
    let at = 0, total = 0;
    while (at + _LOCAL <= data.length && view.getUint32(at) === 0x504b0304) {
      const method = view.getUint16(at + 8, true), size = view.getUint32(at + 18, true);
      const nameLength = view.getUint16(at + 26, true), start = at + _LOCAL;
      at = start + nameLength + size;
      if (method !== _STORED || nameLength > MAX_NAME_BYTES || at > data.length) {
        throw new Flaw("zip_not_canonical");
      }
      const name = _name(data.subarray(start, start + nameLength));
      if (entries.has(name)) throw new Flaw("name_twice");
      entries.set(name, data.subarray(start + nameLength, at));
      total += size;
      _checkLimits(entries.size, total);
    }
    if (!entries.size) {
      const zip = data[0] === 0x50 && data[1] === 0x4b;
      throw new Flaw(zip ? "zip_not_canonical" : "not_a_zip");
    }
    return entries;
  }

  function _name(encoded) {
    try {
      return text.utf8(encoded);
    } catch (error) {
      throw _unless(error, ValueError, "name_unsafe");
    }
  }

  // -- folder ------------------------------------------------------------------------------------

  /** The bag that lies unpacked in a folder, of whatever name; `files`: by path in it. */
  function readFolder(files) {
    let total = 0;
    for (const data of files.values()) total += data.length;
    _checkLimits(files.size, total);
    _checkNames(files.keys());
    return { name: "", files };
  }

  // -- BagIt -------------------------------------------------------------------------------------

  /** The manifest of files by path: SHA-256 and path, one a line, sorted by path. */
  function _manifest(digests) {
    return _inOrder(digests.keys()).map((name) => `${digests.get(name)}  ${name}\n`).join("");
  }

  /** The bundle's name, as bag-info.txt says it; empty if that cannot be read. */
  function identifier(bag) {
    const match = _info(bag.files);
    return match ? match[1] : "";
  }

  /** What is wrong with a bag: files missing, unlisted or changed, tag files not as written. */
  function checkBag(bag) {
    const { files } = bag, found = [];
    for (const name of TAG_FILES) {
      if (!files.has(name)) found.push(finding("file_missing", { file: name }));
    }
    if (files.has(BAGIT) && !text.equal(files.get(BAGIT), DECLARATION)) {
      found.push(finding("bagit_malformed", { file: BAGIT }));
    }
    const payload = new Map(), tags = new Map();
    for (const [name, data] of files) {
      if (name.startsWith(PAYLOAD)) payload.set(name, data);
      else if (name !== TAG_MANIFEST && name !== EXPORTER_NOTE) tags.set(name, data);
    }
    if (files.has(INFO)) found.push(..._checkInfo(bag, payload));
    for (const [name, covered] of [[MANIFEST, payload], [TAG_MANIFEST, tags]]) {
      if (!files.has(name)) continue;
      for (const one of _checkManifest(name, files.get(name), covered)) found.push(one);
    }
    return found;
  }

  function _oxum(payload) {
    let total = 0;
    for (const data of payload.values()) total += data.length;
    return `${total}.${payload.size}`;
  }

  function _info(files) {
    try {
      return _INFO.exec(text.ascii(files.get(INFO) ?? new Uint8Array(0)));
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      return null; // nothing but ASCII fits the form
    }
  }

  function _checkInfo(bag, payload) {
    const match = _info(bag.files);
    if (match === null) return [finding("bag_info_malformed", { file: INFO })];
    const found = [], oxum = _oxum(payload);
    if (bag.name !== "" && bag.name !== match[1]) {
      found.push(finding("bag_renamed", { file: INFO }));
    }
    if (match[3] !== oxum) {
      found.push(finding("oxum_differs", { file: INFO, expected: match[3], actual: oxum }));
    }
    return found;
  }

  function _checkManifest(name, data, covered) {
    const digests = new Map();
    for (const [path, content] of covered) digests.set(path, sha256.hexdigest(content));
    if (text.equal(data, text.bytes(_manifest(digests)))) return [];
    const listed = _listed(data);
    if (listed === null) return [finding("manifest_malformed", { file: name })];
    const found = [];
    for (const path of _inOrder(new Set([...listed.keys(), ...digests.keys()]))) {
      const expected = listed.get(path), actual = digests.get(path);
      if (actual === undefined) found.push(finding("file_missing", { file: path }));
      else if (expected === undefined) found.push(finding("file_unlisted", { file: path }));
      else if (actual !== expected) {
        found.push(finding("digest_differs", { file: path, expected, actual }));
      }
    }
    return found;
  }

  /** The digests that a manifest lists, by path; null if it is not as it is written. */
  function _listed(data) {
    let lines;
    try {
      lines = text.utf8(data).split("\n");
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      return null;
    }
    const last = lines.pop();
    const matches = lines.map((line) => _LISTED.exec(line));
    if (last || matches.includes(null)) return null;
    const listed = new Map(matches.map(([, digest, path]) => [path, digest]));
    const paths = [...listed.keys()], sorted = _inOrder(paths);
    const inOrder = paths.every((path, at) => path === sorted[at]);
    return listed.size === lines.length && inOrder ? listed : null;
  }

  return { EXPORTER_NOTE, INFO, MANIFEST, TAG_MANIFEST, TAG_FILES, MAX_FILES, checkName, readZip,
           readFolder, identifier, checkBag };
})();
