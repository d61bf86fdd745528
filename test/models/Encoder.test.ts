import { existsSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as Seed from "@thaw/core/Seed"
import type * as Source from "@thaw/core/Source"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as ByteLevelBpe from "@thaw/models/ByteLevelBpe"
import * as Encoder from "@thaw/models/Encoder"
import * as EncoderFolder from "@thaw/models/EncoderFolder"
import * as Head from "@thaw/models/Head"
import type * as Step from "@thaw/core/Step"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import * as Predict from "@thaw/steps/Predict"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Folder from "./encoderFolder.ts"
import * as TokenizerFiles from "./tokenizerFiles.ts"

const settled = <A>(result: Step.Awaitable<A>): Effect.Effect<A, { readonly message: string }> => {
  if (!Effect.isEffect(result)) throw new TypeError("the step is expected to give an effect")
  return result as Effect.Effect<A, { readonly message: string }>
}

const load = (folder: Source.Located) => Effect.runPromise(settled(Encoder.fromFolder.run({ path: folder })))

const refusal = async (files: Parameters<typeof Folder.write>[0]) =>
  (await Effect.runPromise(Effect.flip(settled(Encoder.fromFolder.run({ path: Folder.write(files) }))))).message

const weightsOf = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(checkpoint))

/** Every parameter has the fixture's numbers, and there is nothing else. */
const expectWhole = async (checkpoint: Checkpoint.Checkpoint) => {
  const weights = await weightsOf(checkpoint)
  expect(Object.keys(weights).sort()).toEqual(Folder.parameters.map(({ name }) => name).sort())
  for (const { name, shape } of Folder.parameters) {
    expect(weights[name]!.shape, name).toEqual(shape)
    expect(weights[name]!.data, name).toEqual(Folder.numbers(name, weights[name]!.data.length))
  }
}

const old = (name: string) =>
  name.replace(/LayerNorm\.weight$/, "LayerNorm.gamma").replace(/LayerNorm\.bias$/, "LayerNorm.beta")
const bare = (name: string) => name.replace(/^bert\./, "")

describe("an encoder's folder is read", () => {
  it.each([
    ["with the family's prefix", Folder.tensors()],
    ["without it", Folder.tensors(bare)],
    ["with gamma and beta", Folder.tensors(old)],
    ["with gamma and beta and without the prefix", Folder.tensors((name) => bare(old(name)))],
    ["in half precision", Folder.tensors(undefined, Folder.float16)],
    ["in bfloat16", Folder.tensors(undefined, Folder.bfloat16)],
    [
      "with buffers and heads that we leave behind",
      {
        "bert.embeddings.position_ids": Folder.positionIds(16),
        ...Folder.tensors(),
        "cls.predictions.bias": Folder.float32("cls", [12]),
        "classifier.weight": Folder.float32("classifier", [2, 8]),
      },
    ],
  ])("%s", async (_, tensors) => {
    await expectWhole(await load(Folder.write({ "model.safetensors": Folder.safetensors(tensors) })))
  })

  it("with its pooler, which new heads start from", async () => {
    const tensors = {
      ...Folder.tensors(bare),
      "pooler.dense.weight": Folder.float32("pooler", [8, 8]),
      "pooler.dense.bias": Folder.float32("poolerBias", [8]),
    }
    const checkpoint = await load(Folder.write({ "model.safetensors": Folder.safetensors(tensors) }))
    const heads = { topic: { ...Head.classification(), labels: ["a", "b"] } }
    const seed = Seed.make(1)
    const weights = await weightsOf(await Effect.runPromise(Checkpoint.withHeads(checkpoint, heads, seed)))
    expect(weights["head.topic.pooler.dense.weight"]!.data).toEqual(Folder.numbers("pooler", 64))
    expect(weights["head.topic.pooler.dense.bias"]!.data).toEqual(Folder.numbers("poolerBias", 8))
  })

  /** Every second tensor in one file, the others in another. */
  const halves = (tensors: ReturnType<typeof Folder.tensors>) => {
    const all = Object.entries(tensors)
    const half = (rest: number) => all.filter((_, at) => at % 2 === rest)
    const map = (file: string, rest: number) => half(rest).map(([name]) => [name, file] as const)
    const [one, two] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const
    return {
      "model.safetensors": undefined,
      [one]: Folder.safetensors(Object.fromEntries(half(0))),
      [two]: Folder.safetensors(Object.fromEntries(half(1))),
      "model.safetensors.index.json": JSON.stringify({
        metadata: { total_size: 1 },
        weight_map: Object.fromEntries([...map(one, 0), ...map(two, 1)]),
      }),
    }
  }

  it("with weights in several files", async () => {
    await expectWhole(await load(Folder.write(halves(Folder.tensors(bare)))))
  })

  it.each([
    ["../secret.safetensors", /index\.json, weight_map\.bert\..*: expected .*, got "\.\.\/secret\.safetensors"/],
    ["/etc/passwd", /index\.json, weight_map\.bert\..*: expected .*, got "\/etc\/passwd"/],
    [
      "model-3.safetensors",
      /index\.json: expected the names of files beside it, got "model-3\.safetensors", which is not/,
    ],
    [7, /index\.json, weight_map\.bert\..*: expected string, got 7/],
  ])("but not with an index that says %j", async (file, sentence) => {
    const files = halves(Folder.tensors())
    const index = JSON.parse(files["model.safetensors.index.json"]) as { weight_map: Record<string, unknown> }
    const name = Object.keys(index.weight_map).at(-1)!
    const changed = { ...index, weight_map: { ...index.weight_map, [name]: file } }
    expect(await refusal({ ...files, "model.safetensors.index.json": JSON.stringify(changed) })).toMatch(sentence)
  })

  it("from a pytorch_model.bin, as old checkpoints are, with the numbers of the same safetensors", async () => {
    const fixture = (name: string) => readFileSync(path.join(import.meta.dirname, "../fixtures/torch", name))
    const torch = { "model.safetensors": undefined, "pytorch_model.bin": fixture("encoder.bin") }
    const weights = await weightsOf(await load(Folder.write(torch)))
    expect(weights).toEqual(
      await weightsOf(await load(Folder.write({ "model.safetensors": fixture("encoder.safetensors") }))),
    )
    expect(Object.keys(weights).sort()).toEqual(
      [...Folder.parameters.map(({ name }) => name), "bert.pooler.dense.weight", "bert.pooler.dense.bias"].sort(),
    )
    const index = { weight_map: Object.fromEntries(Object.keys(weights).map((name) => [name, "part.bin"])) }
    const old = JSON.stringify(index)
      .replaceAll("LayerNorm.weight", "LayerNorm.gamma")
      .replaceAll("LayerNorm.bias", "LayerNorm.beta")
    const parts = {
      "model.safetensors": undefined,
      "part.bin": fixture("encoder.bin"),
      "pytorch_model.bin.index.json": old,
    }
    expect(await weightsOf(await load(Folder.write(parts)))).toEqual(weights)
  })

  it("with a vocab.txt, in the case that the tokenizer's settings say", async () => {
    const cased = JSON.stringify({ do_lower_case: false })
    const lowercase = async (config: string | undefined) => {
      const { tokenizer } = await load(Folder.write({ "tokenizer_config.json": config }))
      return (JSON.parse(tokenizer.json) as { normalizer: { lowercase: boolean } }).normalizer.lowercase
    }
    expect([await lowercase(cased), await lowercase(undefined)]).toEqual([false, true])
  })
})

describe("an old folder of RoBERTa's kind", () => {
  const file = JSON.parse(TokenizerFiles.bpe({ family: "roberta" })) as {
    readonly model: { readonly vocab: Readonly<Record<string, number>>; readonly merges: ReadonlyArray<string> }
  }
  const { vocab, merges } = file.model
  const files = (more: Parameters<typeof Folder.write>[0] = {}) => ({
    "config.json": JSON.stringify({ ...Folder.config, vocab_size: Object.keys(vocab).length }),
    "vocab.txt": undefined,
    "vocab.json": JSON.stringify(vocab),
    "merges.txt": `#version: 0.2\n${merges.join("\n")}\n`,
    ...more,
  })
  it("becomes the tokenizer.json that upstream makes of it", async () => {
    const { "vocab.json": vocabulary, "merges.txt": lines } = files()
    expect(JSON.parse(await Effect.runPromise(ByteLevelBpe.tokenizerJson({ vocabulary, merges: lines }, "x")))).toEqual(
      file,
    )
    const prefixed = JSON.parse(TokenizerFiles.bpe({ family: "roberta", prefixed: true })) as object
    const options = { addPrefixSpace: true }
    const given = { vocabulary: JSON.stringify(vocab), merges: merges.join("\r\n") }
    expect(JSON.parse(await Effect.runPromise(ByteLevelBpe.tokenizerJson(given, "x", options)))).toEqual(prefixed)
  })

  it("is read by its two files, and needs no others of a hub", async () => {
    const names = ["config.json", "vocab.json", "merges.txt", "tokenizer_config.json", "x"]
    expect(EncoderFolder.texts(names)).toEqual(["config.json", "tokenizer_config.json", "vocab.json", "merges.txt"])
    expect(EncoderFolder.texts([...names, "tokenizer.json"])).not.toContain("merges.txt")
  })

  it("is refused with merges or special tokens that do not fit", async () => {
    expect(await refusal(files({ "merges.txt": "a b c\n" }))).toBe(
      './encoder/merges.txt: expected two tokens of the vocabulary that make a third, got "a b c".',
    )
    expect(await refusal(files({ "merges.txt": "t zzzz\n" }))).toBe(
      './encoder/merges.txt: expected two tokens of the vocabulary that make a third, got "t zzzz".',
    )
    expect(await refusal(files({ "vocab.json": `{"a":0}` }))).toBe(
      './encoder/vocab.json: expected the special tokens "<s>", "<pad>", "</s>", "<unk>", "<mask>", got 1 tokens without "<s>", "<pad>", "</s>", "<unk>", "<mask>".',
    )
    expect(await refusal(files({ "vocab.json": "[]" }))).toMatch(/^\.\/encoder\/vocab\.json: expected /)
    expect(await refusal(files({ "merges.txt": undefined }))).toMatch(
      /^\.\/encoder: expected a tokenizer\.json, a vocab\.txt, or a vocab\.json with merges\.txt, got /,
    )
  })
})

describe("an encoder's folder is refused in one sentence", () => {
  it("when a file is missing", async () => {
    expect(await refusal({ "model.safetensors": undefined, "tf_model.h5": "x" })).toBe(
      './encoder: expected config.json and one of model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json, got "config.json", "tf_model.h5", "vocab.txt".',
    )
    expect(await refusal({ "model.safetensors": undefined, "pytorch_model.bin": "x" })).toMatch(
      /^\.\/encoder\/pytorch_model\.bin: expected a file of PyTorch 1\.6 or later, which is a zip archive, got something else\./,
    )
    expect(await refusal({ "vocab.txt": undefined })).toBe(
      './encoder: expected a tokenizer.json, a vocab.txt, or a vocab.json with merges.txt, got "config.json", "model.safetensors".',
    )
  })

  it("when its architecture is none that we have", async () => {
    expect(await refusal({ "config.json": JSON.stringify({ ...Folder.config, model_type: "berd" }) })).toBe(
      './encoder, config.json: expected a model_type among "bert", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta", got "berd". Did you mean "bert"?',
    )
  })

  it("when config.json is no JSON or says what cannot be computed", async () => {
    expect(await refusal({ "config.json": "{" })).toMatch(/^\.\/encoder, config\.json: expected JSON, got /)
    const relative = { ...Folder.config, position_embedding_type: "relative_key" }
    expect(await refusal({ "config.json": JSON.stringify(relative) })).toBe(
      './encoder, config.json, position_embedding_type: expected "absolute", got "relative_key".',
    )
  })

  it("when weights are cut off", async () => {
    const whole = Folder.safetensors(Folder.tensors())
    expect(await refusal({ "model.safetensors": whole.subarray(0, whole.length - 10) })).toMatch(
      /model\.safetensors.*: expected .*, got .*\. /,
    )
    expect(await refusal({ "model.safetensors": whole.subarray(0, 40) })).toMatch(/model\.safetensors.*: expected /)
    expect(await refusal({ "model.safetensors": new Uint8Array(0) })).toMatch(/model\.safetensors.*: expected /)
  })

  it("when a weight is missing", async () => {
    const { "bert.encoder.layer.0.output.dense.bias": _, ...others } = Folder.tensors()
    expect(await refusal({ "model.safetensors": Folder.safetensors(others) })).toMatch(
      /model\.safetensors: expected 21 tensors of a bert encoder, got a file without "bert\.encoder\.layer\.0\.output\.dense\.bias"\./,
    )
  })

  it("when a weight has another shape or is no floating-point number", async () => {
    const name = "bert.embeddings.word_embeddings.weight"
    const other = { ...Folder.tensors(), [name]: Folder.float32(name, [13, 8]) }
    expect(await refusal({ "model.safetensors": Folder.safetensors(other) })).toMatch(
      /word_embeddings\.weight: expected floating-point numbers \[12, 8\], as config\.json says, got float32 \[13, 8\]\. The config/,
    )
    const position = "bert.embeddings.position_embeddings.weight"
    const whole = { ...Folder.tensors(), [position]: Folder.positionIds(16) }
    expect(await refusal({ "model.safetensors": Folder.safetensors(whole) })).toMatch(
      /position_embeddings\.weight: expected/,
    )
  })

  it("when one weight is there under two names", async () => {
    const twice = { ...Folder.tensors(), ...Folder.tensors(bare) }
    expect(await refusal({ "model.safetensors": Folder.safetensors(twice) })).toMatch(
      /^\.\/encoder\/model\.safetensors: expected one tensor for bert\.embeddings\..*, got "bert\.embeddings\..*", "embeddings\./,
    )
  })

  it("when the tokenizer has more tokens than the config", async () => {
    const vocabulary = [...Folder.vocabulary, "more"].join("\n")
    expect(await refusal({ "vocab.txt": vocabulary })).toBe(
      "./encoder: expected a tokenizer of at most 12 tokens, as config.json says, got 13. The tokenizer and the config may be of two different encoders.",
    )
  })

  it("when the tokenizer is of another kind", async () => {
    const { tokenizer } = await load(Folder.write())
    const bytes = tokenizer.json.replace('"model":{"type":"WordPiece"', '"model":{"type":"WordLevel"')
    expect(await refusal({ "tokenizer.json": bytes })).toMatch(
      /^\.\/encoder, tokenizer\.json, model\.type: expected "WordPiece" \| "BPE" \| "Unigram", got "WordLevel"\. Read are WordPiece/,
    )
  })
})

const real = path.resolve(import.meta.dirname, "../../../shared/data/minilm_folder_no_weights")

describe("a folder of the world's", () => {
  it.skipIf(!existsSync(real))(
    "MiniLM, with random weights of its names and shapes, answers",
    async () => {
      const folder = Folder.newFolder()
      for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
        writeFileSync(path.join(folder, name), readFileSync(path.join(real, name)))
      }
      const header = JSON.parse(readFileSync(path.join(real, "safetensors_header.json"), "utf8")) as Readonly<
        Record<string, { readonly dtype: string; readonly shape: ReadonlyArray<number> }>
      >
      const stored = Object.entries(header).flatMap(([name, { dtype, shape }]) => {
        if (name === "__metadata__") return []
        return [[name, dtype === "I64" ? Folder.positionIds(512) : Folder.float32(name, shape)] as const]
      })
      writeFileSync(path.join(folder, "model.safetensors"), Folder.safetensors(Object.fromEntries(stored)))

      const checkpoint = await load({ path: folder, written: "./minilm" })
      expect(checkpoint.config.dimensions).toMatchObject({
        blocks: 6,
        hidden: 384,
        heads: 12,
        headSize: 32,
        vocab: 30522,
      })
      const left = stored.map(([name]) => name).filter((name) => name !== "embeddings.position_ids")
      expect(Object.keys(await weightsOf(checkpoint)).sort()).toEqual(left.map((name) => `bert.${name}`).sort())

      const heads = { topic: { ...Head.classification(), labels: ["a", "b"] } }
      const out = Folder.newFolder()
      await Effect.runPromise(
        Effect.gen(function* () {
          const headed = yield* Checkpoint.withHeads(checkpoint, heads, Seed.make(1))
          for (const [name, content] of yield* Checkpoint.Checkpoint.write(headed)) {
            writeFileSync(path.join(out, name), yield* Artifact.contentBytes(content))
          }
        }),
      )
      const answers = await Effect.runPromise(
        Predict.texts({ folder: out, texts: ["A café near the Ångström lab.", ""] }).pipe(
          Effect.provide(SessionProcess.layer({ threads: 2 })),
        ),
      )
      for (const { tasks } of answers) {
        const topic = tasks["topic"]!
        expect(topic._tag === "classification" && Object.values(topic.probabilities).every(Number.isFinite)).toBe(true)
      }
    },
    180_000,
  )
})
