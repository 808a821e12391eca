/* Inclusion and consistency in the Merkle tree of RFC 6962, verified: nothing else is accepted.
   Twin of merkle.py.

     leaf   SHA-256(0x00 || data)
     node   SHA-256(0x01 || left || right); n leaves split at the largest power of two below n   */
const merkle = (() => {
  "use strict";

  const { ValueError } = text;

  const EMPTY_ROOT = sha256.digest(new Uint8Array(0));
  const _LEAF = Uint8Array.of(0);
  const _NODE = Uint8Array.of(1);

  /** Hash the bytes of one leaf. */
  function leafHash(data) {
    return sha256.digest(_LEAF, data);
  }

  /** Hash two subtrees. */
  function nodeHash(left, right) {
    return sha256.digest(_NODE, left, right);
  }

  /** Return only if leaf hash `leaf` is number `index` in the tree of `size` leaves with `root`. */
  function verifyInclusion(index, size, leaf, proof, root) {
    if (!(0 <= index && index < size)) throw new ValueError("the index is not below the size");
    if ([leaf, root, ...proof].some((digest) => digest.length !== 32)) {
      throw new ValueError("a hash is not 32 bytes");
    }
    // Below the split of the two paths every level has a sibling, above it only left ones count.
    const bits = _bits(index), last = _bits(BigInt(size) - 1n);
    const split = _split(bits, last);
    let expected = split;
    for (let level = split; level < bits.length; level++) expected += bits[level];
    if (proof.length !== expected) {
      throw new ValueError("the proof has not the length for this index and size");
    }
    let computed = leaf;
    proof.forEach((sibling, level) => {
      computed = level >= split || bits[level] ? nodeHash(sibling, computed)
        : nodeHash(computed, sibling);
    });
    if (!text.equal(computed, root)) {
      throw new ValueError("the leaf with this proof gives another root");
    }
  }

  /** Return only if the tree (`old`, `oldRoot`) is a prefix of the tree (`size`, `root`). */
  function verifyConsistency(old, size, oldRoot, root, proof) {
    if (!(0 < old && old < size)) {
      throw new ValueError("the sizes are not those of a tree and a larger one");
    }
    if ([oldRoot, root, ...proof].some((digest) => digest.length !== 32)) {
      throw new ValueError("a hash is not 32 bytes");
    }
    let node = BigInt(old) - 1n, last = BigInt(size) - 1n;
    // A perfect tree is itself the first node from which both roots are computed.
    const nodes = (node & node + 1n) === 0n ? [oldRoot, ...proof] : proof;
    while (node & 1n) [node, last] = [node >> 1n, last >> 1n];
    if (!nodes.length) throw new ValueError("the proof has not the length for these sizes");
    let ofOld = nodes[0], ofNew = nodes[0];
    for (const sibling of nodes.slice(1)) {
      if (last === 0n) throw new ValueError("the proof has not the length for these sizes");
      if (node & 1n || node === last) {
        ofOld = nodeHash(sibling, ofOld);
        ofNew = nodeHash(sibling, ofNew);
        while (node && !(node & 1n)) [node, last] = [node >> 1n, last >> 1n];
      } else {
        ofNew = nodeHash(ofNew, sibling);
      }
      [node, last] = [node >> 1n, last >> 1n];
    }
    if (last || !text.equal(ofOld, oldRoot) || !text.equal(ofNew, root)) {
      throw new ValueError("the proof gives other roots");
    }
  }

  /** The binary digits of an integer, lowest first. */
  function _bits(number) {
    return Array.from(number.toString(2), Number).reverse();
  }

  /** How many digits there are up to the highest in which two numbers differ. */
  function _split(one, other) {
    let split = Math.max(one.length, other.length);
    while (split && (one[split - 1] || 0) === (other[split - 1] || 0)) split--;
    return split;
  }

  return { EMPTY_ROOT, leafHash, nodeHash, verifyInclusion, verifyConsistency };
})();
