/**
 * From a CSV file to tokenised columns: a million generated rows of about 25 tokens. Loading is measured against papaparse
 * alone, which streams the same file with the same options and touches every cell; with ids from a column, and with ids
 * derived from the texts. Tokenisation starts with a new tokenizer and meets new words until the end.
 */
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import * as Dataset from "@thaw/core/Dataset"
import * as Seed from "@thaw/core/Seed"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as WordPieceTrainer from "@thaw/models/WordPieceTrainer"
import * as EncodedCorpus from "@thaw/steps/EncodedCorpus"
import * as Load from "@thaw/steps/Load"
import { Effect } from "effect"
import Papa from "papaparse"
import type { Case, Ratio, Report } from "../Case.ts"
import * as Timed from "../Timed.ts"

const rows = 1_000_000
const rounds = 3
const seed = Seed.make(7, "bench")

/** As many different words as running text of so many has: Heaps' law with the exponent of English (Heaps 1978). */
const vocabularyOf = (words: number): number => 20 * words ** 0.55

/** A word of its own for every number, of letters, longer where the number is greater. */
const spelt = (number: number): string => (number + 10).toString(26).replace(/\d/gu, (digit) => "qrstuvwxyz"[Number(digit)]!) // prettier-ignore

/** Sentences of 14 to 26 words; a word's frequency falls with its rank (Zipf 1949), and new ones never cease. */
function* sentences(): Generator<string, never, void> {
  const stream = Seed.stream(seed, "sentences")
  let words = 0
  while (true) {
    const chosen = Array.from({ length: 14 + stream.int(13) }, () => spelt(Math.floor(vocabularyOf(++words) ** stream.float()))) // prettier-ignore
    const sentence = chosen.join(" ")
    // A comma calls for quotes.
    yield stream.int(5) === 0 ? `"${sentence}, ${chosen[0]!}."` : `${sentence}.`
  }
}

const write = (file: string): void => {
  const handle = openSync(file, "w")
  const source = sentences()
  for (let row = 0; row < rows;) {
    const lines = row === 0 ? ["id,text,topic"] : []
    for (const end = row + 10_000; row < end; row++) lines.push(`row-${row},${source.next().value},topic ${row % 20}`)
    writeSync(handle, `${lines.join("\n")}\n`)
  }
  closeSync(handle)
}

/** All rows by papaparse's own stream, every cell touched. */
const parsed = (file: string): Effect.Effect<number> =>
  Effect.callback((resume) => {
    let characters = 0
    Papa.parse<ReadonlyArray<string>>(createReadStream(file), {
      delimiter: ",",
      newline: "\n",
      chunk: ({ data }) => {
        for (const row of data) for (const cell of row) characters += cell.charCodeAt(0) & 1
      },
      complete: () => resume(Effect.succeed(characters)),
      error: (cause) => resume(Effect.die(cause)),
    })
  })

const loaded = (file: string, options: { readonly id?: string }) =>
  Load.csv.run({ path: { path: file, written: "rows.csv" }, text: "text", label: "topic", ...options }) as Effect.Effect<Dataset.Examples> // prettier-ignore

const tokenised = Effect.fnUntraced(function* (examples: Dataset.Examples) {
  const source = sentences()
  const known = Array.from({ length: 20_000 }, () => source.next().value)
  const json = yield* WordPieceTrainer.train(known, { vocabularySize: 8000 })
  const tokenizer = yield* Tokenizer.fromJson(json, undefined, "bench")
  const { vocabularySize } = tokenizer
  const corpus = EncodedCorpus.collector({ vocabularySize, roles: {} })
  let tokens = 0
  const seconds = yield* Timed.secondsOf(
    Effect.sync(() => {
      for (const row of Dataset.rowsOf(examples)) {
        const encoded = Tokenizer.encodeExample(tokenizer, row, { maxTokens: 128 })
        tokens += encoded.ids.length
        corpus.add(row.id, encoded, EncodedCorpus.nothing)
      }
    }),
  )
  return { seconds, tokens }
})

export const loading: Case = {
  name: "loading",
  run: Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(path.join(tmpdir(), "thaw-loading-"))),
      (made) => Effect.sync(() => rmSync(made, { recursive: true })),
    )
    const file = path.join(folder, "rows.csv")
    write(file)
    const { seconds, tokens } = yield* tokenised(yield* loaded(file, { id: "id" }))
    const [papa, withIds, withoutIds] = yield* Timed.interleaved(
      [
        { name: "papaparse", once: Timed.secondsOf(parsed(file)) },
        { name: "ids", once: Timed.secondsOf(loaded(file, { id: "id" })) },
        { name: "no ids", once: Timed.secondsOf(loaded(file, {})) },
      ],
      rounds,
    )
    const ratio = (what: string, ours: ReadonlyArray<number>): Ratio => ({
      against: `papaparse alone, ${what}`,
      runs: rounds,
      ...Timed.spread(ours.map((each, round) => papa![round]! / each)),
    })
    const speed = (each: ReadonlyArray<number>) => `${(rows / Timed.spread(each).median / 1e6).toFixed(2)} M rows/s`
    return {
      notes: [
        `${rows.toLocaleString("en")} rows, ${Math.round(statSync(file).size / 2 ** 20)} MiB`,
        `papaparse alone ${speed(papa!)}, loading with a column of ids ${speed(withIds!)}, without ${speed(withoutIds!)}`,
        `tokenisation to columns: ${Math.round(rows / seconds)} sentences/s of ${(tokens / rows).toFixed(1)} tokens, with a new tokenizer`,
      ],
      ratios: [ratio("with a column of ids", withIds!), ratio("with ids from the texts", withoutIds!)],
    } satisfies Report
  }).pipe(Effect.scoped),
}
