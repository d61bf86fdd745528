/** Loads, splits and tokenises a file of so many rows, from disk to disk, and says what it took. */
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import { ArtifactStore, folder } from "@thaw/core/ArtifactStore"
import * as Dataset from "@thaw/core/Dataset"
import * as Seed from "@thaw/core/Seed"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as WordPieceTrainer from "@thaw/models/WordPieceTrainer"
import * as Batch from "@thaw/steps/Batch"
import * as Load from "@thaw/steps/Load"
import * as Split from "@thaw/steps/Split"
import { Effect } from "effect"

const count = Number(process.argv[2])
const root = mkdtempSync(join(process.argv[3]!, "thaw-streaming-"))
process.on("exit", () => rmSync(root, { recursive: true, force: true }))

/** Made up of syllables: 20,000 words, twenty a sentence. */
const words = Array.from({ length: 20_000 }, (_, at) => `${syllable(at)}${syllable(at * 7 + 3)}${syllable(at * 31)}`)
function syllable(at: number): string {
  return `${"bdfgklmnprstvz"[at % 14]!}${"aeiou"[Math.floor(at / 14) % 5]!}`
}
const sentence = (row: number): string =>
  Array.from({ length: 20 }, (_, at) => words[(row * 613 + at * at * 97 + ((row * at) % 9973)) % words.length]).join(
    " ",
  )

const path = join(root, "rows.csv")
const file = openSync(path, "w")
for (let row = 0; row < count;) {
  const lines = row === 0 ? ["text,topic"] : []
  for (const end = Math.min(count, row + 10_000); row < end; row++)
    lines.push(`${sentence(row)} ${row},topic ${row % 5}`)
  writeSync(file, `${lines.join("\n")}\n`)
}
closeSync(file)

const seconds: Record<string, number> = {}
const timed = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const started = performance.now()
    return Effect.tap(effect, () => Effect.sync(() => (seconds[name] = (performance.now() - started) / 1000)))
  })

const measured = Effect.gen(function* () {
  const store = yield* ArtifactStore
  const kept = <A>(kind: Artifact.Kind<A>, value: A) =>
    Effect.gen(function* () {
      const reference = yield* store.put(kind.kind, yield* Artifact.write(kind, value))
      return yield* kind.read(yield* store.get(reference))
    })
  const source = { path, written: "rows.csv" }
  const loaded = yield* timed("load", Load.csv.run({ path: source, text: "text", label: "topic" }) as Effect.Effect<Dataset.Examples>) // prettier-ignore
  const examples = yield* timed("keep", kept(Dataset.Examples, loaded))
  const seed = Seed.make(7, "streaming")
  const split = Split.stratified.run({ examples, validation: 0.05, test: 0.1, seed }) as Effect.Effect<{
    readonly train: Dataset.TrainExamples
    readonly validation: Dataset.HeldOutExamples
    readonly test: Dataset.HeldOutExamples
  }>
  const parts = yield* timed("split", split)
  const train = yield* timed("keep train", kept(Dataset.TrainExamples, parts.train))
  const test = yield* timed("keep test", kept(Dataset.HeldOutExamples, parts.test))
  const vocabulary = Array.from({ length: 2000 }, (_, row) => sentence(row))
  const json = yield* WordPieceTrainer.train(vocabulary, { vocabularySize: 30_000 })
  const tokenizer = yield* Tokenizer.fromJson(json, undefined, "streaming")
  const labels = Dataset.labelsOf(train, "topic")
  const heads = { topic: { kind: "classification", labels, pooling: "mean", dropout: 0 } } as unknown as Batch.Heads
  const encoding = { tokenizer, limit: { maxTokens: 128 } }
  const [corpus] = yield* timed("tokenise", Batch.encode({ topic: train }, heads, encoding, "streaming"))
  return {
    rows: Dataset.size(examples),
    parts: [Dataset.size(train), Dataset.size(parts.validation), Dataset.size(test)],
    encoded: corpus!.examples.length,
    tokens: corpus!.examples.reduce((sum, example) => sum + Batch.lengthOf(example), 0),
    labels: labels.length,
  }
})

const figures = await Effect.runPromise(Effect.provide(measured, folder(join(root, "home"))))
process.stdout.write(
  JSON.stringify({
    ...figures,
    seconds,
    fileBytes: statSync(path).size,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }),
)
