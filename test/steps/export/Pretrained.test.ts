/** An encoder's own folder: what is in it, and that it gives back what went in. */
import * as Artifact from "@thaw/core/Artifact"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Head from "@thaw/models/Head"
import * as MaskedEncoder from "@thaw/models/MaskedEncoder"
import * as Network from "@thaw/models/Network"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Export from "@thaw/steps/Export"
import * as Pretrained from "@thaw/steps/export/Pretrained"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { parse } from "yaml"
import * as World from "../world.ts"
import * as Checkpoints from "./checkpoints.ts"

const world = World.make()
afterAll(() => world.dispose())

const words: Checkpoint.Head = { ...Head.maskedTokens(), labels: [] }
const pretrained = (family: Checkpoints.FamilyName) => Checkpoints.make(family, { heads: { words } })
const bert = pretrained("bert")

const settings: Pretrained.Settings = {
  task: undefined,
  precision: "float32",
  pooling: "mean",
  card: {},
  scores: undefined,
}
const exported = (checkpoint: Checkpoint.Checkpoint, more: Partial<Pretrained.Settings> = {}) =>
  Pretrained.of(checkpoint, { ...settings, ...more }, "Export.encoder")
const filesOf = async (checkpoint: Checkpoint.Checkpoint, more: Partial<Pretrained.Settings> = {}) =>
  Checkpoints.bytesOf(await Effect.runPromise(exported(checkpoint, more)))
const folderOf = async (checkpoint: Checkpoint.Checkpoint, more: Partial<Pretrained.Settings> = {}) =>
  Checkpoints.written(await Effect.runPromise(exported(checkpoint, more)))
const failure = async (checkpoint: Checkpoint.Checkpoint, more: Partial<Pretrained.Settings> = {}) =>
  (await Effect.runPromise(Effect.flip(exported(checkpoint, more)))).message
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)
const json = (bytes: Uint8Array | undefined) => JSON.parse(text(bytes)) as Readonly<Record<string, unknown>>
const tensorsOf = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(checkpoint))
const weightsIn = async (bytes: Uint8Array | undefined) => (await Effect.runPromise(Safetensors.decode(bytes!))).tensors

/** The encoder's own names, in order. */
const encoderNames = ({ config }: Checkpoint.Checkpoint) =>
  Network.parameters(EncoderConfig.network(config)).map(({ name }) => name)

describe("an encoder's folder", () => {
  it("is one that transformers and sentence-transformers load", async () => {
    const files = await filesOf(bert)
    expect(Object.keys(files).sort()).toEqual([
      "1_Pooling/config.json",
      "README.md",
      "config.json",
      "config_sentence_transformers.json",
      "model.safetensors",
      "modules.json",
      "sentence_bert_config.json",
      "tokenizer.json",
      "tokenizer_config.json",
    ])
    expect(json(files["config.json"])).toMatchObject({
      architectures: ["BertForMaskedLM"],
      model_type: "bert",
      tie_word_embeddings: true,
      torch_dtype: "float32",
    })
  })

  // Names that transformers' `save_pretrained` writes: src/transformers/models/<family>/modeling_<family>.py, tied ones left out.
  it.each<[Checkpoints.FamilyName, ReadonlyArray<string>]>([
    [
      "bert",
      [
        "cls.predictions.bias",
        "cls.predictions.transform.LayerNorm.bias",
        "cls.predictions.transform.LayerNorm.weight",
        "cls.predictions.transform.dense.bias",
        "cls.predictions.transform.dense.weight",
      ],
    ],
    [
      "distilbert",
      [
        "vocab_layer_norm.bias",
        "vocab_layer_norm.weight",
        "vocab_projector.bias",
        "vocab_transform.bias",
        "vocab_transform.weight",
      ],
    ],
    [
      "electra",
      [
        "generator_lm_head.bias",
        "generator_predictions.LayerNorm.bias",
        "generator_predictions.LayerNorm.weight",
        "generator_predictions.dense.bias",
        "generator_predictions.dense.weight",
      ],
    ],
    ["modernbert", ["decoder.bias", "head.dense.weight", "head.norm.weight"]],
    ...(["mpnet", "roberta", "xlm-roberta"] as const).map((family): [Checkpoints.FamilyName, string[]] => [
      family,
      [
        "lm_head.bias",
        "lm_head.dense.bias",
        "lm_head.dense.weight",
        "lm_head.layer_norm.bias",
        "lm_head.layer_norm.weight",
      ],
    ]),
  ])("of %s has the head's weights under upstream's names, and the table of words once", async (family, head) => {
    const checkpoint = pretrained(family)
    const stored = await weightsIn((await filesOf(checkpoint))["model.safetensors"])
    expect(Object.keys(stored).sort()).toEqual([...encoderNames(checkpoint), ...head].sort())
  })

  it.each(Checkpoints.families)("of %s gives the same encoder back, and itself again", async (family) => {
    const checkpoint = pretrained(family)
    const folder = await folderOf(checkpoint)
    const { values } = await world.run({ encoder: Encoder.fromFolder({ path: folder }) })
    const [before, after] = [await tensorsOf(checkpoint), await tensorsOf(values.encoder)]
    expect(Object.keys(after)).toEqual(expect.arrayContaining(encoderNames(checkpoint)))
    for (const name of encoderNames(checkpoint)) expect(after[name], name).toEqual(before[name])
    // Without the head, which stays in the folder.
    const [once, twice] = [await filesOf({ ...checkpoint, heads: {} }), await filesOf(values.encoder)]
    expect(twice).toEqual(once)
  })

  it("gives the head back to whoever fills gaps", async () => {
    const folder = await folderOf(bert)
    const { values } = await world.run({ model: MaskedEncoder.fromFolder({ path: folder }) })
    const head = await weightsIn(await Effect.runPromise(Artifact.contentBytes(values.model.head)))
    const before = await tensorsOf(bert)
    for (const part of ["transform.dense.weight", "transform.LayerNorm.bias"]) {
      const name = `cls.predictions.${part}`
      expect(head[name], name).toEqual(before[`head.words.${name}`])
    }
    expect(head["cls.predictions.decoder.bias"]).toEqual(before["head.words.cls.predictions.decoder.bias"])
    expect(head["cls.predictions.decoder.weight"]).toEqual(before["bert.embeddings.word_embeddings.weight"])
  })

  it("in half precision has half the bytes, and numbers rounded to 11 bits", async () => {
    const [whole, half] = [await filesOf(bert), await filesOf(bert, { precision: "float16" })]
    expect(json(half["config.json"])["torch_dtype"]).toBe("float16")
    const [exact, rounded] = [await weightsIn(whole["model.safetensors"]), await weightsIn(half["model.safetensors"])]
    expect(Object.keys(rounded).sort()).toEqual(Object.keys(exact).sort())
    for (const [name, tensor] of Object.entries(exact)) {
      const numbers = Tensor.numbers(rounded[name]!)
      Tensor.numbers(tensor).forEach((number, at) => {
        // Half a step of 11 bits, or of the smallest numbers.
        expect(Math.abs(number - numbers[at]!)).toBeLessThanOrEqual(Math.max(Math.abs(number) * 2 ** -11, 2 ** -25))
      })
    }
    const data = Object.values(exact).reduce((sum, { shape }) => sum + Tensor.elements(shape), 0)
    expect(whole["model.safetensors"]!.length - half["model.safetensors"]!.length).toBeGreaterThan(2 * data - 64)
    // What is read from it and written again is the same file.
    const folder = await folderOf(bert, { precision: "float16" })
    const { values } = await world.run({ encoder: Encoder.fromFolder({ path: folder }) })
    expect((await filesOf(values.encoder, { precision: "float16" }))["model.safetensors"]).toEqual(
      (await filesOf({ ...bert, heads: {} }, { precision: "float16" }))["model.safetensors"],
    )
  })

  it("leaves heads that answer tasks behind, and says which class is left", async () => {
    const labelled = Checkpoints.make("bert")
    const files = await filesOf(labelled)
    expect(json(files["config.json"])["architectures"]).toEqual(["BertModel"])
    const stored = Object.keys(await weightsIn(files["model.safetensors"]))
    expect(stored).toEqual(expect.arrayContaining(["embeddings.word_embeddings.weight"]))
    expect(stored.filter((name) => name.includes("head") || name.includes("classifier"))).toEqual([])
  })

  it("has a card", async () => {
    const scores = {
      tasks: [
        {
          task: "words",
          head: "maskedTokens" as const,
          examples: 12,
          metrics: { perplexity: 40.25, accuracy: 0.4, loss: 3.695 },
          majority: {},
          perLabel: [],
          confusion: [],
        },
      ],
    }
    const card = {
      name: "tiny | one",
      language: "en",
      license: "apache-2.0",
      texts: [{ name: "A novel", license: "public domain" }],
      sections: [{ title: "What it is for", text: "Trying things out.\n" }],
    }
    const readme = text((await filesOf(bert, { card, scores }))["README.md"])
    const [, front, body] = readme.split("---\n", 3)
    expect(parse(front!)).toEqual({
      language: "en",
      license: "apache-2.0",
      library_name: "transformers",
      pipeline_tag: "fill-mask",
      tags: ["thaw", "sentence-transformers"],
    })
    expect(body).toContain("# tiny | one\n")
    expect(body).toContain("A BertForMaskedLM of ")
    expect(body).toContain("| A novel | public domain |")
    expect(body).toContain("| perplexity | 40.2500 | 12 |")
    expect(body).toContain("## What it is for\n\nTrying things out.\n")
  })
})

describe("an encoder's folder is refused", () => {
  const several = Checkpoints.make("bert", { heads: { words, more: words } })

  it("where several heads ask for hidden tokens and none is named", async () => {
    expect(await failure(several)).toBe('Export.encoder, task: expected one of "more", "words", got none.')
    const config = json((await filesOf(several, { task: "more" }))["config.json"])
    expect(config["architectures"]).toEqual(["BertForMaskedLM"])
  })

  it("for a task that has no such head", async () => {
    expect(await failure(bert, { task: "word" })).toBe(
      'Export.encoder, task: expected one of "words", got "word". Did you mean "words"?',
    )
    expect(await failure(Checkpoints.make("bert"), { task: "topic" })).toBe(
      'Export.encoder, task: expected no task, as no head asks for hidden tokens, got "topic".',
    )
  })

  it("with a weight that half precision cannot hold", async () => {
    const tensors = await tensorsOf(bert)
    const name = "bert.embeddings.LayerNorm.weight"
    const large = Tensor.float32(tensors[name]!.shape, Tensor.numbers(tensors[name]!).fill(-65_520))
    const weights = Artifact.bytes(Safetensors.encode({ ...tensors, [name]: large }))
    expect(await failure({ ...bert, weights }, { precision: "float16" })).toBe(
      `Export.encoder, ${name}: expected numbers within ±65504, which is all that float16 holds, got a greater one. ` +
        'Export with precision: "float32".',
    )
    expect(Object.keys(await filesOf({ ...bert, weights }))).toContain("model.safetensors")
  })
})

describe("Export.encoder in a pipeline", () => {
  it("gives the folder of a checkpoint and reruns nothing when nothing changed", async () => {
    const folder = await folderOf(bert)
    const outputs = () => ({
      model: Export.encoder({ trained: Encoder.fromFolder({ path: folder }), precision: "float16" }),
    })
    const first = await world.run(outputs())
    expect([...first.values.model.files.keys()]).toContain("model.safetensors")
    expect(new Set(Object.values((await world.run(outputs())).steps))).toEqual(new Set(["cached"]))
  })
})
