/* Whose key could sign which entry: the key history, derived from the identity events of a bundle.
   Twin of history.py, which states what is taken.                                               */
const history = (() => {
  "use strict";

  const { ValueError, order, str } = text;
  const { Flaw } = findings;
  const { POSSESSION, keyId } = notes;

  const _ALGORITHMS = new Map([
    ["ed25519", Uint8Array.of(1)],
    ["mldsa44", Uint8Array.of(6)],
    ["p256", text.concat(Uint8Array.of(0xff), text.bytes("muniment/seal-p256"))],
  ]);
  const _PURPOSES = ["act", "checkpoint", "cosign", "seal"];
  const _KEY_FIELDS = ["name", "id", "kind", "purpose", "public"];
  const _ADMINISTRATOR = "administrator";
  const _AGREEMENT = "engagement.evidence_agreement_signed";
  // As text: the months and days of any date compare between them.
  const _FIRST_DAY = "0000-01-01", _LAST_DAY = "9999-12-31";

  /** A name and a key id, for a Map or a Set; neither holds a newline. */
  const pair = (name, id) => `${name}\n${id}`;

  /** A public key and what became of it; the fields of history.py. */
  class EnrolledKey {
    constructor(holder, key, publicKey, entry) {
      this.holder = holder;
      this.name = key.name;
      this.id = key.id;
      this.kind = key.kind;
      this.purpose = key.purpose;
      this.public = publicKey;
      this.since = entry;
      this.until = null;
      this.condition = "active";
      this.suspectedSince = "";
      this.events = [];
      this.signed = [];
    }

    /** End the key's validity; the first end stands, a compromise overrides. */
    end(condition, entry) {
      if (this.condition === "active" || condition === "compromised") {
        this.condition = condition;
        this.until ??= entry;
      }
    }

    /** The key as `keys.json` shows it. */
    row() {
      const { name, id, holder, purpose, kind, since, condition, events } = this;
      const row = { name, id, holder, purpose, kind, since, condition, events };
      if (this.until !== null) row.until = this.until;
      if (this.suspectedSince) row.suspected_since = this.suspectedSince;
      return row;
    }
  }

  const _ENROLS = new Map([
    ["ledger.initialized", ["checkpoint_key", "seal_key"]],
    ["ledger.key_rotated", ["key"]],
    ["actor.key_enrolled", ["key"]],
    ["actor.key_rotated", ["key"]],
  ]);

  /** The keys that an event enrols, as it writes them; a `Flaw` if they have not their form. */
  function enrolledKeys(event) {
    const keys = (_ENROLS.get(event.type) ?? []).map((name) => event.fields[name]);
    for (const key of keys) {
      if (!events.isObject(key) || !_KEY_FIELDS.every((name) => typeof key[name] === "string")) {
        throw new Flaw("event_malformed");
      }
    }
    return keys;
  }

  /** The keys of a ledger and its actors, advanced entry by entry. */
  class History {
    constructor(origin) {
      this._origin = origin;
      this._keys = new Map();
      this._holders = new Map();
      this._held = new Map();
      this._purposes = new Map();
      this._parties = new Map();
      this._supplied = new Set();
      this._roles = new Map();
      this._administering = new _Administering(this._roles);
      this._successors = [];
      /** The ledger's own stream, once entry 0 is folded. */
      this.ledger = "";
      /** The digests of the policy packs adopted, in hex. */
      this.policies = [];
    }

    // -- what was derived

    /** The key enrolled under a name and key id, whatever became of it; or null. */
    find(name, identity) {
      return this._keys.get(pair(name, identity)) ?? null;
    }

    /** Every key, by holder, in the order in which holders first appear. */
    enrolled() {
      return [...this._holders.values()].flat();
    }

    /** The ledger's checkpoint keys, in the order in which they were enrolled. */
    ledgerKeys() {
      return this._of(this.ledger).filter((key) => key.purpose === "checkpoint");
    }

    /** For what a public key was enrolled; empty if it was not. */
    purposeOf(publicKey) {
      return this._purposes.get(text.hex(publicKey)) ?? "";
    }

    /** The rows of `roles_and_training.json`; `said`: the genuine events, in order. */
    actors(said) {
      const training = new Map(), agreed = new Map();
      const add = (rows, actor, id) => {
        if (!rows.has(actor)) rows.set(actor, []);
        rows.get(actor).push(id);
      };
      for (const event of said) {
        if (event.type === "actor.training_completed") add(training, event.stream, event.id);
        else if (event.type === _AGREEMENT) {
          for (const actor of this._agreeing(event)) add(agreed, actor, event.id);
        }
      }
      return Array.from(this._parties, ([actor, party]) => ({
        actor,
        party,
        roles: [...(this._roles.get(actor)?.keys() ?? [])].sort(order),
        training: training.get(actor) ?? [],
        agreements: agreed.get(actor) ?? [],
      }));
    }

    /** The actors of whose keys an agreement names one. */
    _agreeing({ fields }) {
      const named = Array.isArray(fields.signers) ? fields.signers : [];
      return new Set(named.filter((one) => events.isObject(one)
        && typeof one.actor === "string" && typeof one.key === "string"
        && this._held.has(pair(one.actor, one.key))).map((one) => one.actor));
    }

    /** The public keys, by name and key id, of `trust` and what follows it by rotations. */
    reachedFrom(trust) {
      const reached = new Map([[pair(trust.name, trust.keyId), trust.public]]);
      for (const [old, next] of this._successors) {
        const known = reached.get(pair(old.name, old.id));
        if (known !== undefined && text.equal(known, old.public)) {
          reached.set(pair(next.name, next.id), next.public);
        }
      }
      return reached;
    }

    // -- step 7: who could sign

    /** The public key of a signer line that could sign this entry.
     *
     * `enrolling`: Map of the keys that events of the entry's commit enrol. Throws `Flaw`.
     */
    signer(entry, signer, enrolling) {
      const acting = signer.capacity !== POSSESSION;
      const mine = enrolling.get(pair(signer.name, signer.keyId));
      const key = this.find(signer.name, signer.keyId);
      if (key === null && mine !== undefined && (!acting || entry === 0)) return publicOf(mine);
      if (key === null) throw new Flaw(mine === undefined ? "key_unknown" : "key_not_yet_enrolled");
      if (key.until !== null) throw new Flaw("key_ended_before");
      if (key.kind !== "ed25519" || (acting && key.purpose !== "act")) {
        throw new Flaw("key_not_for_acts");
      }
      return key.public;
    }

    /** Remember what the keys of a commit signed. */
    signed(entry, commit) {
      for (const signer of commit.signers) {
        const key = this.find(signer.name, signer.keyId);
        if (key !== null && signer.capacity !== POSSESSION) key.signed.push(entry);
      }
    }

    // -- step 8: what an entry changes

    /** Advance by the events of one entry; returns those not taken: [index, flaw]. */
    fold(entry, accepted, commit, said) {
      const refused = [];
      if (entry === 0) {
        for (const event of said) { // entry 0 leans on the roles that it leaves behind
          if (event.type === "actor.role_granted") this._grant(event);
        }
      }
      const before = new _Before(this._origin, this._administering, commit, accepted, entry);
      const changes = []; // of roles, which hold from the next entry on
      said.forEach((event, at) => {
        try {
          _FOLDS.get(event.type)?.call(this, before, event);
          changes.push(event);
        } catch (error) {
          if (!(error instanceof Flaw)) throw error;
          refused.push([at, error]);
        }
      });
      for (const event of changes) {
        if (event.type === "actor.role_granted" && entry) this._grant(event);
        else if (event.type === "actor.role_revoked") this._revoke(event);
      }
      return refused;
    }

    _initialized(before, event) {
      if (before.entry !== 0 || event.version !== 1 || event.fields.origin !== this._origin) {
        throw new Flaw("enrolment_invalid");
      }
      this.ledger = event.stream;
      for (const key of enrolledKeys(event)) this._enrol(before, event, key, this._origin);
    }

    _ledgerRotated(before, event) {
      const [key] = enrolledKeys(event), old = this._named(event, "old_key");
      if (!before.administrators().length || event.role !== _ADMINISTRATOR) {
        throw new Flaw("key_act_not_permitted");
      }
      if (old.until !== null || !before.signers.has(pair(old.name, old.id))) {
        throw new Flaw("rotation_not_signed");
      }
      if (key.kind !== "ed25519" || key.purpose !== "checkpoint" || old.purpose !== "checkpoint") {
        throw new Flaw("enrolment_invalid");
      }
      const next = this._enrol(before, event, key, this._origin);
      old.end("rotated", before.entry);
      old.events.push(event.id);
      this._successors.push([old, next]);
    }

    _registered(before, event) {
      before.checkRole(event);
      this._hold(event.stream);
      if (!this._parties.has(event.stream)) {
        this._parties.set(event.stream, str(event.fields.party));
      }
    }

    _enrolled(before, event) {
      const [key] = enrolledKeys(event);
      const had = this._supplied.has(pair(event.stream, key.purpose));
      const administrators = before.administrators().length;
      const permitted = new Map([
        ["first", !had && administrators > 0],
        ["continuous", had && event.by === event.stream],
        ["broken", had && administrators > 1],
      ]);
      if (!permitted.get(str(event.fields.continuity))) throw new Flaw("key_act_not_permitted");
      this._enrol(before, event, key, `${this._origin}/a/${event.stream}`);
    }

    _rotated(before, event) {
      const [key] = enrolledKeys(event), old = this._named(event, "old_key");
      let own = before.acting.filter((signer) => signer.name === old.name);
      if (old.purpose === "act") own = own.filter((signer) => signer.keyId === old.id);
      if (event.by !== event.stream || old.until !== null || !own.length) {
        throw new Flaw("rotation_not_signed");
      }
      if (key.purpose !== old.purpose) throw new Flaw("enrolment_invalid");
      this._enrol(before, event, key, old.name);
      old.end("rotated", before.entry);
      old.events.push(event.id);
    }

    _ended(before, event) {
      const key = this._named(event, "key");
      if (event.by !== event.stream) before.checkRole(event);
      if (event.type === "actor.key_revoked") {
        key.end("revoked", before.entry);
      } else {
        const since = event.fields.suspected_since;
        if (typeof since !== "string") throw new Flaw("event_malformed");
        key.end("compromised", before.entry);
        const known = key.suspectedSince || since;
        key.suspectedSince = order(since, known) < 0 ? since : known;
      }
      key.events.push(event.id);
    }

    _roleGranted(before, event) {
      before.checkGrant(event, _grantOf(event));
    }

    _roleRevoked(before, event) {
      before.checkRole(event);
    }

    _adopted(_, event) {
      this.policies.push(str(event.fields.digest));
    }

    _grant(event) {
      const grant = _grantOf(event);
      if (!this._roles.has(event.stream)) this._roles.set(event.stream, new Map());
      const held = this._roles.get(event.stream);
      if (!held.has(grant.role)) held.set(grant.role, []);
      held.get(grant.role).push(grant);
    }

    _revoke(event) {
      this._roles.get(event.stream)?.delete(event.fields.revoked);
    }

    _of(holder) {
      return this._holders.get(holder) ?? [];
    }

    _hold(holder) {
      if (!this._holders.has(holder)) this._holders.set(holder, []);
      return this._holders.get(holder);
    }

    _named(event, field) {
      const value = event.fields[field];
      const key = typeof value === "string" ? this._held.get(pair(event.stream, value)) : undefined;
      if (key === undefined) throw new Flaw("key_event_without_key");
      return key;
    }

    _enrol(before, event, key, name) {
      const publicKey = publicOf(key), shown = text.hex(publicKey);
      if (key.name !== name || !_PURPOSES.includes(key.purpose)) {
        throw new Flaw("enrolment_invalid");
      }
      if (this._keys.has(pair(name, key.id)) || this._purposes.has(shown)) {
        throw new Flaw("key_enrolled_before");
      }
      if (key.kind === "ed25519" && !before.signers.has(pair(name, key.id))) {
        throw new Flaw("enrolment_invalid");
      }
      const enrolled = new EnrolledKey(event.stream, key, publicKey, before.entry);
      enrolled.events.push(event.id);
      this._keys.set(pair(name, key.id), enrolled);
      this._held.set(pair(event.stream, key.id), enrolled);
      this._supplied.add(pair(event.stream, key.purpose));
      this._purposes.set(shown, key.purpose);
      this._hold(event.stream).push(enrolled);
      return enrolled;
    }
  }

  const _FOLDS = new Map([
    ["ledger.initialized", History.prototype._initialized],
    ["ledger.key_rotated", History.prototype._ledgerRotated],
    ["policy.adopted", History.prototype._adopted],
    ["actor.registered", History.prototype._registered],
    ["actor.key_enrolled", History.prototype._enrolled],
    ["actor.key_rotated", History.prototype._rotated],
    ["actor.key_revoked", History.prototype._ended],
    ["actor.key_compromised", History.prototype._ended],
    ["actor.role_granted", History.prototype._roleGranted],
    ["actor.role_revoked", History.prototype._roleRevoked],
  ]);

  const _NONE = [];

  /** Of what actors are administrators on a day: each grant is looked at once a day at most. */
  class _Administering {
    constructor(roles) {
      this._roles = roles;
      this._known = new Map();
    }

    /** By engagement (null: everything), the last day of the grant that lasts longest. */
    of(actor, day) {
      const grants = this._roles.get(actor)?.get(_ADMINISTRATOR) ?? _NONE;
      let known = this._known.get(actor);
      if (known === undefined || known.day !== day || known.grants !== grants) {
        known = { day, grants, seen: 0, until: new Map() };
        this._known.set(actor, known);
      }
      for (; known.seen < grants.length; known.seen++) {
        const { scope, validFrom, validTo } = grants[known.seen];
        if (order(validFrom, day) > 0 || order(day, validTo) > 0) continue;
        if (order(known.until.get(scope) ?? "", validTo) < 0) known.until.set(scope, validTo);
      }
      return known.until;
    }
  }

  /** What held before an entry, and who signed it. */
  class _Before {
    constructor(origin, roles, commit, accepted, entry) {
      this._prefix = origin + "/a/";
      this._roles = roles;
      this._day = accepted.slice(0, 10);
      this.entry = entry;
      this.signers = new Set(commit.signers.map((signer) => pair(signer.name, signer.keyId)));
      this.acting = commit.signers.filter((signer) => signer.capacity !== POSSESSION);
    }

    /** The actors who signed as administrators of everything, and are. */
    administrators() {
      const signed = this.acting.filter((signer) => signer.capacity === _ADMINISTRATOR);
      return [...new Set(signed.map((signer) => signer.name))]
        .filter((name) => name.startsWith(this._prefix))
        .map((name) => name.slice(this._prefix.length))
        .filter((actor) => this._roles.of(actor, this._day).has(null));
    }

    /** Refuse unless an event is said by an administrator of its engagement. */
    checkRole(event) {
      const held = this._roles.of(event.by, this._day);
      const fits = held.has(null) || held.has(event.fields.engagement);
      if (event.role !== _ADMINISTRATOR || !fits) throw new Flaw("key_act_not_permitted");
    }

    /** Refuse unless a role is given by an administrator who holds as much. */
    checkGrant(event, given) {
      this.checkRole(event);
      const held = this._roles.of(event.by, this._day);
      const lasting = [null, given.scope].filter((scope) => held.has(scope));
      const long = lasting.some((scope) => order(held.get(scope), given.validTo) >= 0);
      if (!lasting.length || (given.role === _ADMINISTRATOR && !long)) {
        throw new Flaw("key_act_not_permitted");
      }
    }
  }

  function _grantOf({ fields }) {
    return {
      role: str(fields.granted),
      scope: fields.scope === undefined ? null : str(fields.scope),
      validFrom: str(fields.valid_from ?? _FIRST_DAY),
      validTo: str(fields.valid_to ?? _LAST_DAY),
    };
  }

  /** The bytes of a public key that fits its id; a `Flaw` otherwise. */
  function publicOf(key) {
    const prefix = _ALGORITHMS.get(key.kind);
    try {
      const publicKey = _base64url(key.public);
      if (key.kind === "ed25519") ed25519.checkPublicKey(publicKey);
      if (prefix !== undefined && keyId(key.name, publicKey, prefix) === key.id) return publicKey;
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
    }
    throw new Flaw("enrolment_invalid");
  }

  /** The bytes that base64url without padding writes, in its one canonical form. */
  function _base64url(letters) {
    if (/[+/=]/.test(letters)) throw new ValueError("not base64url");
    const plain = letters.replaceAll("-", "+").replaceAll("_", "/");
    return notes.base64(plain + "=".repeat((4 - plain.length % 4) % 4));
  }

  return { History, enrolledKeys, publicOf, pair };
})();
