/** Fine-tuned folders of the world's, as transformers writes them, read with their heads. */
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Folder from "./encoderFolder.ts"

const [hidden, labels] = [8, ["negative", "neutral", "positive"]]

const head = {
  "bert.pooler.dense.weight": Folder.float32("pooler.weight", [hidden, hidden]),
  "bert.pooler.dense.bias": Folder.float32("pooler.bias", [hidden]),
  "classifier.weight": Folder.float32("classifier.weight", [3, hidden]),
  "classifier.bias": Folder.float32("classifier.bias", [3]),
}

const config = (more: object) =>
  JSON.stringify({
    ...Folder.config,
    architectures: ["BertForSequenceClassification"],
    id2label: { "0": "negative", "1": "neutral", "2": "positive" },
    ...more,
  })

type Files = Parameters<typeof Folder.write>[0]

const run = (more: object, files: Files = {}, task: { readonly task?: string } = { task: "mood" }) =>
  Encoder.fromFolder.run({
    path: Folder.write({
      "config.json": config(more),
      "model.safetensors": Folder.safetensors({ ...Folder.tensors(), ...head }),
      ...files,
    }),
    ...task,
  }) as Effect.Effect<Checkpoint.Checkpoint, { readonly message: string }>

const load = (...given: Parameters<typeof run>) => Effect.runPromise(run(...given))
const refusal = async (...given: Parameters<typeof run>) =>
  (await Effect.runPromise(Effect.flip(run(...given)))).message
const numbersOf = async (checkpoint: Checkpoint.Checkpoint, name: string) =>
  (await Effect.runPromise(Checkpoint.tensors(checkpoint)))[name]!.data

describe("the head of a folder of transformers'", () => {
  it("is the head of the task it is read for, with the folder's labels and numbers", async () => {
    const checkpoint = await load({ problem_type: "single_label_classification" })
    expect(checkpoint.heads).toEqual({ mood: { kind: "classification", pooling: "cls", labels } })
    const own = {
      "pooler.dense.weight": Folder.numbers("pooler.weight", hidden * hidden),
      "pooler.dense.bias": Folder.numbers("pooler.bias", hidden),
      "classifier.weight": Folder.numbers("classifier.weight", 3 * hidden),
      "classifier.bias": Folder.numbers("classifier.bias", 3),
    }
    for (const [name, numbers] of Object.entries(own)) {
      expect(await numbersOf(checkpoint, `head.mood.${name}`), name).toEqual(numbers)
    }
  })

  it("reads labels by their ids, whatever their order in the file, and takes upstream's names where there are none", async () => {
    const shuffled = { "2": "positive", "0": "negative", "1": "neutral" }
    expect((await load({ id2label: shuffled })).heads["mood"]!.labels).toEqual(labels)
    const unnamed = await load({ id2label: null, num_labels: 3 })
    expect(unnamed.heads["mood"]!.labels).toEqual(["LABEL_0", "LABEL_1", "LABEL_2"])
  })

  it("may be for tokens", async () => {
    const checkpoint = await load({ architectures: ["BertForTokenClassification"] })
    expect(checkpoint.heads).toEqual({ mood: { kind: "tokenClassification", labels } })
    expect(await numbersOf(checkpoint, "head.mood.classifier.weight")).toEqual(
      Folder.numbers("classifier.weight", 3 * hidden),
    )
  })

  it("may be for several labels an example, with upstream's threshold unless the folder is ours", async () => {
    const several = { problem_type: "multi_label_classification" }
    const kind = { kind: "multiLabel", pooling: "cls", threshold: 0.5, labels }
    expect((await load(several)).heads).toEqual({ mood: kind })
    expect((await load({ ...several, threshold: 0.3 })).heads).toEqual({ mood: { ...kind, threshold: 0.3 } })
  })

  it("may be for a number, which a config with one label is for unless it says otherwise", async () => {
    const one = Folder.safetensors({
      ...Folder.tensors(),
      ...head,
      "classifier.weight": Folder.float32("classifier.weight", [1, hidden]),
      "classifier.bias": Folder.float32("classifier.bias", [1]),
    })
    const checkpoint = await load({ id2label: { "0": "LABEL_0" } }, { "model.safetensors": one })
    expect(checkpoint.heads).toEqual({ mood: { kind: "regression", pooling: "cls", labels: [] } })
    expect(await numbersOf(checkpoint, "head.mood.classifier.weight")).toEqual(
      Folder.numbers("classifier.weight", hidden),
    )
  })

  it("is left behind when no task is named", async () => {
    const checkpoint = await load({}, {}, {})
    expect([checkpoint.heads, checkpoint.training]).toEqual([{}, { updates: {}, history: [] }])
    const names = Object.keys(await Effect.runPromise(Checkpoint.tensors(checkpoint)))
    expect(names.filter((name) => name.includes("classifier"))).toEqual([])
  })

  it("counts as trained, on the encoder of its folder", async () => {
    const { training } = await load({})
    expect(Object.keys(training.trainedOn!)).toEqual(["mood"])
    const same = await load({ architectures: ["BertForTokenClassification"] })
    expect(same.training).toEqual(training)
    const other = Folder.tensors((name) => name, (name, shape) => Folder.float32(`other ${name}`, shape)) // prettier-ignore
    const moved = await load({}, { "model.safetensors": Folder.safetensors({ ...other, ...head }) })
    expect(moved.training).not.toEqual(training)
  })
})

describe("a folder's head is refused in one sentence", () => {
  it("when the folder has none, or one of another kind", async () => {
    expect(await refusal({ architectures: ["BertModel"] })).toBe(
      './encoder, config.json, architectures: expected a class for sequence or token classification, since its head is asked for, got "BertModel". Leave out task to take the encoder alone.',
    )
    expect(await refusal({ architectures: null })).toMatch(/, got none\. Leave out task/)
    expect(await refusal({ problem_type: "something_else" })).toBe(
      './encoder, config.json, problem_type: expected one of "single_label_classification", "multi_label_classification", "regression", got "something_else".',
    )
    expect(await refusal({ problem_type: "regression" })).toBe(
      "./encoder, config.json, id2label: expected one entry, for a number, got 3.",
    )
  })

  it("when its labels are none", async () => {
    expect(await refusal({ id2label: { "0": "a", "2": "b" } })).toBe(
      './encoder, config.json, id2label: expected the ids 0 to 1, got "0", "2".',
    )
    expect(await refusal({ id2label: { "0": "a", "1": "a", "2": "b" } })).toBe(
      './encoder, config.json, id2label: expected labels that differ, got "a" twice.',
    )
    expect(await refusal({ id2label: ["a"] })).toMatch(/^\.\/encoder, config\.json, id2label: expected /)
  })

  it("when its weights are missing or of another shape", async () => {
    const without = Object.fromEntries(Object.entries(head).filter(([name]) => name !== "classifier.bias"))
    const files = { "model.safetensors": Folder.safetensors({ ...Folder.tensors(), ...without }) }
    expect(await refusal({}, files)).toBe(
      './encoder/model.safetensors: expected 25 tensors of a bert encoder and its head, got a file without "bert.classifier.bias". Did you mean "bert.classifier.weight"?',
    )
    expect(await refusal({ id2label: { "0": "a", "1": "b" } })).toBe(
      "./encoder/model.safetensors, classifier.weight: expected floating-point numbers [2, 8], as config.json says, got float32 [3, 8]. The config and the weights may be of two different encoders.",
    )
  })
})
