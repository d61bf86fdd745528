import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import { Bert } from "@thaw/models/encoders/Bert"
import { DistilBert } from "@thaw/models/encoders/DistilBert"
import * as Network from "@thaw/models/Network"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"

const bert = Golden.configOf("bert").json
const parse = (json: unknown) => Effect.runPromise(EncoderConfig.parse(JSON.stringify(json), "folder"))
const problem = (text: string) =>
  Effect.runPromise(Effect.flip(EncoderConfig.parse(text, "folder"))).then(({ message }) => message)

describe("a config.json", () => {
  it.each([
    ["bert", Bert],
    ["distilbert", DistilBert],
  ] as const)("of %s gives its dimensions and is kept as it is", async (name, family) => {
    const config = Golden.configOf(name)
    expect(config.family).toBe(family)
    expect(config.dimensions).toMatchObject({
      blocks: 2,
      hidden: 32,
      heads: 4,
      headSize: 8,
      intermediate: 64,
      vocab: 60,
    })
    const again = EncoderConfig.make(family, config.dimensions)
    expect((await parse(again.json)).dimensions).toEqual(config.dimensions)
  })

  it("names every parameter as upstream's file does", async () => {
    for (const family of Golden.families) {
      const { family: known, dimensions } = Golden.configOf(family)
      const initial = await Golden.weightsOf(family, "initial")
      const expected = Object.keys(initial).filter((name) => !/^head\.|pooler/.test(name))
      const parameters = Network.parameters(known.network(dimensions))
      expect(parameters.map(({ name }) => name).sort()).toEqual(expected.sort())
      for (const { name, shape } of parameters) expect(initial[name]!.shape, name).toEqual(shape)
    }
  })

  it.each<[string, object, RegExp]>([
    [
      "an unknown family",
      { ...bert, model_type: "roberta" },
      /^folder, config\.json: expected a model_type among "bert", "distilbert", got "roberta"/,
    ],
    ["a misspelt family", { ...bert, model_type: "brt" }, /got "brt"\. Did you mean "bert"\?/],
    ["no family", { ...bert, model_type: undefined }, /got none/],
    ["a family named like an object's own", { ...bert, model_type: "toString" }, /got "toString"/],
    [
      "another activation",
      { ...bert, hidden_act: "silu" },
      /^folder, config\.json, hidden_act: expected "gelu" \| "gelu_new" \| "relu", got "silu"\.$/,
    ],
    [
      "relative positions",
      { ...bert, position_embedding_type: "relative_key" },
      /position_embedding_type: expected "absolute", got "relative_key"/,
    ],
    ["a decoder", { ...bert, is_decoder: true }, /is_decoder/],
    ["a missing length", { ...bert, hidden_size: undefined }, /hidden_size/],
    ["no blocks", { ...bert, num_hidden_layers: 0 }, /num_hidden_layers/],
    [
      "heads that do not divide the hidden size",
      { ...bert, num_attention_heads: 5 },
      /expected a hidden size that 5 attention heads divide, got 32/,
    ],
  ])("with %s is refused with a sentence", async (_, json, sentence) => {
    expect(await problem(JSON.stringify(json))).toMatch(sentence)
  })

  it("that is no JSON object is refused", async () => {
    expect(await problem("[1]")).toMatch(/config\.json: expected object, got \[1\]/)
    expect(await problem("{")).toMatch(/config\.json: expected JSON, got /)
  })
})

const minilm = join(import.meta.dirname, "../../../shared/data/minilm_folder_no_weights")

describe.skipIf(!existsSync(minilm))("MiniLM's own folder", () => {
  it("describes the parameters that its weight file has, name by name and shape by shape", async () => {
    const read = (name: string) => readFileSync(join(minilm, name), "utf8")
    const { family, dimensions } = await Effect.runPromise(EncoderConfig.parse(read("config.json"), "minilm"))
    const header = JSON.parse(read("safetensors_header.json")) as Record<string, { shape: ReadonlyArray<number> }>
    const unneeded = new Set(["__metadata__", "embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"])
    const expected = Object.entries(header).flatMap(([name, { shape }]) =>
      unneeded.has(name) ? [] : [[`bert.${name}`, shape] as const],
    )
    const parameters = Network.parameters(family.network(dimensions))
    expect(Object.fromEntries(parameters.map(({ name, shape }) => [name, shape]))).toEqual(Object.fromEntries(expected))
  })
})
