/**
 * Where synonyms come from: sets of words with one meaning, by part of speech, those of a word in the order of its senses.
 *
 * A file of one's own has three columns with tabs between them, as Open English WordNet is often kept: part of speech
 * (`n`, `v`, `a` or `s`, `r`), the set's id, and its words with `|` between them. Words of several parts (`credit card`)
 * are left out, since a token takes the place of a token.
 */
import { readFile } from "node:fs/promises"
import * as Artifact from "@thaw/core/Artifact"
import { InvalidData, SourceUnreadable } from "@thaw/core/Errors"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import * as SourceText from "../load/SourceText.ts"

export const PartOfSpeech = Schema.Literals(["noun", "verb", "adjective", "adverb"])
export type PartOfSpeech = typeof PartOfSpeech.Type

export const partsOfSpeech = PartOfSpeech.literals

export interface Thesaurus {
  /**
   * For each sense of a word as this part of speech, most frequent first where the source knows, the other words of its
   * set. Empty where the source does not have the word.
   */
  readonly senses: (word: string, part: PartOfSpeech) => ReadonlyArray<ReadonlyArray<string>>
  /** How often the word was seen as this part of speech; 0 where the source does not know. */
  readonly frequency: (word: string, part: PartOfSpeech) => number
}

const Sets = Schema.Record(PartOfSpeech, Schema.Array(Schema.Array(Schema.String)))
/** Sets of words by part of speech, in the order of the file. */
export type Sets = typeof Sets.Type

/** A thesaurus as steps give and take it. */
export const Thesaurus: Artifact.Kind<Sets> = Artifact.json("thesaurus", Sets)

const letters: Readonly<Record<string, PartOfSpeech>> = {
  n: "noun",
  v: "verb",
  a: "adjective",
  s: "adjective",
  r: "adverb",
}

/** A single word of at least two letters: `i`, `v` and the like are numerals and symbols. */
export const isWord = (text: string): boolean => /^\p{L}[\p{L}\p{M}'’-]+$/u.test(text)

/**
 * `Augment.thesaurus({ path: "./synonyms.tsv" })`: sets of synonyms from a file with tabs.
 *
 * Fails with `InvalidData`, naming the line, on another number of columns or an unknown part of speech.
 */
export const fromFile = Step.make({
  name: "Augment.thesaurus",
  version: "1",
  input: { path: Source.file },
  output: Thesaurus,
  run: Effect.fnUntraced(function* ({ path: source }) {
    const sets: Record<PartOfSpeech, Array<ReadonlyArray<string>>> = { noun: [], verb: [], adjective: [], adverb: [] }
    const text = yield* Effect.tryPromise({
      try: async () => new TextDecoder("utf-8", { fatal: true }).decode(await readFile(source.path)),
      catch: (cause) =>
        cause instanceof TypeError
          ? new InvalidData({ where: source.written, expected: "text in UTF-8", got: "other bytes", advice: "" })
          : new SourceUnreadable({
              where: source.written,
              expected: "a readable file",
              got: String(cause),
              advice: "",
            }),
    })
    for (const [at, line] of text.split(/\r?\n/u).entries()) {
      if (line.trim() === "") continue
      const [letter, , members, ...more] = line.split("\t")
      const part = letters[letter!]
      if (members === undefined || more.length > 0 || part === undefined) {
        return yield* new InvalidData({
          where: SourceText.at(source, at + 1),
          expected:
            "a part of speech (n, v, a, s or r), an id and words with | between them, with tabs between the three",
          got: JSON.stringify(line.length > 60 ? `${line.slice(0, 57)}…` : line),
          advice: "",
        })
      }
      const words = members.split("|").filter(isWord)
      if (words.length > 1) sets[part].push(words)
    }
    return sets
  }),
})

export const ofSets = (sets: Sets): Thesaurus => {
  const index = new Map<PartOfSpeech, ReadonlyMap<string, ReadonlyArray<ReadonlyArray<string>>>>()
  return {
    senses: (word, part) => {
      if (!index.has(part)) index.set(part, indexOf(sets[part]))
      const sought = word.toLowerCase()
      return (index.get(part)!.get(sought) ?? []).map((set) => others(set, sought))
    },
    frequency: () => 0,
  }
}

/** The words of a set but one. */
export const others = (set: ReadonlyArray<string>, sought: string): ReadonlyArray<string> =>
  set.filter((word) => word.toLowerCase() !== sought)

const indexOf = (sets: ReadonlyArray<ReadonlyArray<string>>) => {
  const found = new Map<string, Array<ReadonlyArray<string>>>()
  for (const set of sets) {
    for (const word of new Set(set.map((member) => member.toLowerCase()))) {
      const known = found.get(word)
      if (known === undefined) found.set(word, [set])
      else known.push(set)
    }
  }
  return found
}
