/** From texts to ids: sentences of the example data, with a vocabulary trained on them. */
import { readFile } from "node:fs/promises"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as WordPieceTrainer from "@thaw/models/WordPieceTrainer"
import { Effect } from "effect"
import type { Case } from "../Case.ts"
import * as Timed from "../Timed.ts"

const file = new URL("../../pipelines/data/assistant.conll", import.meta.url)

/** Blank lines stand between sentences; a line is a word and its tag, or a comment. */
const sentencesOf = (conll: string): ReadonlyArray<string> =>
  conll
    .split(/\n\n+/)
    .map((lines) =>
      lines
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
        .map((line) => line.split("\t")[0])
        .join(" "),
    )
    .filter((sentence) => sentence !== "")

const rounds = 5

export const tokenisation: Case = {
  name: "tokenisation",
  run: Effect.gen(function* () {
    const sentences = sentencesOf(yield* Effect.promise(() => readFile(file, "utf8")))
    const json = yield* WordPieceTrainer.train(sentences, { vocabularySize: 2000 })
    // A tokenizer remembers words: a new one shows the first epoch of a run, a used one every later encoding.
    const encodeAll = (tokenizer: Tokenizer.Tokenizer) =>
      Effect.sync(() => {
        for (const sentence of sentences) Tokenizer.encode(tokenizer, sentence, { maxTokens: 64 })
      })
    const first: Array<number> = []
    const again: Array<number> = []
    for (let round = 0; round < rounds; round++) {
      const tokenizer = yield* Tokenizer.fromJson(json, undefined, "bench")
      first.push(yield* Timed.secondsOf(encodeAll(tokenizer)))
      again.push(yield* Timed.secondsOf(encodeAll(tokenizer)))
    }
    const perSecond = (seconds: ReadonlyArray<number>) => Math.round(sentences.length / Timed.spread(seconds).median)
    return {
      notes: [`${perSecond(first)} sentences/s with a new tokenizer, ${perSecond(again)} with known words`],
      ratios: [],
    }
  }),
}
