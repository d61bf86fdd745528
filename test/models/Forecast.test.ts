import path from "node:path"
import * as Dag from "@thaw/core/Dag"
import * as Dataset from "@thaw/core/Dataset"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Seed from "@thaw/core/Seed"
import type * as Wire from "@thaw/core/Wire"
import type { Checkpoint } from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import * as Forecast from "@thaw/models/Forecast"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"

const fixtures = path.join(import.meta.dirname, "../fixtures/pytorch")
const forecast = (encoder: Wire.Wire<Checkpoint>, folder = fixtures): unknown =>
  Dag.make(Pipeline.make("x", { seed: 1, outputs: { encoder } }), {}, folder).nodes.at(-1)!.forecast

describe("what is known of an encoder before its step has run", () => {
  it.each(["bert", "distilbert"])("is what config.json says: %s", (family) => {
    const known = forecast(Encoder.fromFolder({ path: `./${family}` })) as Forecast.Forecast
    expect(known.config.family.modelType).toBe(family)
    expect(Forecast.blocks(known)).toBe(2)
    expect([known.heads, known.trained, known.guessed]).toEqual([{}, [], {}])
  })

  it("is nothing where there is no folder or no config that can be read", () => {
    expect(forecast(Encoder.fromFolder({ path: "./absent" }))).toBeUndefined()
    expect(Forecast.blocks(forecast(Encoder.fromFolder({ path: "." })))).toBeUndefined()
  })

  it("is all but the vocabulary of one that begins from scratch", async () => {
    const row = { id: "a", origin: "a", text: "a few words and no more", labels: {}, tags: {} }
    const none = Dataset.examples([], { labels: [], tags: [] })
    const { train: corpus } = Dataset.parts(none, { train: [row] })
    const shape = { vocabularySize: 50, blocks: 3, hidden: 8, heads: 2, maxTokens: 16 }
    const known = forecast(Encoder.fromScratch({ corpus, ...shape })) as Forecast.Forecast
    const made = Encoder.fromScratch.run({ corpus, ...shape, seed: Seed.make(1) })
    const { config } = await Effect.runPromise(made as Effect.Effect<Checkpoint>)
    const { vocab, ...others } = config.dimensions
    expect(known.config.dimensions).toEqual({ ...others, vocab: 50 })
    expect(vocab).toBeLessThanOrEqual(50)
    expect(Object.keys(known.guessed)).toEqual(["vocab"])
  })

  it("is the given encoder's of one that is reinitialised", () => {
    const encoder = Encoder.fromFolder({ path: "./bert" })
    expect(forecast(Encoder.reinitialised({ encoder, seed: 1 }))).toEqual(forecast(encoder))
    expect(forecast(Encoder.reinitialised({ encoder: Encoder.fromFolder({ path: "./absent" }) }))).toBeUndefined()
  })
})
