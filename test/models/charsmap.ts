/** A compiled table of normalised characters as SentencePiece writes it, by the description of the format in `Charsmap`. */

type Node = Map<number, Node>

/** The value stands where a key ends, under the byte that no key has. */
const end = 0

const insert = (root: Node, values: Map<Node, number>, key: string, value: number) => {
  let node = root
  for (const byte of Buffer.from(key)) {
    const next = node.get(byte) ?? new Map<number, Node>()
    node.set(byte, next)
    node = next
  }
  const leaf: Node = new Map()
  node.set(end, leaf)
  values.set(leaf, value)
}

/** Base64 of the table that replaces each key by its value. */
export const charsmap = (table: Iterable<readonly [key: string, value: string]>): string => {
  const root: Node = new Map()
  const values = new Map<Node, number>()
  const strings: Array<Buffer> = []
  let size = 0
  for (const [key, value] of table) {
    insert(root, values, key, size)
    const bytes = Buffer.from(`${value}\0`)
    strings.push(bytes)
    size += bytes.length
  }
  // Children of a node at `at` stand at base ^ byte, and the node's unit has at ^ base.
  const units: Array<number> = [0]
  const taken = new Set<number>([0])
  let lowest = 1
  const place = (node: Node, at: number, label: number) => {
    const bytes = [...node.keys()]
    let base = lowest
    while (bytes.some((byte) => taken.has(base ^ byte))) base++
    for (const byte of bytes) taken.add(base ^ byte)
    while (taken.has(lowest)) lowest++
    const offset = at ^ base
    if (offset >= 2 ** 21) throw new RangeError("a table of this size needs offsets of the other form")
    units[at] = ((offset << 10) | (node.has(end) ? 1 << 8 : 0) | label) >>> 0
    for (const [byte, child] of node) {
      if (byte === end) units[base] = (0x8000_0000 | values.get(child)!) >>> 0
      else place(child, base ^ byte, byte)
    }
  }
  place(root, 0, 0)
  const trie = Buffer.alloc(4 * units.length)
  for (let at = 0; at < units.length; at++) trie.writeUInt32LE(units[at] ?? 0, 4 * at)
  const head = Buffer.alloc(4)
  head.writeUInt32LE(trie.length)
  return Buffer.concat([head, trie, ...strings]).toString("base64")
}

/**
 * Rules of SentencePiece's `nmt_nfkc` (src/builder.cc): NFKC of every character, composed pairs of a letter and a mark,
 * control characters gone, white space and zero-width characters as spaces.
 */
export const nmtNfkc = (): ReadonlyArray<readonly [string, string]> => {
  const rules = new Map<string, string>()
  for (let point = 1; point <= 0x10_ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue
    const character = String.fromCodePoint(point)
    const composed = character.normalize("NFKC")
    if (composed !== character) rules.set(character, composed)
    const [letter, mark, ...rest] = Array.from(character.normalize("NFD"))
    if (letter !== undefined && mark !== undefined && rest.length === 0) rules.set(letter + mark, composed)
  }
  const removed = [[0x1, 0x8], [0xb, 0xb], [0xe, 0x1f], [0x7f, 0x7f], [0x8f, 0x8f], [0x9f, 0x9f]] as const // prettier-ignore
  const spaces = [[0x9, 0xa], [0xc, 0xd], [0x1680, 0x1680], [0x200b, 0x200f], [0x2028, 0x2029], [0x2581, 0x2581], [0xfeff, 0xfeff], [0xfffd, 0xfffd]] as const // prettier-ignore
  const all = (ranges: ReadonlyArray<readonly [number, number]>) =>
    ranges.flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, at) => String.fromCodePoint(first + at)),
    )
  for (const character of all(removed)) rules.set(character, "")
  for (const character of all(spaces)) rules.set(character, " ")
  // NFKC would make a tilde of the wave dash's full-width sibling.
  rules.delete("～")
  return [...rules]
}
