/** Exported folders answer as the checkpoint does: read back, through their ONNX files, and loaded by transformers.js. */
import { readFileSync } from "node:fs"
import path from "node:path"
import {
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  AutoTokenizer,
  env,
  pipeline,
} from "@huggingface/transformers"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Artifact from "@thaw/core/Artifact"
import * as Encoder from "@thaw/models/Encoder"
import * as Family from "@thaw/models/Family"
import * as Group from "@thaw/models/Group"
import * as ModelProto from "@thaw/onnx/ModelProto"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { answers, batchOf, pooled, texts } from "./answers.ts"
import * as Checkpoints from "./checkpoints.ts"

env.allowRemoteModels = false
env.localModelPath = ""

/** As transformers.js has them. */
interface JsTensor {
  readonly dims: ReadonlyArray<number>
  readonly data: ArrayLike<number | bigint>
}

/** Runs an ONNX file as any other tool would: by its bytes and the names in it. */
const runFile = async (file: string, feeds: Readonly<Record<string, Tensor.Tensor>>) => {
  const session = await Onnxruntime.create(readFileSync(file))
  try {
    const given = Object.fromEntries(session.inputs.map((name) => [name, Onnxruntime.toNative(feeds[name]!)]))
    const found = await session.run(given, session.outputs)
    return Object.fromEntries(Object.entries(found).map(([name, each]) => [name, Onnxruntime.fromNative(each)]))
  } finally {
    await session.release()
  }
}

const close = (got: Tensor.Tensor | undefined, to: Tensor.Tensor) => {
  expect(got!.shape).toEqual(to.shape)
  const numbers = Tensor.numbers(to)
  const most = Math.max(...numbers.map(Math.abs))
  // Answers of such weights are far from 0: what is compared is no noise.
  expect(most).toBeGreaterThan(0.3)
  Tensor.numbers(got!).forEach((number, at) => expect(Math.abs(number - numbers[at]!)).toBeLessThan(1e-5 * most))
}

/** The logits of one text, cut out of a batch; tokens beyond the text left out. */
const rowOf = (logits: Tensor.Tensor, row: number, length: number): ReadonlyArray<ReadonlyArray<number>> => {
  const classes = logits.shape.at(-1)!
  const units = logits.shape.length === 2 ? 1 : logits.shape[1]!
  const numbers = Tensor.numbers(logits).slice(row * units * classes, (row + 1) * units * classes)
  return Array.from({ length: Math.min(units, length) }, (_, at) => numbers.slice(at * classes, (at + 1) * classes))
}

const softmax = (logits: ReadonlyArray<number>): ReadonlyArray<number> => {
  const exponentials = logits.map(Math.exp)
  const sum = exponentials.reduce((total, each) => total + each, 0)
  return exponentials.map((each) => each / sum)
}

describe.each(Checkpoints.families)("an exported %s", (family) => {
  // All texts fit in: where one does not, transformers.js cuts the closing token off too.
  const checkpoint = Checkpoints.make(family, { config: { max_position_embeddings: 64 } })
  const folder = Effect.runPromise(Checkpoints.exported(checkpoint)).then(Checkpoints.written)
  const expected = answers(checkpoint)

  it("answers all tasks in one ONNX file, and each in its own", async () => {
    const { feeds } = await batchOf(checkpoint, "int64")
    const all = await runFile(path.join(await folder, "all-heads.onnx"), feeds)
    for (const task of Object.keys(checkpoint.heads)) {
      const own = await runFile(path.join(await folder, "tasks", task, "onnx/model.onnx"), feeds)
      expect(Object.keys(own)).toEqual(["logits"])
      close(own["logits"], (await expected)[`logits.${task}`]!)
      close(all[`logits.${task}`], (await expected)[`logits.${task}`]!)
    }
    expect(Object.keys(all).sort()).toEqual(["logits.entities", "logits.topic"])
  })

  it("takes int64 ids, and token types where the family has them", async () => {
    const { graph } = ModelProto.decode(readFileSync(path.join(await folder, "tasks/topic/onnx/model.onnx")))
    const types = ["bert", "electra"].includes(family) ? ["token_type_ids"] : []
    expect(graph!.input.map(({ name }) => name).sort()).toEqual(["attention_mask", "input_ids", ...types])
    const int64 = 7
    for (const { type } of graph!.input) expect(type!.value).toMatchObject({ value: { elemType: int64 } })
  })

  it.each(["encoder", "tasks/topic", "tasks/entities"])("is the same encoder read back from %s", async (part) => {
    const read = await Effect.runPromise(
      Encoder.fromFolder.run({
        path: { path: path.join(await folder, part), written: part },
      }) as Effect.Effect<Checkpoint.Checkpoint>,
    )
    const weights = await Effect.runPromise(Checkpoint.tensors(checkpoint))
    const again = await Effect.runPromise(Checkpoint.tensors(read))
    const own = Checkpoint.parameters(checkpoint).filter(({ group }) => Group.taskOf(group) === undefined)
    for (const { name } of own) expect(again[name], name).toEqual(weights[name])
    // With the heads put on again it answers the same.
    const heads = Object.fromEntries(Object.entries(weights).filter(([name]) => name.startsWith("head.")))
    const whole = {
      ...read,
      heads: checkpoint.heads,
      weights: Artifact.bytes(Safetensors.encode({ ...again, ...heads })),
    }
    const logits = await answers(whole)
    for (const [name, tensor] of Object.entries(await expected)) close(logits[name], tensor)
  })

  it("is loaded by transformers.js, whose text-classification gives the same labels and scores", async () => {
    const classify = await pipeline("text-classification", path.join(await folder, "tasks/topic"), { dtype: "fp32" })
    const given = (await classify(texts, { top_k: 3 })) as ReadonlyArray<
      ReadonlyArray<{ readonly label: string; readonly score: number }>
    >
    const { labels } = checkpoint.heads["topic"]!
    const { "logits.topic": logits } = await expected
    texts.forEach((_, row) => {
      const scores = softmax(rowOf(logits!, row, 1)[0]!)
      const ranked = labels.map((label, at) => ({ label, score: scores[at]! })).sort((a, b) => b.score - a.score)
      expect(given[row]!.map(({ label }) => label)).toEqual(ranked.map(({ label }) => label))
      given[row]!.forEach(({ score }, at) => expect(score).toBeCloseTo(ranked[at]!.score, 5))
    })
    await classify.dispose()
  })

  it("gives transformers.js the same ids and the same logits of every token", async () => {
    const place = path.join(await folder, "tasks/entities")
    const tokenizer = await AutoTokenizer.from_pretrained(place)
    const model = await AutoModelForTokenClassification.from_pretrained(place, { dtype: "fp32" })
    const { feeds, lengths } = await batchOf(checkpoint, "int64")
    const { "logits.entities": logits } = await expected
    for (const [row, text] of texts.entries()) {
      const inputs = tokenizer(text) as { readonly input_ids: JsTensor }
      const ids = Tensor.numbers(feeds["input_ids"]!).slice(row * feeds["input_ids"]!.shape[1]!)
      expect(Array.from(inputs.input_ids.data, Number)).toEqual(ids.slice(0, lengths[row]))
      const given = ((await model(inputs)) as { readonly logits: JsTensor }).logits
      const numbers = rowOf(logits!, row, lengths[row]!).flat()
      expect(given.dims).toEqual([1, lengths[row], 3])
      numbers.forEach((number, at) => expect(Number(given.data[at])).toBeCloseTo(number, 4))
    }
    await model.dispose()
  })

  it("gives transformers.js the encoder, whose pooled features are the mean of the topmost vectors", async () => {
    const extract = await pipeline("feature-extraction", path.join(await folder, "encoder"), { dtype: "fp32" })
    const given = (await extract(texts, { pooling: "mean" })) as JsTensor
    close(Tensor.float32(given.dims, Float32Array.from(given.data, Number)), await pooled(checkpoint))
    await extract.dispose()
  })
})

describe.each(Checkpoints.families)("heads of an exported %s for several labels and for numbers", (family) => {
  const labels = ["calm", "joy", "love"]
  const heads: Checkpoint.Checkpoint["heads"] = {
    moods: { kind: "multiLabel", pooling: "cls", threshold: 0.3, labels },
    stars: { kind: "regression", pooling: "cls", center: 30, scale: 12, labels: [] },
  }
  const checkpoint = Checkpoints.make(family, { heads, config: { max_position_embeddings: 64 } })
  const folder = Effect.runPromise(Checkpoints.exported(checkpoint)).then(Checkpoints.written)
  const expected = answers(checkpoint)
  const configOf = async (task: string) =>
    JSON.parse(readFileSync(path.join(await folder, "tasks", task, "config.json"), "utf8")) as Record<string, unknown>

  it("say in their config what kind of problem they answer", async () => {
    const name = (JSON.parse(readFileSync(path.join(await folder, "tasks/moods/config.json"), "utf8")) as { architectures: ReadonlyArray<string> }).architectures[0] // prettier-ignore
    expect(name).toMatch(/ForSequenceClassification$/)
    expect(await configOf("moods")).toMatchObject({
      problem_type: "multi_label_classification",
      id2label: { 0: "calm", 1: "joy", 2: "love" },
      label2id: { calm: 0, joy: 1, love: 2 },
      threshold: 0.3,
    })
    expect(await configOf("stars")).toMatchObject({
      architectures: [name],
      problem_type: "regression",
      id2label: { 0: "LABEL_0" },
      label2id: { LABEL_0: 0 },
    })
  })

  it("are loaded by transformers.js, which gives each label its own probability and the number itself", async () => {
    const classify = await pipeline("text-classification", path.join(await folder, "tasks/moods"), { dtype: "fp32" })
    const place = path.join(await folder, "tasks/stars")
    const tokenizer = await AutoTokenizer.from_pretrained(place)
    const model = await AutoModelForSequenceClassification.from_pretrained(place, { dtype: "fp32" })
    const { "logits.moods": moods, "logits.stars": stars } = await expected
    expect(stars!.shape).toEqual([texts.length, 1])
    for (const [row, text] of texts.entries()) {
      const given = await classify(text, { top_k: null })
      expect(given.map(({ label }) => label).toSorted()).toEqual(labels)
      const logits = rowOf(moods!, row, 1)[0]!
      for (const { label, score } of given)
        expect(score).toBeCloseTo(1 / (1 + Math.exp(-logits[labels.indexOf(label)]!)), 5)
      const { logits: number } = (await model(tokenizer(text))) as { readonly logits: JsTensor }
      expect(number.dims).toEqual([1, 1])
      expect(Number(number.data[0])).toBeCloseTo(Tensor.numbers(stars!)[row]!, 3)
    }
    await classify.dispose()
    await model.dispose()
  })

  it("have weights that give the number itself in the family's own class, which knows of no measure", async () => {
    const file = await Effect.runPromise(Safetensors.decode(readFileSync(path.join(await folder, "tasks/stars/model.safetensors")))) // prettier-ignore
    const plain = { kind: "regression", pooling: "cls", labels: [] } as const
    const own = Checkpoint.parameters({ ...checkpoint, heads: { stars: plain } }).map(({ name, group }) => {
      const local = Group.taskOf(group) === undefined ? name : name.slice(group.length + 1)
      return [name, file.tensors[Family.broughtName(checkpoint.config.family, local) ?? local]!] as const
    })
    const weights = Artifact.bytes(Safetensors.encode(Object.fromEntries(own)))
    close((await answers({ ...checkpoint, heads: { stars: plain }, weights }))["logits.stars"], (await expected)["logits.stars"]!) // prettier-ignore
  })
})
