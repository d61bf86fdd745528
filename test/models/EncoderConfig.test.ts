import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import { Bert } from "@thaw/models/encoders/Bert"
import { DistilBert } from "@thaw/models/encoders/DistilBert"
import { Electra } from "@thaw/models/encoders/Electra"
import { ModernBert } from "@thaw/models/encoders/ModernBert"
import { Mpnet } from "@thaw/models/encoders/Mpnet"
import { Roberta, XlmRoberta } from "@thaw/models/encoders/Roberta"
import * as Network from "@thaw/models/Network"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"

type Fields = Readonly<Record<string, unknown>>
const bert = Golden.configOf("bert").json
const [modern, mpnet, roberta] = (["modernbert", "mpnet", "roberta"] as const).map(
  (family) => Golden.configOf(family).json,
) as [Fields, Fields, Fields]
const parse = (json: unknown) => Effect.runPromise(EncoderConfig.parse(JSON.stringify(json), "folder"))
const problem = (text: string) =>
  Effect.runPromise(Effect.flip(EncoderConfig.parse(text, "folder"))).then(({ message }) => message)

describe("a config.json", () => {
  it.each([
    ["bert", Bert],
    ["distilbert", DistilBert],
    ["electra", Electra],
    ["modernbert", ModernBert],
    ["mpnet", Mpnet],
    ["roberta", Roberta],
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

  it("of XLM-R is read as RoBERTa's", async () => {
    const config = await parse({ ...roberta, model_type: "xlm-roberta" })
    expect(config.family).toBe(XlmRoberta)
    expect(config.dimensions).toEqual(Golden.configOf("roberta").dimensions)
    const parameters = (family: typeof Roberta) => Network.parameters(family.network(config.dimensions))
    expect(parameters(XlmRoberta)).toEqual(parameters(Roberta))
  })

  it("counts as many tokens as there are positions behind the padding's", async () => {
    const { positions, firstPosition } = (await parse({ ...roberta, max_position_embeddings: 514 })).dimensions
    expect([positions, firstPosition]).toEqual([512, 2])
    expect((await parse({ ...roberta, pad_token_id: 0 })).dimensions).toMatchObject({ positions: 17, firstPosition: 1 })
  })

  it("of ModernBERT says which blocks see near tokens only, in the older spelling and the newer", async () => {
    const rotaryOf = async (changed: object) =>
      (await parse({ ...modern, num_hidden_layers: 5, ...changed })).dimensions.rotary!
    const [full, near] = ["full_attention", "sliding_attention"]
    expect(await rotaryOf({ local_attention: 128 })).toEqual({
      layerTypes: [full, near, near, full, near],
      thetas: { full_attention: 160_000, sliding_attention: 10_000 },
      reach: 64,
    })
    const newer = {
      layer_types: [near, full, near, full, near],
      rope_parameters: {
        full_attention: { rope_type: "default", rope_theta: 80_000 },
        sliding_attention: { rope_type: "default", rope_theta: 5000 },
      },
    }
    const { layerTypes, thetas } = await rotaryOf(newer)
    expect(layerTypes).toEqual(newer.layer_types)
    expect(thetas).toEqual({ full_attention: 80_000, sliding_attention: 5000 })
    expect((await rotaryOf({ local_rope_theta: null })).thetas.sliding_attention).toBe(160_000)
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
      { ...bert, model_type: "deberta-v2" },
      /^folder, config\.json: expected a model_type among "bert", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta", got "deberta-v2"\. Known are "bert"/,
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
    [
      "biases that ModernBERT has none of",
      { ...modern, mlp_bias: true },
      /config\.json, mlp_bias: expected false, got true/,
    ],
    ["heads without halves", { ...modern, num_attention_heads: 32 }, /expected heads of an even size, .*, got 1\.$/],
    ["stretched positions", { ...modern, rope_scaling: { rope_type: "yarn" } }, /rope_scaling: expected null, got/],
    [
      "a type of block that is not known",
      { ...modern, layer_types: ["full_attention", "linear_attention"] },
      /layer_types\.1: expected "full_attention" \| "sliding_attention", got "linear_attention"/,
    ],
    [
      "types of other blocks than there are",
      { ...modern, layer_types: ["full_attention"] },
      /layer_types: expected one for each of 2 blocks, got 1\.$/,
    ],
    [
      "no positions behind the padding's",
      { ...roberta, max_position_embeddings: 2 },
      /max_position_embeddings: expected more than 2, since the first token has position 2, got 2\.$/,
    ],
    ["buckets that MPNet does not have", { ...mpnet, relative_attention_num_buckets: 64 }, /expected 32, got 64/],
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
