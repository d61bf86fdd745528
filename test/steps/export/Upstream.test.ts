/**
 * Names and shapes of `model.safetensors` against the parameters of transformers' classes, read off
 * src/transformers/models/<family>/modeling_<family>.py: an encoder of 2 blocks, hidden size 32, intermediate size 64.
 */
import * as Artifact from "@thaw/core/Artifact"
import * as Head from "@thaw/models/Head"
import * as Safetensors from "@thaw/onnx/Safetensors"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Checkpoints from "./checkpoints.ts"

type Shapes = Readonly<Record<string, ReadonlyArray<number>>>

const [hidden, intermediate, classes] = [32, 64, 3]

const linear = (module: string, outputs = hidden, inputs = hidden): Shapes => ({
  [`${module}.weight`]: [outputs, inputs],
  [`${module}.bias`]: [outputs],
})
const norm = (module: string, length = hidden): Shapes => ({
  [`${module}.weight`]: [length],
  [`${module}.bias`]: [length],
})
const merged = (parts: ReadonlyArray<Shapes>): Shapes => Object.assign({}, ...parts) as Shapes
const blocks = (of: (index: number) => Shapes): Shapes => merged([0, 1].map(of))

interface Tables {
  readonly vocab: number
  readonly positions: number
  readonly types?: number
  readonly length?: number
}
const embeddings = ({ vocab, positions, types, length = hidden }: Tables): Shapes => ({
  "embeddings.word_embeddings.weight": [vocab, length],
  "embeddings.position_embeddings.weight": [positions, length],
  ...(types === undefined ? {} : { "embeddings.token_type_embeddings.weight": [types, length] }),
  ...norm("embeddings.LayerNorm", length),
})

const bertBlock = (index: number): Shapes => {
  const at = `encoder.layer.${index}`
  return merged([
    ...["query", "key", "value"].map((name) => linear(`${at}.attention.self.${name}`)),
    linear(`${at}.attention.output.dense`),
    norm(`${at}.attention.output.LayerNorm`),
    linear(`${at}.intermediate.dense`, intermediate, hidden),
    linear(`${at}.output.dense`, hidden, intermediate),
    norm(`${at}.output.LayerNorm`),
  ])
}

const distilBertBlock = (index: number): Shapes => {
  const at = `transformer.layer.${index}`
  return merged([
    ...["q_lin", "k_lin", "v_lin", "out_lin"].map((name) => linear(`${at}.attention.${name}`)),
    norm(`${at}.sa_layer_norm`),
    linear(`${at}.ffn.lin1`, intermediate, hidden),
    linear(`${at}.ffn.lin2`, hidden, intermediate),
    norm(`${at}.output_layer_norm`),
  ])
}

const mpnetBlock = (index: number): Shapes => {
  const at = `encoder.layer.${index}`
  return merged([
    ...["q", "k", "v", "o"].map((name) => linear(`${at}.attention.attn.${name}`)),
    norm(`${at}.attention.LayerNorm`),
    linear(`${at}.intermediate.dense`, intermediate, hidden),
    linear(`${at}.output.dense`, hidden, intermediate),
    norm(`${at}.output.LayerNorm`),
  ])
}

/** Without biases; the first block's attention has no normalisation, the embeddings' stands before it. */
const modernBertBlock = (index: number): Shapes => ({
  ...(index === 0 ? {} : { [`layers.${index}.attn_norm.weight`]: [hidden] }),
  [`layers.${index}.attn.Wqkv.weight`]: [3 * hidden, hidden],
  [`layers.${index}.attn.Wo.weight`]: [hidden, hidden],
  [`layers.${index}.mlp_norm.weight`]: [hidden],
  [`layers.${index}.mlp.Wi.weight`]: [2 * intermediate, hidden],
  [`layers.${index}.mlp.Wo.weight`]: [hidden, intermediate],
})

const classifier = linear("classifier", classes)
/** RobertaClassificationHead, ElectraClassificationHead, MPNetClassificationHead. */
const projected = merged([linear("classifier.dense"), linear("classifier.out_proj", classes)])
/** ModernBertPredictionHead: `classifier_bias` and `norm_bias` are false. */
const predicted: Shapes = { "head.dense.weight": [hidden, hidden], "head.norm.weight": [hidden], ...classifier }

interface Expected {
  /** Of the attribute that holds the encoder. */
  readonly prefix: string
  readonly name: string
  readonly encoder: (vocab: number) => Shapes
  readonly sequence: Shapes
  readonly token: Shapes
}

const roberta = (name: string): Expected => ({
  prefix: "roberta",
  name,
  encoder: (vocab) => merged([embeddings({ vocab, positions: 18, types: 1 }), blocks(bertBlock)]),
  sequence: projected,
  token: classifier,
})

const expected: Readonly<Record<Checkpoints.FamilyName, Expected>> = {
  bert: {
    prefix: "bert",
    name: "Bert",
    encoder: (vocab) => merged([embeddings({ vocab, positions: 16, types: 2 }), blocks(bertBlock)]),
    sequence: merged([linear("bert.pooler.dense"), classifier]),
    token: classifier,
  },
  distilbert: {
    prefix: "distilbert",
    name: "DistilBert",
    encoder: (vocab) => merged([embeddings({ vocab, positions: 16 }), blocks(distilBertBlock)]),
    sequence: merged([linear("pre_classifier"), classifier]),
    token: classifier,
  },
  electra: {
    prefix: "electra",
    name: "Electra",
    encoder: (vocab) =>
      merged([
        embeddings({ vocab, positions: 16, types: 2, length: 24 }),
        linear("embeddings_project", hidden, 24),
        blocks(bertBlock),
      ]),
    sequence: projected,
    token: classifier,
  },
  modernbert: {
    prefix: "model",
    name: "ModernBert",
    encoder: (vocab) => ({
      "embeddings.tok_embeddings.weight": [vocab, hidden],
      "embeddings.norm.weight": [hidden],
      ...blocks(modernBertBlock),
      "final_norm.weight": [hidden],
    }),
    sequence: predicted,
    token: predicted,
  },
  mpnet: {
    prefix: "mpnet",
    name: "MPNet",
    encoder: (vocab) =>
      merged([
        embeddings({ vocab, positions: 18 }),
        { "encoder.relative_attention_bias.weight": [32, 4] },
        blocks(mpnetBlock),
      ]),
    sequence: projected,
    token: classifier,
  },
  roberta: roberta("Roberta"),
  "xlm-roberta": roberta("XLMRoberta"),
}

const prefixed = (prefix: string, shapes: Shapes): Shapes =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`${prefix}.${name}`, shape]))

describe.each(Checkpoints.families)("an exported %s", (family) => {
  const checkpoint = Checkpoints.make(family)
  const { name, prefix, encoder, sequence, token } = expected[family]
  const own = encoder(checkpoint.config.dimensions.vocab)
  const files = async () => (await Effect.runPromise(Checkpoints.exported(checkpoint))).files
  const header = async (file: string) =>
    Effect.runPromise(Safetensors.header(await Effect.runPromise(Artifact.readBytes(await files(), file))))
  const config = async (folder: string) =>
    JSON.parse(await Effect.runPromise(Artifact.readText(await files(), `${folder}/config.json`))) as object

  it.each([
    ["encoder", own],
    ["tasks/topic", { ...prefixed(prefix, own), ...sequence }],
    ["tasks/entities", { ...prefixed(prefix, own), ...token }],
  ])("has transformers' names and shapes in %s", async (folder, shapes) => {
    const { entries, metadata } = await header(`${folder}/model.safetensors`)
    expect(Object.fromEntries([...entries.values()].map((entry) => [entry.name, entry.shape]))).toEqual(shapes)
    expect(new Set([...entries.values()].map(({ dtype }) => dtype))).toEqual(new Set(["F32"]))
    expect(metadata).toEqual({ format: "pt" })
  })

  it("says which class of transformers it is, and what its labels are", async () => {
    const common = { model_type: family, "transformers.js_config": { dtype: "fp32" } }
    expect(await config("encoder")).toMatchObject({ ...common, architectures: [`${name}Model`] })
    expect(await config("tasks/topic")).toMatchObject({
      ...common,
      architectures: [`${name}ForSequenceClassification`],
      id2label: { "0": "cat", "1": "dog", "2": "10" },
      label2id: { cat: 0, dog: 1, "10": 2 },
      problem_type: "single_label_classification",
    })
    expect(await config("tasks/entities")).toMatchObject({
      ...common,
      architectures: [`${name}ForTokenClassification`],
      id2label: { "0": "O", "1": "B-animal", "2": "I-animal" },
      label2id: { O: 0, "B-animal": 1, "I-animal": 2 },
    })
    expect(await config("tasks/entities")).not.toHaveProperty("problem_type")
  })
})

it.each(Checkpoints.families)(
  "a head over the mean of %s is refused unless transformers has a class for it",
  async (family) => {
    const heads = { mood: { ...Head.classification({ pooling: "mean" }), labels: ["good", "bad"] } }
    const made = Checkpoints.exported(Checkpoints.make(family, { heads }))
    if (family !== "modernbert") {
      expect((await Effect.runPromise(Effect.flip(made))).message).toBe(
        `export, task "mood": expected a head in its family's own form, which transformers has a class for, got a head over the mean of a ${expected[family].name} encoder's vectors. Train with Head.classification(), or export it as ONNX alone with otherHeads: "onnx".`,
      )
      return
    }
    const { files } = await Effect.runPromise(made)
    const config = await Effect.runPromise(Artifact.readText(files, "tasks/mood/config.json"))
    expect(JSON.parse(config)).toMatchObject({
      architectures: ["ModernBertForSequenceClassification"],
      classifier_pooling: "mean",
    })
  },
)
