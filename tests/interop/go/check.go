// Command check looks at what Muniment writes with golang.org/x/mod/sumdb: the note and tlog
// packages of the Go checksum database. It knows nothing of Muniment but the file formats that C2SP
// and RFC 6962 describe. It prints one line and leaves with 0 if all is well, else with 1.
//
//	check note NOTE VKEY...            every key named has signed the note
//	check proof PROOF LEAF VKEY...     c2sp.org/tlog-proof@v1: the leaf is in the tree of the note
//	check record SIZE ROOT INDEX LEAF [HASH...]   the leaf (a file) is number INDEX of the tree
//	check tree OLD ROOT NEW ROOT [HASH...]        the one tree is a prefix of the other
//	check tiles DIR VKEY [OLD ROOT]    every entry, by tlog.TileHashReader over tiles
//
// Hashes and roots are base64. A VKEY of type 4 is a timestamped cosignature (C2SP
// tlog-cosignature), which note verifies by a Verifier of our own making.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const proofHeader = "c2sp.org/tlog-proof@v1"

// A cosigner verifies the type 4 lines of one key.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(c.key, []byte(signed), sig[8:])
}

func verifierOf(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("malformed vkey")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	if len(key) != 33 || key[0] != 4 {
		return note.NewVerifier(vkey)
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(sum[:])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, errors.New("vkey has another key hash")
	}
	return &cosigner{parts[0], hash, key[1:]}, nil
}

func open(msg []byte, vkeys []string) (*note.Note, error) {
	var list []note.Verifier
	for _, vkey := range vkeys {
		v, err := verifierOf(vkey)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	n, err := note.Open(msg, note.VerifierList(list...))
	if err != nil {
		return nil, err
	}
	if len(n.Sigs) != len(vkeys) {
		return nil, fmt.Errorf("%d of %d keys have signed", len(n.Sigs), len(vkeys))
	}
	return n, nil
}

func treeOf(text string) (tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 {
		return tlog.Tree{}, errors.New("too few lines for a tree")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func hashesOf(texts []string) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, text := range texts {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		found = append(found, hash)
	}
	return found, nil
}

func checkProof(proof, leaf []byte, vkeys []string) error {
	head, signed, ok := bytes.Cut(proof, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 2 || lines[0] != proofHeader || !strings.HasPrefix(lines[1], "index ") {
		return errors.New("malformed proof")
	}
	index, err := strconv.ParseInt(lines[1][len("index "):], 10, 64)
	if err != nil {
		return err
	}
	path, err := hashesOf(lines[2:])
	if err != nil {
		return err
	}
	n, err := open(signed, vkeys)
	if err != nil {
		return err
	}
	tree, err := treeOf(n.Text)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(leaf))
}

// A folder serves tiles from files of the names that C2SP gives them.
type folder string

func (f folder) Height() int                         { return 8 }
func (f folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (f folder) entries(size int64) ([][]byte, error) {
	var found [][]byte
	for int64(len(found)) < size {
		number := int64(len(found)) / 256
		width := size - number*256
		if width > 256 {
			width = 256
		}
		tile := tlog.Tile{H: 8, L: 0, N: number, W: int(width)}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		for len(data) >= 2 {
			length := int(binary.BigEndian.Uint16(data))
			if len(data) < 2+length {
				return nil, errors.New("a bundle ends inside an entry")
			}
			found, data = append(found, data[2:2+length]), data[2+length:]
		}
		if len(data) != 0 || int64(len(found)) != number*256+width {
			return nil, errors.New("a bundle of another number of entries")
		}
	}
	return found, nil
}

func checkTiles(dir folder, vkey string, old []string) (int64, error) {
	signed, err := os.ReadFile(filepath.Join(string(dir), "checkpoint"))
	if err != nil {
		return 0, err
	}
	n, err := open(signed, []string{vkey})
	if err != nil {
		return 0, err
	}
	tree, err := treeOf(n.Text)
	if err != nil {
		return 0, err
	}
	reader := tlog.TileHashReader(tree, dir)
	entries, err := dir.entries(tree.N)
	if err != nil {
		return 0, err
	}
	for at, entry := range entries {
		proof, err := tlog.ProveRecord(tree.N, int64(at), reader)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(at), tlog.RecordHash(entry)); err != nil {
			return 0, err
		}
	}
	if len(old) == 2 {
		size, err := strconv.ParseInt(old[0], 10, 64)
		if err != nil {
			return 0, err
		}
		root, err := tlog.ParseHash(old[1])
		if err != nil {
			return 0, err
		}
		proof, err := tlog.ProveTree(tree.N, size, reader)
		if err != nil {
			return 0, err
		}
		return tree.N, tlog.CheckTree(proof, tree.N, tree.Hash, size, root)
	}
	return tree.N, nil
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		fail(err)
	}
	return value
}

func hash(text string) tlog.Hash {
	value, err := tlog.ParseHash(text)
	if err != nil {
		fail(err)
	}
	return value
}

func read(name string) []byte {
	data, err := os.ReadFile(name)
	if err != nil {
		fail(err)
	}
	return data
}

func fail(err error) {
	fmt.Println(err)
	os.Exit(1)
}

func main() {
	args := os.Args[1:]
	var err error
	said := "ok"
	switch {
	case len(args) >= 3 && args[0] == "note":
		_, err = open(read(args[1]), args[2:])
	case len(args) >= 4 && args[0] == "proof":
		err = checkProof(read(args[1]), read(args[2]), args[3:])
	case len(args) >= 5 && args[0] == "record":
		var path []tlog.Hash
		if path, err = hashesOf(args[5:]); err == nil {
			leaf := tlog.RecordHash(read(args[4]))
			err = tlog.CheckRecord(path, number(args[1]), hash(args[2]), number(args[3]), leaf)
		}
	case len(args) >= 5 && args[0] == "tree":
		var path []tlog.Hash
		if path, err = hashesOf(args[5:]); err == nil {
			err = tlog.CheckTree(path, number(args[3]), hash(args[4]), number(args[1]), hash(args[2]))
		}
	case len(args) >= 3 && args[0] == "tiles":
		var size int64
		size, err = checkTiles(folder(args[1]), args[2], args[3:])
		said = fmt.Sprintf("%d entries", size)
	default:
		err = errors.New("usage: see the comment")
	}
	if err != nil {
		fail(err)
	}
	fmt.Println(said)
}
