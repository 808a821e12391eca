/* Step 9: whether events are missing: in streams, of the objects by the index, in the period. Twin
   of complete.py, which states the format of index.json.                                        */
const complete = (() => {
  "use strict";

  const { ValueError, order } = text;
  const { Flaw } = findings;
  const { hasKeys, isInteger, isObject } = events;
  const { EVENT_ID, HASH, INDEX, PERIOD, STREAM, entryFile } = contents;

  const PUBLISHED = "ledger.index_published";
  const RECORD = "record", COPY = "holding";
  /** The kinds of streams from which keys and roles follow. */
  const HEADS = ["actor", "party", "policy", "ledger"];

  // -- streams -----------------------------------------------------------------------------------

  /** Every stream from version 1 without gap or repeat; in a period, from any version on. */
  function checkStreams(read, found) {
    const { scope } = read, period = scope !== null && scope.kind === PERIOD;
    const versions = new Map();
    for (const one of read.shipped) {
      if (one.event === null && one.raw !== null) continue;
      if (!versions.has(one.stream)) versions.set(one.stream, []);
      versions.get(one.stream).push(one.version);
    }
    for (const [stream, shown] of versions) {
      let expected = period ? shown[0] : 1;
      for (const actual of shown) {
        if (actual !== expected) {
          found.add("version_gap", { event: stream, expected, actual });
          break;
        }
        expected = text.integer(String(BigInt(expected) + 1n));
      }
    }
    for (const stream of scope !== null ? scope.streams : []) {
      if (!versions.has(stream)) found.add("version_gap", { event: stream, expected: 1 });
    }
  }

  // -- the index ---------------------------------------------------------------------------------

  /** What index.json holds of this event's index: {objects, heads}: a Map of the rows of each
   * object by its id, and single rows of streams. A row: {row, text, hashes, object, stream,
   * version, leaf}. Refuses another form. */
  function parseIndex(value, event) {
    if (!isObject(value) || !hasKeys(value, ["event", "heads", "objects"])) {
      throw new ValueError("not rows of an index");
    }
    const { objects, heads } = value;
    if (value.event !== event || !Array.isArray(objects) || !Array.isArray(heads)) {
      throw new ValueError("not rows of this index");
    }
    objects.forEach(_checkObject);
    const count = objects.reduce((sum, one) => sum + one.rows.length, heads.length);
    if (count > bag.MAX_FILES) throw new ValueError("too many rows");
    const found = {
      objects: new Map(objects.map((one) => [one.object, _consecutive(one.rows)])),
      heads: heads.map(_row),
    };
    if (!_ascend(objects.map((one) => one.object))) {
      throw new ValueError("the objects are not sorted");
    }
    if (!_ascend(found.heads.map((row) => row.object))) {
      throw new ValueError("the heads are not sorted");
    }
    if (!found.heads.every((row) => row.object === row.stream
        && HEADS.includes(contents.kindOf(row.stream)))) {
      throw new ValueError("a head is not a stream's own row");
    }
    return found;
  }

  function _checkObject(one) {
    if (!isObject(one) || !hasKeys(one, ["object", "rows"])) {
      throw new ValueError("an object has other fields");
    }
    if (typeof one.object !== "string" || !STREAM.test(one.object)) {
      throw new ValueError("an object has no id");
    }
    if (!Array.isArray(one.rows) || !one.rows.length) {
      throw new ValueError("an object has no rows");
    }
  }

  function _consecutive(rows) {
    const found = rows.map(_row);
    if (!found.every((row, at) => row.row === found[0].row + at)) {
      throw new ValueError("the rows do not follow one another");
    }
    if (!_ascend(found.map((row) => `${row.object} ${row.stream}`))) {
      throw new ValueError("the rows are not sorted");
    }
    return found;
  }

  function _ascend(names) {
    return names.every((name, at) => at === 0 || order(names[at - 1], name) < 0);
  }

  function _row(row) {
    if (!isObject(row) || !hasKeys(row, ["row", "text", "hashes"])) {
      throw new ValueError("a row has other fields");
    }
    const { row: number, text: said, hashes } = row;
    if (!isInteger(number) || number < 0 || typeof said !== "string") {
      throw new ValueError("a row has no number or text");
    }
    if (!Array.isArray(hashes) || hashes.length > notes.MAX_HASHES) {
      throw new ValueError("a proof is no list of hashes, or is too long");
    }
    if (!hashes.every((one) => typeof one === "string")) throw new ValueError("a hash is no text");
    const parts = said.split(" "), [object, stream, version, leaf] = parts;
    if (parts.length !== 4 || !STREAM.test(object) || !HASH.test(leaf)) {
      throw new ValueError("a row's text has another form");
    }
    if (!EVENT_ID.test(`${stream}/${version}`)) throw new ValueError("a row names no event");
    const proof = hashes.map(notes.parseHash);
    return { row: number, text: said, hashes: proof, object, stream,
             version: text.integer(version), leaf };
  }

  /** The rows of an object, if these and one neighbour on each side are all that is there.
   *
   * `count`: how many rows the index has. Throws `Flaw`: rows are left out, or more are shown.
   */
  function rowsAbout(rows, about, count) {
    const before = rows.filter((row) => order(row.object, about) < 0);
    const after = rows.filter((row) => order(row.object, about) > 0);
    if (before.length > 1 || after.length > 1) throw new Flaw("index_malformed");
    const last = rows[rows.length - 1];
    if ((!before.length && rows[0].row !== 0) || (!after.length && last.row !== count - 1)) {
      throw new Flaw("index_differs");
    }
    return rows.filter((row) => row.object === about);
  }

  /** The index of the scope, if its rows are proved: {size, entry, rows, streams, whole}; what the
   * bundle lacks of them is a finding. `rows`: how many are about the scope's id (-1: not shown);
   * `streams`: a Set of those of the bundle in which it or its copies are named; `whole`: whether
   * every object and head is there.
   *
   * null, without a finding, if there is no index to rely on. `ledger`: the ledger's own stream.
   */
  function checkIndex(read, found, scope, ledger) {
    if (!scope.indexed || scope.kind === PERIOD) return null;
    const value = read.json(INDEX, "index_malformed");
    if (value === null) return null;
    const { shipped } = read;
    let rows, published, about, wanted;
    try {
      rows = parseIndex(value, scope.indexed);
      published = _published(shipped, scope.indexed, ledger);
      about = _proved(rows, published.event);
      wanted = _wanted(scope, shipped, about);
    } catch (error) {
      if (!(error instanceof ValueError || error instanceof Flaw)) throw error;
      found.add(error instanceof Flaw ? error.code : "index_malformed", { file: INDEX });
      return null;
    }
    const needed = [...about].flatMap(([name, mine]) => mine.filter((row) => name === scope.id
      || contents.kindOf(row.stream) !== RECORD || row.stream === scope.id));
    const wrong = _checkRows([...needed, ...rows.heads], shipped, found);
    const shown = new Set(rows.heads.map((row) => row.stream));
    const held = new Set(shipped.map((one) => one.stream));
    const headed = shipped.every((one) => one.entry >= published.size
      || !HEADS.includes(contents.kindOf(one.stream)) || shown.has(one.stream));
    const streams = new Set(needed.map((row) => row.stream).filter((one) => held.has(one)));
    const proved = new Set(needed.map((row) => `${row.stream}/${row.version}`));
    const hidden = shipped.some((one) => one.raw === null && streams.has(one.stream)
      && !proved.has(`${one.stream}/${one.version}`));
    return { size: published.size, entry: published.entry, hidden, headed, streams,
             whole: headed && [...wanted].every((name) => about.has(name)),
             fitting: !rows.heads.some((row) => wrong.has(_last(row))),
             rows: about.has(scope.id) ? about.get(scope.id).length : -1 };
  }

  /** The objects of the scope, as far as the rows that are there tell.
   *
   * `about`: the rows of each object. Throws `Flaw` if others are among them.
   */
  function _wanted(scope, shipped, about) {
    const rest = [scope.id], wanted = new Set();
    if (scope.kind === RECORD) {
      for (const { stream, read } of shipped) {
        if (stream === scope.id && read !== null) rest.push(...copiesNamed(read.fields));
      }
    }
    while (rest.length) {
      const name = rest.pop();
      if (wanted.has(name)) continue;
      wanted.add(name);
      for (const row of scope.kind === RECORD ? about.get(name) ?? [] : []) {
        if (contents.kindOf(row.stream) === COPY) rest.push(row.stream);
      }
    }
    for (const name of about.keys()) if (!wanted.has(name)) throw new Flaw("index_malformed");
    return wanted;
  }

  /** The ids of copies that any string in a value is, or of whose events it is the id; keys aside:
   * so an index is computed. */
  function copiesNamed(value) {
    const found = new Set(), rest = [value];
    while (rest.length) {
      const one = rest.pop();
      if (typeof one === "string") {
        const name = one.split("/", 1)[0];
        if (one.startsWith(`${COPY}-`) && STREAM.test(name)
            && (name === one || EVENT_ID.test(one))) found.add(name);
      } else if (Array.isArray(one)) {
        for (const item of one) rest.push(item);
      } else if (isObject(one)) {
        for (const item of Object.values(one)) rest.push(item);
      }
    }
    return found;
  }

  /** The genuine event that published the index: {event, entry, size}. Throws `Flaw`. */
  function _published(shipped, event, ledger) {
    for (const one of shipped) {
      if (one.claimed === event && one.event !== null && one.sound) {
        const { size } = one.event.fields;
        if (one.event.type !== PUBLISHED || one.event.stream !== ledger) break;
        if (!isInteger(size) || !(0 < size && size <= one.entry)) break;
        return { event: one.event, entry: one.entry, size };
      }
    }
    throw new Flaw("index_differs");
  }

  /** The rows about each object, all rows being proved under the root of the event. */
  function _proved(rows, event) {
    const { rows: count, root } = event.fields;
    if (!isInteger(count) || typeof root !== "string" || !HASH.test(root)) {
      throw new Flaw("index_differs");
    }
    for (const row of [...rows.objects.values(), rows.heads].flat()) {
      try {
        const leaf = merkle.leafHash(text.bytes(row.text));
        merkle.verifyInclusion(row.row, count, leaf, row.hashes, text.unhex(root));
      } catch (error) {
        if (!(error instanceof ValueError)) throw error;
        throw new Flaw("index_differs");
      }
    }
    return new Map([...rows.objects].map(([name, mine]) => [name, rowsAbout(mine, name, count)]));
  }

  /** What a row says is the last event of its stream. */
  const _last = ({ stream, version, leaf }) => `${stream}/${version} ${leaf}`;

  /** Name the rows of which the bundle does not hold the events, a stream's end but once.
   *
   * Returns what they say is last.
   */
  function _checkRows(rows, shipped, found) {
    const places = new Map(shipped.map((one) => [`${one.stream}/${one.version}`, one]));
    const held = new Map(), told = new Set(), wrong = new Set();
    for (const { stream, version, leaf } of rows) {
      const event = `${stream}/${version}`, one = places.get(event);
      const last = _last({ stream, version, leaf });
      if (told.has(last)) continue;
      told.add(last);
      if (!held.has(stream)) {
        let upto = 0;
        while (places.has(`${stream}/${upto + 1}`)) upto++;
        held.set(stream, upto);
      }
      const upto = held.get(stream);
      if (one !== undefined && upto + 1 >= version && text.hex(one.leaf) === leaf) continue;
      wrong.add(last);
      if (upto + 1 < version) {
        found.add("index_differs", { event: `${stream}/${upto + 1}` });
      } else if (one === undefined) {
        found.add("index_differs", { event, expected: leaf });
      } else {
        found.add("index_differs", { event, expected: leaf, actual: one.leaf });
      }
    }
    return wrong;
  }

  // -- the period --------------------------------------------------------------------------------

  /** Every entry of the period whole, accepted in it; those before and after, outside.
   *
   * `entries`: those that are in the ledger; what is wrong with others was told.
   */
  function checkPeriod(read, found, scope, entries) {
    const shown = new Map();
    for (const one of read.shipped) shown.set(one.entry, (shown.get(one.entry) ?? 0) + 1);
    const within = (entry) =>
      order(scope.begins, entry.accepted) <= 0 && order(entry.accepted, scope.ends) < 0;
    for (let index = scope.first; index < scope.end; index++) {
      const entry = entries.get(index), file = entryFile(index), actual = shown.get(index) ?? 0;
      if (entry === undefined) {
        if (shown.has(index)) continue;
        found.add("period_gap", { file });
        break; // one of perhaps very many
      }
      if (entry.commit.events !== actual) {
        found.add("period_gap", { file, expected: entry.commit.events, actual });
      }
      if (!within(entry)) found.add("period_gap", { file, actual: entry.accepted });
    }
    const outside = (index, wrong) => {
      const entry = entries.get(index);
      if (entry !== undefined && wrong(entry.accepted)) {
        found.add("period_gap", { file: entryFile(index), actual: entry.accepted });
      }
    };
    outside(scope.first - 1, (accepted) => order(scope.begins, accepted) <= 0);
    outside(scope.end, (accepted) => order(accepted, scope.ends) < 0);
  }

  return { RECORD, parseIndex, rowsAbout, copiesNamed, checkStreams, checkIndex, checkPeriod };
})();
